"""A sample's copy-number profile, from its intensities to its calls.

Belongs here: the order of the steps, the profile and the schemas of its frames. Does not belong
here: the steps themselves, storage, drawing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.calls import (
    NO_CALL,
    Call,
    altered_fraction,
    arm_calls,
    focal_calls,
    gene_calls,
    segment_call,
)
from cup_assets.copynumber.errors import CnvError
from cup_assets.copynumber.fit import Refusal, fit_sample, intensity_fault
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.reference import ControlPool
from cup_assets.copynumber.segment import (
    change_points,
    join_similar,
    segment_means,
    smooth_outliers,
)
from cup_assets.copynumber.summary import BinValues, summarise
from cup_assets.genome import chromosome_arms

BINS_SCHEMA = {
    "sample_id": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "log2": pl.Float64,
    "n_probes": pl.Int32,
}
SEGMENTS_SCHEMA = {
    "sample_id": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "n_probes": pl.Int32,
    "log2": pl.Float64,
    "call": pl.String,
}
CALLS_SCHEMA = {
    "sample_id": pl.String,
    "kind": pl.String,
    "region": pl.String,
    "log2": pl.Float64,
    "call": pl.String,
    "confidence": pl.Float64,
}
SUMMARY_SCHEMA = {
    "sample_id": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "noise": pl.Float64,
    "shift": pl.Float64,
    "altered_fraction": pl.Float64,
    "pool_version": pl.String,
    "n_controls": pl.Int32,
    "warnings": pl.String,
}


@dataclass(frozen=True)
class CnvProfile:
    """A sample's copy-number profile, or the reason why there is none.

    Attributes
    ----------
    sample_id : str
    build : str
        Genome build of all coordinates (0-based, half-open base pairs).
    bins : pl.DataFrame
        `BINS_SCHEMA`, measured bins in genome order; ``log2`` is the ratio to the controls,
        baseline shift taken off.
    segments : pl.DataFrame
        `SEGMENTS_SCHEMA`; the segments of a chromosome cover its bins without overlap. ``call``
        is deletion, loss, neutral, gain or amplification.
    calls : pl.DataFrame
        `CALLS_SCHEMA`. ``kind`` arm (every arm of the build, always), gene (every gene of the
        parameters, always) or focal (``region`` "chrom:start-end"); ``call`` as for segments or
        no_call; ``confidence`` is the probability of the call given noise; ``log2`` and
        ``confidence`` are null where nothing was measured.
    noise : float or None
        Root mean square difference of neighbouring probes (log2 units).
    shift : float or None
        Baseline shift taken off (log2 units).
    altered_fraction : float or None
        Part of the autosomes' segmented length that is not neutral.
    pool_version : str or None
        Version of the control pool.
    n_controls : int
        Controls that served this sample.
    reason : str or None
        Why there is no profile; None if there is one.
    warnings : tuple of str
    """

    sample_id: str
    build: str
    bins: pl.DataFrame
    segments: pl.DataFrame
    calls: pl.DataFrame
    noise: float | None
    shift: float | None
    altered_fraction: float | None
    pool_version: str | None
    n_controls: int
    reason: str | None
    warnings: tuple[str, ...]

    @property
    def called(self) -> bool:
        """Whether there is a profile."""
        return self.reason is None

    def summary(self) -> pl.DataFrame:
        """Return one row of `SUMMARY_SCHEMA` (``state`` called or no_call)."""
        row = {
            **{name: getattr(self, name) for name in SUMMARY_SCHEMA if name != "state"},
            "state": "called" if self.called else NO_CALL,
            "warnings": "; ".join(self.warnings) or None,
        }
        return pl.DataFrame([row], schema=SUMMARY_SCHEMA)


def profile_sample(
    sample_id: str,
    sex: str | None,
    log2_total: NDArray[np.float32],
    pool: ControlPool,
    bins: Bins,
    parameters: CnvParameters,
) -> CnvProfile:
    """Return a sample's copy-number profile.

    Parameters
    ----------
    sample_id : str
        A control of this id is not used.
    sex : {"F", "M", None}
        Decides the controls of X and Y, and whether Y is measured.
    log2_total : float32[p]
        log2 (M + U) in manifest order, normalised as the pool was.
    pool : ControlPool
    bins : Bins
        The bins that the pool was made with.
    parameters : CnvParameters

    Returns
    -------
    CnvProfile
        A no-call profile with the reason if the intensities are no measurement (not finite, all
        equal, saturated, unlike the controls, too noisy) or too few controls can serve.

    Raises
    ------
    CnvError
        If the pool, the bins and the intensities are not of one array.
    """
    _check_one_array(sample_id, log2_total, pool, bins)
    fault = intensity_fault(log2_total, parameters)
    fit = (
        Refusal(fault) if fault else fit_sample(sample_id, sex, log2_total, pool, bins, parameters)
    )
    if isinstance(fit, Refusal):
        return no_call_profile(
            sample_id, bins.build, fit.reason, parameters, pool_version=pool.version
        )
    values = summarise(fit.ratio, bins)
    if values.noise > parameters.max_noise:
        reason = (
            f"noise {values.noise:.2f} is above {parameters.max_noise:.2f}: no level could be "
            "told from another"
        )
        return no_call_profile(sample_id, bins.build, reason, parameters, pool_version=pool.version)
    segments = _segments(sample_id, values, bins, parameters)
    arms = arm_calls(values, bins, parameters)
    calls = [
        *arms,
        *gene_calls(fit.ratio, values, segments, arms, bins, parameters),
        *focal_calls(segments, bins, parameters),
    ]
    bin_frame = bins.frame[values.rows].with_columns(
        sample_id=pl.lit(sample_id), log2=pl.Series(values.log2)
    )
    return CnvProfile(
        sample_id=sample_id,
        build=bins.build,
        bins=bin_frame.select(pl.col(c).cast(t) for c, t in BINS_SCHEMA.items()),
        segments=segments.select(pl.col(c).cast(t) for c, t in SEGMENTS_SCHEMA.items()),
        calls=_calls_frame(sample_id, calls),
        noise=values.noise,
        shift=values.shift,
        altered_fraction=altered_fraction(segments),
        pool_version=pool.version,
        n_controls=len(fit.controls),
        reason=None,
        warnings=(*pool.warnings, *fit.warnings),
    )


def no_call_profile(
    sample_id: str,
    build: str,
    reason: str,
    parameters: CnvParameters | None = None,
    *,
    pool_version: str | None = None,
) -> CnvProfile:
    """Return the profile of a sample that cannot be measured: every arm and gene is no_call.

    Parameters
    ----------
    sample_id : str
    build : str
        ``hg19`` or ``hg38``.
    reason : str
        What was wrong and what to do.
    parameters : CnvParameters, optional
        For the list of genes; the defaults if left out.
    pool_version : str, optional
        Version of the pool, if there was one.

    Raises
    ------
    ValueError
        If the build is unknown.
    """
    genes = (parameters or CnvParameters()).genes
    regions = [("arm", arm) for arm in chromosome_arms(build)["arm"]]
    regions += [("gene", gene) for gene in genes]
    return CnvProfile(
        sample_id=sample_id,
        build=build,
        bins=pl.DataFrame(schema=BINS_SCHEMA),
        segments=pl.DataFrame(schema=SEGMENTS_SCHEMA),
        calls=_calls_frame(sample_id, [Call(k, r, None, NO_CALL, None) for k, r in regions]),
        noise=None,
        shift=None,
        altered_fraction=None,
        pool_version=pool_version,
        n_controls=0,
        reason=reason,
        warnings=(),
    )


def _check_one_array(
    sample_id: str, log2_total: NDArray[np.float32], pool: ControlPool, bins: Bins
) -> None:
    if pool.bins_key != bins.key:
        raise CnvError(
            f"copy number of {sample_id}: the control pool ({pool.array}, {pool.version}) was "
            "made with other bins; use pool and bins of the sample's array and build"
        )
    if log2_total.shape != (bins.n_array_probes,):
        raise CnvError(
            f"copy number of {sample_id}: intensities of shape {log2_total.shape} for an array "
            f"of {bins.n_array_probes} probes ({pool.array}); use the pool of the sample's array"
        )


def _segments(
    sample_id: str, values: BinValues, bins: Bins, parameters: CnvParameters
) -> pl.DataFrame:
    """Segment each chromosome; return the columns of `SEGMENTS_SCHEMA` and ``se``."""
    frame = bins.frame[values.rows]
    chrom = frame["chrom"].to_numpy()
    weights = 1 / values.variance
    smooth = smooth_outliers(values.log2, np.sqrt(values.variance), parameters.outlier_sd)
    penalty = parameters.penalty * float(np.log(max(values.rows.size, 2)))
    first = np.flatnonzero(np.concatenate([[True], chrom[1:] != chrom[:-1]]))
    starts = []
    for low, high in zip(first, [*first[1:], chrom.size], strict=True):
        here = slice(low, high)
        found = change_points(smooth[here], weights[here], penalty, parameters.min_segment_bins)
        found = join_similar(found, smooth[here], weights[here], parameters.min_jump)
        starts.append(low + found)
    cuts = np.concatenate(starts)
    ends = np.concatenate([cuts[1:], [chrom.size]]) - 1
    level = segment_means(cuts, smooth, weights)
    return pl.DataFrame(
        {
            "sample_id": [sample_id] * cuts.size,
            "chrom": frame["chrom"][cuts],
            "start": frame["start"][cuts],
            "end": frame["end"][ends],
            "n_probes": np.add.reduceat(frame["n_probes"].to_numpy(), cuts),
            "log2": level,
            "call": [segment_call(value, parameters) for value in level.tolist()],
            "se": np.sqrt(1 / np.add.reduceat(weights, cuts)),
        }
    )


def _calls_frame(sample_id: str, calls: list[Call]) -> pl.DataFrame:
    rows = [{"sample_id": sample_id, **asdict(call)} for call in calls]
    return pl.DataFrame(rows, schema=CALLS_SCHEMA)
