"""What a sample's intensities would be without copy-number changes.

Belongs here: the regression of a sample on the controls, the choice of controls, and the refusal
of intensities that are no measurement. Does not belong here: bins and segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins, Index
from cup_assets.copynumber.moments import Moments, dot
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.reference import ControlPool, missing_fault

_RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Fit:
    """A sample's log2 ratio to the controls.

    Attributes
    ----------
    ratio : float32[p]
        log2 ratio of every probe of the array; NaN where the sample or a control lacks the
        probe, and on chromosomes X and Y where there is no reference of the sample's sex.
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
    """Return why these intensities (float32[p], NaN = missing) are no measurement, or None."""
    if np.isinf(log2_total).any():
        return "intensities that are not finite: process the sample again"
    if fault := missing_fault(log2_total, parameters):
        return f"{fault}: a damaged scan, or not of this array"
    low, high = float(np.nanmin(log2_total)), float(np.nanmax(log2_total))
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

    The coefficients come from the autosomal probes that the sample and all controls have. A
    control of the sample's own id is never
    used, nor one that correlates ``max_control_correlation`` or more with it; should fewer than
    ``min_controls`` remain by the second rule, the least correlated are taken back, with a
    warning, because arrays of one slide can be that similar. Chromosomes X and Y are fitted on
    the controls of the sample's sex alone.

    Parameters
    ----------
    sample_id : str
    sex : {"F", "M", None}
    log2_total : float32[p]
        log2 (M + U), normalised as the controls were; NaN for probes that the sample lacks.
    pool : ControlPool
    bins : Bins
    parameters : CnvParameters

    Returns
    -------
    Fit or Refusal
    """
    lacks = np.isnan(log2_total)
    if lacks[pool.rows].all():
        return Refusal("no autosomal probe is measured in the sample and in all controls")
    equations = _normal_equations(log2_total, lacks, pool)
    if equations.variance <= 0:
        return Refusal("all autosomal intensities are equal: the scan failed")
    correlation = equations.correlation
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
    expected = _expectation(used, equations, pool)
    matched = np.array([i for i in used if sex is not None and pool.sexes[i] == sex], np.int64)
    sexed = matched.size >= parameters.min_sex_controls
    measured = {"M": ("X", "Y"), "F": ("X",)}.get(sex or "", ()) if sexed else ()
    for chrom in measured:
        rows = bins.sex_probes[chrom]
        rows = rows[~(lacks | pool.lacks)[rows]]
        if rows.size:
            expected[rows] = _sex_expectation(matched, equations, pool, rows)
    if not sexed:
        warnings.append(
            "X and Y not called: sex unknown"
            if sex is None
            else f"X and Y not called: {matched.size} controls of sex {sex}, "
            f"at least {parameters.min_sex_controls} are needed"
        )
    if lacks.any():
        warnings.append(f"{int(lacks.sum())} of {lacks.size} probes are not in the sample's files")
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


@dataclass(frozen=True)
class _NormalEquations:
    """What a sample's regression on any of the controls needs, over the probes that all have."""

    level: float
    variance: float
    products: NDArray[np.float64]
    moments: Moments

    @property
    def correlation(self) -> NDArray[np.float64]:
        scale = np.sqrt(np.diag(self.moments.gram) * self.variance)
        return np.asarray(self.products / scale)

    def weights(self, used: Index) -> NDArray[np.float64]:
        """Solve for the weights of the chosen controls.

        Least squares with a rank tolerance, because two controls may be nearly the same array.
        """
        gram = self.moments.gram[np.ix_(used, used)]
        solution = np.linalg.lstsq(gram, self.products[used], rcond=_RANK_TOLERANCE)
        return np.asarray(solution[0], np.float64)


def _normal_equations(
    log2_total: NDArray[np.float32], lacks: NDArray[np.bool_], pool: ControlPool
) -> _NormalEquations:
    """Compute the sample's products anew, and take the controls' own from the pool."""
    gone = lacks[pool.rows]
    rows = pool.rows[~gone]
    values = log2_total[rows].astype(np.float64)
    level = float(np.add.reduce(values)) / rows.size
    centred = values - level
    return _NormalEquations(
        level=level,
        variance=float(np.add.reduce(centred * centred)),
        products=np.array([dot(control[rows], centred) for control in pool.log2]),
        moments=pool.moments.without(np.take(pool.log2, pool.rows[gone], axis=1)),
    )


def _choose_controls(
    sample_id: str,
    correlation: NDArray[np.float64],
    pool: ControlPool,
    parameters: CnvParameters,
) -> tuple[Index, list[str]]:
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


def _expectation(
    used: Index, equations: _NormalEquations, pool: ControlPool
) -> NDArray[np.float32]:
    weights = equations.weights(used)
    intercept = equations.level - float(weights @ equations.moments.mean[used])
    expected = np.full(pool.log2.shape[1], intercept, np.float32)
    for weight, control in zip(weights, used, strict=True):
        expected += np.float32(weight) * pool.log2[control]
    return expected


def _sex_expectation(
    used: Index, equations: _NormalEquations, pool: ControlPool, rows: Index
) -> NDArray[np.float32]:
    """Predict one sex chromosome from controls of the sample's sex.

    The weights of noisy controls sum to less than 1, which would carry only a part of the
    chromosome's distance from the autosomes over to the sample and feign a loss of a single X.
    So that distance is taken whole, as the controls' mean, and the weights serve for the
    differences between the chromosome's probes.
    """
    weights = equations.weights(used)
    values = pool.log2[used][:, rows].astype(np.float64)
    of_chrom = values.mean(axis=1, keepdims=True)
    distance = float((of_chrom[:, 0] - equations.moments.mean[used]).mean())
    return np.asarray(equations.level + distance + weights @ (values - of_chrom), np.float32)
