"""What a sample's methylation says of its purity: how far probes depart from normal controls.

Belongs here: the methylation of normal controls as a reference, and a sample against it. Does not
belong here: copy number, which purity is estimated from (`cup_assets.copynumber.purity`).

At a CpG that normal cells leave unmethylated, a beta of x means that at least a fraction x of the
sample's alleles comes from other cells. The idea is InfiniumPurify's (Zheng et al. 2014, 2017);
its list of CpGs per tumour type is replaced by all that are unmethylated in the normal controls, so
that no type need be known. What the most changed of them show is a lower bound of the purity, not
the purity: nothing says that they change in every tumour cell and on both alleles.

Methylation gained, not lost: a germline variant takes methylation away from a methylated CpG, but
cannot feign it at an unmethylated one, which reads as T with or without the variant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.genome import AUTOSOMES

_LEAST_CONTROLS = 4
_LOW_MEAN, _LOW_SD = 0.15, 0.04
_QUANTILE = 0.99
_LEAST_PROBES = 500


@dataclass(frozen=True, eq=False)
class NormalMethylation:
    """The methylation of normal controls at the CpGs that all of them leave unmethylated.

    Attributes
    ----------
    rows : int64[m]
        Manifest rows of those CpGs, ascending.
    mean : float32[m]
        Mean beta of the controls.
    """

    rows: NDArray[np.int64]
    mean: NDArray[np.float32]

    @property
    def version(self) -> str:
        """Content hash."""
        digest = hashlib.sha256(self.rows.astype("<i8").tobytes())
        digest.update(self.mean.astype("<f4").tobytes())
        return digest.hexdigest()[:16]


def normal_methylation(betas: NDArray[np.float32], probes: pl.DataFrame) -> NormalMethylation:
    """Find the CpGs that normal controls leave unmethylated.

    Parameters
    ----------
    betas : float32[k, p]
        Betas of the controls of one array; NaN where masked. A CpG counts that at least four of
        them show, with a mean below .15 and a standard deviation below .04.
    probes : pl.DataFrame
        The manifest's probes, p rows: ``chrom``, ``kind``. Only CpGs on autosomes count.

    Returns
    -------
    NormalMethylation
        Without rows, if there are fewer than four controls.
    """
    usable = (pl.col("kind") == "cg") & pl.col("chrom").is_in(AUTOSOMES)
    candidates = np.flatnonzero(probes.select(usable.fill_null(False)).to_series().to_numpy())
    values = betas[:, candidates].astype(np.float64)
    known = np.isfinite(values)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / n
    variance = np.where(known, (values - mean) ** 2, 0).sum(axis=0) / n
    enough = known.sum(axis=0) >= _LEAST_CONTROLS
    chosen = enough & (mean < _LOW_MEAN) & (variance < _LOW_SD**2)
    return NormalMethylation(candidates[chosen], mean[chosen].astype(np.float32))


def purity_at_least(betas: NDArray[np.float32], normal: NormalMethylation) -> float | None:
    """Return a lower bound of a sample's purity.

    The change from the controls' mean is expressed as the fraction of cells that would make it if
    they were fully methylated; the hundredth part of the CpGs that changes most is taken for the
    tumour, and the least changed of those gives the bound.

    Parameters
    ----------
    betas : float32[m]
        The sample's betas at the rows of ``normal``, NaN where masked.
    normal : NormalMethylation

    Returns
    -------
    float or None
        0 to 1; None if fewer than 500 of the CpGs are measured.
    """
    change = (betas.astype(np.float64) - normal.mean) / (1 - normal.mean.astype(np.float64))
    change = change[np.isfinite(change)]
    if change.size < _LEAST_PROBES:
        return None
    return float(np.clip(np.quantile(change, _QUANTILE), 0, 1))
