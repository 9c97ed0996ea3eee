"""Technical effects that samples share: of the batch, the centre, and the material.

Belongs here: log2 offsets per probe, apart for methylated and unmethylated signal. Does not belong
here: noise of a single sample (`signal`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.hashing import Floats, Keys, normal
from cup_assets.simulate.people import Sample

_SD = {"batch": 0.12, "site": 0.12, "ffpe": 0.25}
# FFPE loses a little more methylated than unmethylated signal.
_FFPE_MEAN = {"m": -0.15, "u": 0.05}


class SharedEffects:
    """Log2 offsets of the measured signal, per probe."""

    def __init__(self, design: CohortDesign, keys: Keys) -> None:
        self._design = design
        self._keys = keys
        # A batch's samples come one after the other; its offsets are kept until the next batch.
        self._draw = lru_cache(maxsize=12)(self._draw_uncached)

    def offset(self, kind: str, group: str, allele: str) -> Floats:
        """Return one effect's offset.

        Parameters
        ----------
        kind, group : str, str
            ``batch`` and its name, ``site`` and its name, or ``ffpe`` and "FFPE".
        allele : str
            ``m`` or ``u``.

        Returns
        -------
        ndarray of float32, shape (probes,)
            log2 units.
        """
        return self._draw(kind, group, allele)

    def of_sample(self, sample: Sample, allele: str) -> Floats:
        """Return the sum of a sample's offsets (log2) for one allele."""
        total = self.offset("batch", sample.batch, allele) + self.offset(
            "site", sample.site, allele
        )
        if sample.material == "FFPE":
            total = total + self.offset("ffpe", "FFPE", allele)
        return total

    def _draw_uncached(self, kind: str, group: str, allele: str) -> Floats:
        scale = getattr(self._design, f"{kind}_effect")
        mean = _FFPE_MEAN[allele] if kind == "ffpe" else 0.0
        # FFPE and centres do the same in every cohort; a batch happens once.
        topic = f"{kind}/{group}/{allele}/{self._design.seed if kind == 'batch' else ''}"
        return np.float32(scale) * (
            np.float32(mean) + np.float32(_SD[kind]) * normal(self._keys, topic)
        )
