"""A sample's copy-number profile, from its intensities to its calls.

Belongs here: the order of the steps. Does not belong here: the steps themselves, the schemas of
the result, storage, drawing.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.calls import Caller, arm_calls, gene_calls
from cup_assets.copynumber.errors import CnvError
from cup_assets.copynumber.fit import Refusal, fit_sample, intensity_fault
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.purity import Purity, estimate_purity
from cup_assets.copynumber.reference import ControlPool
from cup_assets.copynumber.response import array_response
from cup_assets.copynumber.result import (
    BINS_SCHEMA,
    SEGMENTS_SCHEMA,
    CnvProfile,
    calls_frame,
    no_call_profile,
)
from cup_assets.copynumber.segment import segment_means, segment_starts, smooth_outliers
from cup_assets.copynumber.states import state_model
from cup_assets.copynumber.stretches import altered_fraction, call_segments, focal_calls
from cup_assets.copynumber.summary import BinValues, summarise
from cup_assets.genome import AUTOSOMES


def profile_sample(
    sample_id: str,
    sex: str | None,
    log2_total: NDArray[np.float32],
    pool: ControlPool,
    bins: Bins,
    parameters: CnvParameters,
    purity_at_least: float | None = None,
) -> CnvProfile:
    """Return a sample's copy-number profile.

    Parameters
    ----------
    sample_id : str
        A control of this id is not used.
    sex : {"F", "M", None}
        Decides the controls of X and Y, and whether Y is measured.
    log2_total : float32[p]
        log2 (M + U) in manifest order, normalised as the pool was; NaN for probes that the
        array's files do not carry, which are left out of everything.
    pool : ControlPool
    bins : Bins
        The bins that the pool was made with.
    parameters : CnvParameters
    purity_at_least : float, optional
        What the sample's methylation says of its purity (`cup_assets.methylome.purity`).

    Returns
    -------
    CnvProfile
        A no-call profile with the reason if the intensities are no measurement (infinite, too
        many missing, all equal, saturated, unlike the controls, too noisy) or too few controls
        can serve.

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
    values = summarise(fit.ratio, bins, parameters)
    if values is None or values.noise > parameters.max_noise:
        reason = (
            "no autosomal bin has enough measured probes: scan the array again"
            if values is None
            else f"noise {values.noise:.2f} is above {parameters.max_noise:.2f}: no level could be "
            "told from another"
        )
        return no_call_profile(sample_id, bins.build, reason, parameters, pool_version=pool.version)
    segments = _segments(sample_id, values, bins, parameters)
    response = array_response(pool, bins)
    purity = _purity(segments, values, purity_at_least, response, parameters)
    model = state_model(purity.weights, parameters, response)
    caller = Caller(values, bins, parameters, model, male=sex == "M")
    arms = arm_calls(caller)
    segments = call_segments(segments, arms, caller)
    calls = [
        *arms,
        *gene_calls(fit.ratio, segments, arms, caller),
        *focal_calls(segments, arms, caller),
    ]
    bin_frame = bins.frame[values.rows].with_columns(
        sample_id=pl.lit(sample_id),
        log2=pl.Series(values.log2),
        n_probes=pl.Series(values.n_probes),
    )
    return CnvProfile(
        sample_id=sample_id,
        build=bins.build,
        bins=bin_frame.select(pl.col(c).cast(t) for c, t in BINS_SCHEMA.items()),
        segments=segments.select(pl.col(c).cast(t) for c, t in SEGMENTS_SCHEMA.items()),
        calls=calls_frame(sample_id, calls),
        noise=values.noise,
        shift=values.shift,
        altered_fraction=altered_fraction(segments),
        pool_version=pool.version,
        n_controls=len(fit.controls),
        purity=purity,
        reason=None,
        warnings=(*pool.warnings, *fit.warnings),
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


def _purity(
    segments: pl.DataFrame,
    values: BinValues,
    at_least: float | None,
    response: float,
    parameters: CnvParameters,
) -> Purity:
    autosomal = segments.filter(pl.col("chrom").is_in(AUTOSOMES))
    return estimate_purity(
        autosomal["log2"].to_numpy(),
        autosomal["se"].to_numpy(),
        autosomal["n_probes"].to_numpy(),
        at_least,
        parameters,
        values.wave_sd,
        response,
    )


def _segments(
    sample_id: str, values: BinValues, bins: Bins, parameters: CnvParameters
) -> pl.DataFrame:
    """Segment each chromosome; return `SEGMENTS_SCHEMA` without ``call``, and ``se``."""
    frame = bins.frame[values.rows]
    chrom = frame["chrom"].to_numpy()
    weights = 1 / values.variance
    smooth = smooth_outliers(values.log2, np.sqrt(values.variance), parameters.outlier_sd)
    first = np.flatnonzero(np.concatenate([[True], chrom[1:] != chrom[:-1]]))
    lengths = (frame["end"] - frame["start"]).to_numpy().astype(np.float64)
    cuts = segment_starts(smooth, values.variance, lengths, first, values.wave_sd, parameters)
    ends = np.concatenate([cuts[1:], [chrom.size]]) - 1
    level = segment_means(cuts, smooth, weights)
    errors = np.sqrt(1 / np.add.reduceat(weights, cuts))
    return pl.DataFrame(
        {
            "sample_id": [sample_id] * cuts.size,
            "chrom": frame["chrom"][cuts],
            "start": frame["start"][cuts],
            "end": frame["end"][ends],
            "n_probes": np.add.reduceat(values.n_probes, cuts),
            "log2": level,
            "se": errors,
        }
    )
