"""What a sample's intensities would be without copy-number changes.

Belongs here: the regression of a sample on the controls, the choice of controls, and the refusal
of intensities that are no measurement. Does not belong here: bins and segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.reference import ControlPool, autosomal_mask, dot, masked_mean

_RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Fit:
    """A sample's log2 ratio to the controls.

    Attributes
    ----------
    ratio : float32[p]
        log2 ratio of every probe of the array; NaN on chromosomes X and Y where there is no
        reference of the sample's sex.
    controls : tuple of str
        Ids of the controls used.
    correlation : float
        Pearson correlation with the most similar control, the sample itself left out.
    warnings : tuple of str
    """

    ratio: NDArray[np.float32]
    controls: tuple[str, ...]
    correlation: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """Why a sample's intensities allow no profile."""

    reason: str


def intensity_fault(log2_total: NDArray[np.float32], parameters: CnvParameters) -> str | None:
    """Return why these intensities (float32[p]) are no measurement, or None."""
    if not np.isfinite(log2_total).all():
        return "intensities that are not finite: process the sample again"
    low, high = float(log2_total.min()), float(log2_total.max())
    if high <= 0:
        return "all intensities are zero: the scan failed"
    if high - low < 1e-3:
        return f"all intensities are equal (log2 {high:.2f}): the scan failed"
    saturated = float((log2_total >= high - 1e-3).mean())
    if saturated > parameters.max_saturated_fraction:
        return f"{saturated:.0%} of the probes are at the highest intensity: a saturated scan"
    return None


def fit_sample(
    sample_id: str,
    sex: str | None,
    log2_total: NDArray[np.float32],
    pool: ControlPool,
    bins: Bins,
    parameters: CnvParameters,
) -> Fit | Refusal:
    """Regress a sample on the pool's controls (ordinary least squares, as conumee2 does).

    The coefficients come from the autosomal probes. A control of the sample's own id is never
    used, nor one that correlates ``max_control_correlation`` or more with it; should fewer than
    ``min_controls`` remain by the second rule, the least correlated are taken back, with a
    warning, because arrays of one slide can be that similar. Chromosomes X and Y are fitted on
    the controls of the sample's sex alone.

    Parameters
    ----------
    sample_id : str
    sex : {"F", "M", None}
    log2_total : float32[p]
        log2 (M + U), normalised as the controls were; finite.
    pool : ControlPool
    bins : Bins
    parameters : CnvParameters

    Returns
    -------
    Fit or Refusal
    """
    autosomal = autosomal_mask(bins)
    centred = (log2_total - masked_mean(log2_total, autosomal)) * autosomal
    products = np.array([dot(control, centred) for control in pool.log2])
    variance = float(np.add.reduce(centred * centred))
    if variance <= 0:
        return Refusal("all autosomal intensities are equal: the scan failed")
    correlation = products / np.sqrt(np.diag(pool.gram) * variance)
    used, warnings = _choose_controls(sample_id, correlation, pool, parameters)
    if len(used) < parameters.min_controls:
        return Refusal(
            f"only {len(used)} of {pool.n_controls} controls can serve this sample (never itself "
            f"or a copy of it), at least {parameters.min_controls} are needed: add samples with "
            "role normal_control"
        )
    best = float(correlation[used].max())
    if best < parameters.min_correlation:
        return Refusal(
            f"intensities do not resemble the controls' (correlation {best:.2f}, at least "
            f"{parameters.min_correlation:.2f} is needed): failed or different array"
        )
    level = masked_mean(log2_total, autosomal)
    expected = _expectation(used, products, level, pool)
    matched = np.array([i for i in used if sex is not None and pool.sexes[i] == sex], np.int64)
    sexed = matched.size >= parameters.min_sex_controls
    measured = {"M": ("X", "Y"), "F": ("X",)}.get(sex or "", ()) if sexed else ()
    for chrom in measured:
        rows = bins.sex_probes[chrom]
        expected[rows] = _sex_expectation(matched, products, level, pool, rows)
    if not sexed:
        warnings.append(
            "X and Y not called: sex unknown"
            if sex is None
            else f"X and Y not called: {matched.size} controls of sex {sex}, "
            f"at least {parameters.min_sex_controls} are needed"
        )
    ratio = log2_total - np.maximum(expected, 0)
    for chrom, rows in bins.sex_probes.items():
        if chrom not in measured:
            ratio[rows] = np.nan
    return Fit(
        ratio=ratio,
        controls=tuple(pool.sample_ids[i] for i in used),
        correlation=best,
        warnings=tuple(warnings),
    )


def _choose_controls(
    sample_id: str,
    correlation: NDArray[np.float64],
    pool: ControlPool,
    parameters: CnvParameters,
) -> tuple[NDArray[np.int64], list[str]]:
    possible = np.array(
        [
            name != sample_id and r < parameters.identical_correlation
            for name, r in zip(pool.sample_ids, correlation, strict=True)
        ]
    )
    strict = np.flatnonzero(possible & (correlation < parameters.max_control_correlation))
    if strict.size >= parameters.min_controls:
        return strict, []
    by_likeness = np.argsort(np.where(possible, correlation, np.inf), kind="stable")
    used = np.sort(by_likeness[: min(parameters.min_controls, int(possible.sum()))])
    warning = (
        f"{used.size - strict.size} controls correlate {parameters.max_control_correlation} or "
        "more with the sample and are used for want of others"
    )
    return used, [warning]


def _weights(
    used: NDArray[np.int64], products: NDArray[np.float64], pool: ControlPool
) -> NDArray[np.float64]:
    """Solve the normal equations of the chosen controls.

    Least squares with a rank tolerance, because two controls may be nearly the same array.
    """
    gram = pool.gram[np.ix_(used, used)]
    solution = np.linalg.lstsq(gram, products[used], rcond=_RANK_TOLERANCE)
    return np.asarray(solution[0], np.float64)


def _expectation(
    used: NDArray[np.int64], products: NDArray[np.float64], level: float, pool: ControlPool
) -> NDArray[np.float32]:
    weights = _weights(used, products, pool)
    intercept = level - float(weights @ pool.mean[used])
    expected = np.full(pool.log2.shape[1], intercept, np.float32)
    for weight, control in zip(weights, used, strict=True):
        expected += np.float32(weight) * pool.log2[control]
    return expected


def _sex_expectation(
    used: NDArray[np.int64],
    products: NDArray[np.float64],
    level: float,
    pool: ControlPool,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Predict one sex chromosome from controls of the sample's sex.

    The weights of noisy controls sum to less than 1, which would carry only a part of the
    chromosome's distance from the autosomes over to the sample and feign a loss of a single X.
    So that distance is taken whole, as the controls' mean, and the weights serve for the
    differences between the chromosome's probes.
    """
    weights = _weights(used, products, pool)
    values = pool.log2[used][:, rows].astype(np.float64)
    of_chrom = values.mean(axis=1, keepdims=True)
    distance = float((of_chrom[:, 0] - pool.mean[used]).mean())
    return np.asarray(level + distance + weights @ (values - of_chrom), np.float32)
