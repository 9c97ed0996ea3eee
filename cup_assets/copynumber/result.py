"""A copy-number profile as a result: its frames, their schemas, and the profile of no call.

Belongs here: what others store, draw and read. Does not belong here: how it is computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

from cup_assets.copynumber.calls import Call
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.purity import Purity, no_purity
from cup_assets.copynumber.states import NO_CALL
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
    "purity": pl.Float64,
    "purity_low": pl.Float64,
    "purity_high": pl.Float64,
    "purity_method": pl.String,
    "purity_reason": pl.String,
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
        no_call; ``confidence`` is the probability of the call given noise and purity; ``log2``
        and ``confidence`` are null where nothing was measured.
    noise : float or None
        Root mean square difference of neighbouring probes (log2 units).
    shift : float or None
        Baseline shift taken off (log2 units).
    altered_fraction : float or None
        Part of the autosomes' segmented length that is not neutral.
    purity : Purity
        Fraction of tumour cells, or the reason why it is not known.
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
    purity: Purity
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
            **{name: getattr(self, name, None) for name in SUMMARY_SCHEMA},
            "state": "called" if self.called else NO_CALL,
            "purity": self.purity.value,
            "purity_low": self.purity.low,
            "purity_high": self.purity.high,
            "purity_method": self.purity.method,
            "purity_reason": self.purity.reason,
            "warnings": "; ".join(self.warnings) or None,
        }
        return pl.DataFrame([row], schema=SUMMARY_SCHEMA)


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
        calls=calls_frame(sample_id, [Call(k, r, None, NO_CALL, None) for k, r in regions]),
        noise=None,
        shift=None,
        altered_fraction=None,
        purity=no_purity("no copy-number profile"),
        pool_version=pool_version,
        n_controls=0,
        reason=reason,
        warnings=(),
    )


def calls_frame(sample_id: str, calls: Iterable[Call]) -> pl.DataFrame:
    """Return calls as a frame of `CALLS_SCHEMA`."""
    rows = [{"sample_id": sample_id, **asdict(call)} for call in calls]
    return pl.DataFrame(rows, schema=CALLS_SCHEMA)
