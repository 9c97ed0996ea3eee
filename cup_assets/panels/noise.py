"""What a technology would have measured where an array measured a beta.

Belongs here: noise, counted molecules, lost amplicons. Does not belong here: what noise does to a
diagnosis (assay_accuracy).

Only random errors are simulated. A shift between technology and array, as by PCR that prefers one
allele, is specific to each amplicon, and unknown until it is measured on samples that have both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints, Strings
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import Technology


def measured_by(
    technology: Technology,
    betas: Features,
    seed: int | Sequence[int],
    amplicons: Strings | Ints | Sequence[str] | None = None,
) -> Features:
    """Return betas as the technology might have measured them; the same for the same seed.

    For each sample and amplicon: with the technology's ``dropout`` nothing is measured; else,
    where it counts molecules, their number is Poisson, none is nothing measured, and each is
    methylated by the chance beta; then normal noise of the technology's ``sd`` is added, and the
    value brought back into 0..1. A technology with one value an amplicon measures the mean of its
    CpGs, and gives it for each of them.

    Parameters
    ----------
    technology
    betas : float32[n, q]
        Taken as the truth; NaN is missing, and stays so where CpGs are measured one by one.
    seed
    amplicons : q names or numbers
        The amplicon of each CpG; None: each has its own.

    Returns
    -------
    float32[n, q]
        NaN is not measured.

    Raises
    ------
    PanelError
        Where there is not one amplicon a CpG, or values are no betas.
    """
    n, q = betas.shape
    if amplicons is not None and len(amplicons) != q:
        raise PanelError(f"{len(amplicons)} amplicons are given for {q} CpGs: give one for each")
    truth = betas.astype(np.float64)
    if np.nanmin(truth, initial=0) < 0 or np.nanmax(truth, initial=1) > 1:
        raise PanelError("values outside of 0..1 cannot be measured: give betas")
    cpgs = np.arange(q)
    amplicon = cpgs if amplicons is None else np.unique(amplicons, return_inverse=True)[1]
    count = int(amplicon.max(initial=-1)) + 1
    unit = amplicon if technology.resolution == "amplicon" else cpgs
    values = _unit_means(truth, unit)
    of_unit = np.zeros(values.shape[1], dtype=np.int64)
    of_unit[unit] = amplicon

    rng = np.random.default_rng(seed)
    lost = rng.random((n, count)) < technology.dropout
    if technology.molecules is not None:
        molecules = rng.poisson(technology.molecules, (n, count))
        lost |= molecules == 0
        known = ~np.isnan(values)
        seen = np.maximum(molecules, 1)[:, of_unit]
        counted = rng.binomial(seen, np.where(known, values, 0)) / seen
        values = np.where(known, counted, np.nan)
    values = np.clip(values + rng.normal(0, technology.sd, values.shape), 0, 1)
    values[lost[:, of_unit]] = np.nan
    return values[:, unit].astype(np.float32)


def only_some(betas: Features, k: int | Ints, seed: int | Sequence[int]) -> Features:
    """Return betas float32[n, q] of which each sample keeps ``k`` columns, drawn blindly.

    ``k`` may be a number a sample, int64[n, 1].
    What was missing is drawn like all others, and stays missing.
    """
    n, q = betas.shape
    rank = np.random.default_rng(seed).random((n, q)).argsort(axis=1).argsort(axis=1)
    return np.where(rank < k, betas, np.float32(np.nan))


def _unit_means(truth: Floats, unit: Ints) -> Floats:
    """Return the mean float64[n, u] of the known CpGs of each unit, NaN where none is known."""
    known = ~np.isnan(truth)
    member = np.eye(int(unit.max(initial=-1)) + 1)[unit]
    counts = known.astype(np.float64) @ member
    sums = np.where(known, truth, 0) @ member
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
