"""``raw``: intensities as scanned.

Belongs here: the absence of a correction. Does not belong here: anything that changes a value.

No background correction and no dye-bias correction (``preprocessRaw`` in minfi: Aryee et al.,
Bioinformatics 2014, 30:1363). Illumina's beta on raw intensities, beta = M / (M + U + 100)
(Bibikova et al., Genomics 2011, 98:288). For comparison: betas are drawn towards the middle by the
background and shifted by the dyes' different brightness.
"""

from __future__ import annotations

import numpy as np

from cup_assets.methylome.histogram import LEVELS
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Correction, Intensities
from cup_assets.methylome.parameters import BetaParameters

_UNCHANGED = LEVELS.astype(np.float32)
_UNCHANGED.setflags(write=False)


def raw(
    _grn: Intensities, _red: Intensities, plan: GatherPlan, _parameters: BetaParameters
) -> Correction:
    """Leave one sample as it is."""
    nothing = float("nan")
    return Correction(
        plan=plan,
        green=_UNCHANGED,
        red=_UNCHANGED,
        measures={
            "background_grn": nothing,
            "background_sd_grn": nothing,
            "background_red": nothing,
            "background_sd_red": nothing,
            "dye_factor": nothing,
        },
    )
