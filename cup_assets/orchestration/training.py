"""The matrices that classifiers learn from and are applied to, read from the warehouse.

Belongs here: members + stored betas -> `TrainingData`, and the diagnostic cases. Does not belong
here: who is a member (``datasets/reference``) and anything that learns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.data import TrainingData
from cup_assets.cohort.folds import SCHEME
from cup_assets.cohort.matrix import Placement, place_probes
from cup_assets.cohort.probe_space import ProbeSpace, common_probes
from cup_assets.cohort.problems import MatrixError
from cup_assets.orchestration.conventions import REFERENCE
from cup_assets.orchestration.inputs import matrix_paths, read_batches
from cup_assets.orchestration.resources import Platform
from cup_assets.warehouse import digest
from cup_assets.warehouse.mapped import mapped_table

__all__ = [
    "SCHEME",
    "cases_to_place",
    "diagnostic_cases",
    "kept_betas",
    "load_training_data",
    "probe_space",
    "probes_by_array",
    "read_folds",
    "stack_betas",
]


def load_training_data(platform: Platform) -> TrainingData:
    """Read the betas of all members on the autosomal CpGs that every array of theirs has.

    Raises
    ------
    dg.Failure
        If files of a member changed after ``datasets/reference`` was made.
    """
    members = platform.catalogue.query(
        'SELECT d.sample_id, d.batch, d."array", d."class", d.family, d.person AS patient_id,'
        " d.material, d.site, m.files_sha256 IS NOT DISTINCT FROM d.files_sha256 AS is_current"
        " FROM dataset_members d LEFT JOIN sample_measures m USING (sample_id, batch)"
        " WHERE d.included ORDER BY d.sample_id"
    )
    changed = members.filter(~pl.col("is_current"))["sample_id"]
    if changed.len():
        raise dg.Failure(
            f"the files of {changed[0]} ({changed.len()} samples) changed after datasets/reference"
            " was made: materialise datasets/reference first",
            allow_retries=False,
        )
    space = probe_space(platform, members["array"].unique().sort().to_list())
    X = kept_betas(platform, members, space.names, platform.parameters.cohort.replicates)
    return TrainingData.from_frame(members, X, list(space.names))


def kept_betas(
    platform: Platform, members: pl.DataFrame, names: Sequence[str], replicates: str
) -> NDArray[np.float32]:
    """Return the betas of `stack_betas`, read-only and memory-mapped.

    Reading half a million probes of a thousand samples takes longer than learning from some of
    them, so that the assets that learn from the same samples share one file. What `stack_betas`
    makes of stored values may only change together with the code version of ``datasets/reference``.
    """
    batches = members["batch"].unique().to_list()
    stored = [
        (path, (file := (platform.settings.warehouse / path).stat()).st_size, file.st_mtime_ns)
        for kind in ("betas", "detection_p")
        for path in matrix_paths(platform, kind, batches)["path"]
    ]
    rows = members.select("sample_id", "batch", "array").rows()
    key = digest(stored, rows, digest(names), replicates, _reference_version(platform))

    def fill(table: NDArray[np.float32]) -> None:
        stack_betas(platform, members, names, replicates, into=table)

    folder = platform.settings.cache / "learning"
    return mapped_table(folder, key[:32], (members.height, len(names)), fill)


def _reference_version(platform: Platform) -> str | None:
    version = platform.catalogue.current(REFERENCE.to_user_string())
    return version.data_version if version else None


def probe_space(platform: Platform, arrays: Sequence[str]) -> ProbeSpace:
    """Return the probe names that all these arrays have and that may be learnt from."""
    return common_probes(probes_by_array(platform, arrays))


def probes_by_array(platform: Platform, arrays: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Return array -> its probes (``name``, ``kind``, ``chrom``; the build is the array's own)."""
    probes = platform.catalogue.query(
        'SELECT "array", name, kind, chrom FROM probes WHERE list_contains(?, "array")',
        [list(arrays)],
    )
    return {array: probes.filter(pl.col("array") == array) for array in arrays}


def read_folds(platform: Platform, scheme: str = SCHEME) -> pl.DataFrame:
    """Return the fold assignment of one scheme; no rows where the scheme is impossible."""
    return platform.catalogue.query(
        "SELECT scheme, repeat, outer_fold, inner_fold, sample_id FROM folds"
        " WHERE scheme = ? ORDER BY repeat, outer_fold, sample_id",
        [scheme],
    )


def diagnostic_cases(
    platform: Platform, batch: str | None = None, *, usable_only: bool = True
) -> pl.DataFrame:
    """Return the diagnostic samples (of one batch) whose betas are those of their files.

    Columns: sample_id, batch, array, material, site, verdict, reasons, files_sha256.
    """
    cases = platform.catalogue.query(
        'SELECT s.sample_id, s.batch, m."array", s.material, s.site, m.verdict, m.reasons,'
        " m.files_sha256"
        " FROM samples s JOIN sample_qc m USING (sample_id, batch)"
        " JOIN batches b USING (batch)"
        " WHERE s.role = 'diagnostic' AND b.state <> 'retracted'"
        " AND m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256"
        " AND s.batch = coalesce(?, s.batch) ORDER BY s.sample_id",
        [batch],
    )
    return cases.filter(pl.col("verdict") != "fail") if usable_only else cases


def cases_to_place(
    platform: Platform, cases: pl.DataFrame, names: Sequence[str], max_missing: float
) -> tuple[pl.DataFrame, NDArray[np.float32], pl.DataFrame]:
    """Read the cases that have enough of the probes; they may be on arrays of their own.

    Returns
    -------
    placed, X, left_out
        The cases to place, their betas float32[m, p], and of the others ``sample_id``, ``array``
        and ``missing``, the share of the probes that they lack.
    """
    replicates = platform.parameters.cohort.replicates
    _, X = stack_betas(platform, cases, names, replicates, absent_as_nan=True)
    missing = np.isnan(X).mean(axis=1)
    enough = missing <= max_missing
    left_out = cases.select("sample_id", "array", missing=pl.Series(missing)).filter(~enough)
    return cases.filter(enough), X[enough], left_out


def stack_betas(
    platform: Platform,
    samples: pl.DataFrame,
    names: Sequence[str],
    replicates: str,
    *,
    absent_as_nan: bool = False,
    into: NDArray[np.float32] | None = None,
) -> tuple[list[str], NDArray[np.float32]]:
    """Read betas by probe name, over arrays.

    Parameters
    ----------
    platform
        Where the warehouse is.
    samples
        Frame with sample_id, batch, array.
    names
        Probe names to take, in this order.
    replicates
        What replicates of a name (EPIC v2) come to: ``best_detection`` or ``mean``. What is learnt
        from takes the parameters' choice, what is predicted that of the release.
    absent_as_nan
        Whether a probe that an array does not have is NaN; an error otherwise.
    into
        Where to put them, float32[n_samples, n_names]; default: a new array.

    Returns
    -------
    names, X
        X is float32[n_samples, n_names] in the order of the frame, NaN where missing.
    """
    X = np.empty((samples.height, len(names)), dtype=np.float32) if into is None else into
    X.fill(np.nan)
    for (array,), group in samples.with_row_index("row").group_by("array", maintain_order=True):
        on_array = platform.catalogue.query(
            'SELECT probe_id, name FROM probes WHERE "array" = ?', [array]
        )
        placement = place_probes(on_array, names)
        lacking = len(names) - len(np.unique(placement.columns))
        if lacking and not absent_as_nan:
            raise MatrixError(
                f"{array} lacks {lacking} of the {len(names)} probes asked for: use those that all"
                " arrays of the samples share"
            )
        rows = group["row"].to_numpy()
        for positions, betas, sure in _with_replicate_p(platform, group, placement, replicates):
            for row, values, p in zip(rows[positions], betas, sure, strict=True):
                placement.fill(X[row], values, p)
    return list(names), X


def _with_replicate_p(
    platform: Platform, samples: pl.DataFrame, placement: Placement, replicates: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], Sequence[NDArray[np.float32] | None]]]:
    """Yield each batch's positions, betas, and per sample the p-values of replicates if needed."""
    batches = read_batches(platform, "betas", samples, placement.probe_ids)
    if replicates == "mean" or placement.replicate_ids.is_empty():
        for positions, _, betas in batches:
            yield positions, betas, [None] * len(betas)
        return
    sure = read_batches(platform, "detection_p", samples, placement.replicate_ids)
    for (positions, _, betas), (_, _, p) in zip(batches, sure, strict=True):
        yield positions, betas, list(p)
