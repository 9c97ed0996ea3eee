"""From stored matrices to one learning matrix.

Belongs here: the probes that several arrays share, the probes not to learn from, and putting
samples x probes together. Does not belong here: reading and writing files (`cup_assets.warehouse`),
missing values and scaling, which belong into the training part of a fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.cohort.problems import MatrixError

DROP_REASONS = ("not_cpg", "sex_chromosome", "unplaced")


@dataclass(frozen=True, eq=False)
class ProbeSpace:
    """Probes to learn from, and what was lost on the way to them.

    Attributes
    ----------
    names
        Probe names, sorted.
    report
        ``array``, ``reason`` (one of `DROP_REASONS`, or ``not_on_<array>``), ``n_probes``: for
        each array, how many of its probe names are not used; each is counted under the first
        reason that applies.
    """

    names: tuple[str, ...]
    report: pl.DataFrame


def common_probes(arrays: Mapping[str, pl.DataFrame]) -> ProbeSpace:
    """Return the probe names to learn from that every array has.

    Left out: SNP and non-CpG probes (``kind`` other than cg), probes on X and Y (they tell the sex
    of the patient, not the tumour), and probes without a known chromosome, which may be on X.

    Parameters
    ----------
    arrays : mapping
        Array name -> probes frame (``name``, ``kind``, ``chrom``). Replicates of one name count
        once; a name is left out of all arrays if one of them says so.

    Raises
    ------
    MatrixError
        If there is no array, or nothing is left.
    """
    if not arrays:
        raise MatrixError("no arrays: normalise a batch first")
    own = {array: _reason_by_name(probes) for array, probes in arrays.items()}
    judged = {array: _judged(array, own) for array in arrays}
    common = next(iter(judged.values())).filter(pl.col("reason") == "")["name"].sort()
    if common.is_empty():
        raise MatrixError(f"arrays {', '.join(arrays)} have no probe in common: choose others")
    lost = [
        table.filter(pl.col("reason") != "")
        .group_by("reason")
        .agg(pl.len().cast(pl.Int64).alias("n_probes"))
        .sort("reason")
        .select(pl.lit(array).alias("array"), "reason", "n_probes")
        for array, table in judged.items()
    ]
    return ProbeSpace(tuple(common.to_list()), pl.concat(lost))


def collapse_replicates(matrix: pl.DataFrame, probes: pl.DataFrame) -> pl.DataFrame:
    """Average the probes that carry one name (replicates on EPICv2).

    Parameters
    ----------
    matrix : pl.DataFrame
        Probes x samples: ``probe_id`` and one float32 column a sample; NaN = missing.
    probes : pl.DataFrame
        ``probe_id`` and ``name``, for every probe of the matrix.

    Returns
    -------
    pl.DataFrame
        The same columns with ``probe_id`` holding the name, by name. Missing replicates are left
        out of the mean; NaN where every replicate is missing.

    Raises
    ------
    MatrixError
        If a probe of the matrix has no name.
    """
    named = matrix.join(
        probes.select("probe_id", "name"), on="probe_id", how="left", maintain_order="left"
    )
    if named["name"].null_count():
        stranger = named.filter(pl.col("name").is_null())["probe_id"][0]
        raise MatrixError(f"probe {stranger}: is not in the manifest: use the array's own manifest")
    named = named.drop("probe_id").rename({"name": "probe_id"}).select(matrix.columns)
    replicated = named["probe_id"].is_duplicated()
    mean = pl.exclude("probe_id").fill_nan(None).mean().fill_null(float("nan"))
    means = named.filter(replicated).group_by("probe_id").agg(mean)
    return pl.concat([named.filter(~replicated), means]).sort("probe_id")


def stack_matrices(
    frames: Sequence[pl.DataFrame], probes: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Put stored matrices together as samples x probes.

    Parameters
    ----------
    frames : sequence of pl.DataFrame
        Probes x samples: ``probe_id`` and one float column a sample.
    probes : sequence of str
        Probes to take, in this order; every frame must hold them.

    Returns
    -------
    tuple
        The n sample names, in the order of the frames, and float32[n, p] in C order, NaN = missing.

    Raises
    ------
    MatrixError
        If a frame lacks a probe or holds one twice, or two frames hold the same sample.
    """
    sample_ids = [name for frame in frames for name in frame.columns if name != "probe_id"]
    if len(set(sample_ids)) != len(sample_ids):
        twice = next(name for name in sample_ids if sample_ids.count(name) > 1)
        raise MatrixError(f"sample {twice}: is in two matrices: retract one of the batches")
    stacked = np.empty((len(sample_ids), len(probes)), dtype=np.float32)
    wanted = pl.DataFrame({"probe_id": list(probes)}, schema={"probe_id": pl.String})
    row = 0
    for frame in frames:
        rows = _positions(frame, wanted)
        for name in frame.columns:
            if name != "probe_id":
                stacked[row] = frame[name].to_numpy()[rows]
                row += 1
    return tuple(sample_ids), stacked


def _positions(frame: pl.DataFrame, wanted: pl.DataFrame) -> NDArray[np.int64]:
    if frame["probe_id"].n_unique() != frame.height:
        raise MatrixError("a matrix holds a probe twice: collapse replicates first")
    index = frame.select("probe_id").with_row_index("row")
    found = wanted.join(index, on="probe_id", how="left", maintain_order="left")
    missing = found.filter(pl.col("row").is_null())["probe_id"]
    if len(missing):
        raise MatrixError(
            f"{len(missing)} probes (first {missing[0]}) are not in every matrix: use the probes"
            " that all arrays share"
        )
    return found["row"].cast(pl.Int64).to_numpy()


def _reason_by_name(probes: pl.DataFrame) -> pl.DataFrame:
    """Return ``name`` and the ``reason`` against it, an empty text where there is none."""
    reason = (
        pl.when(pl.col("kind") != "cg")
        .then(pl.lit("not_cpg"))
        .when(pl.col("chrom").is_in(["X", "Y"]))
        .then(pl.lit("sex_chromosome"))
        .when(pl.col("chrom").is_null())
        .then(pl.lit("unplaced"))
        .otherwise(pl.lit(""))
    )
    listed = probes.select("name", reason.alias("reason"))
    # Of replicates that disagree, the one with a reason against the probe counts.
    return listed.group_by("name").agg(pl.col("reason").max())


def _judged(array: str, own: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return an array's names with the first reason of its own, or of another array, against."""
    table = own[array]
    for other, reasons in own.items():
        if other == array:
            continue
        theirs = reasons.rename({"reason": "theirs"})
        verdict = pl.col("theirs").fill_null(f"not_on_{other}")
        table = table.join(theirs, on="name", how="left").select(
            "name",
            pl.when(pl.col("reason") == "").then(verdict).otherwise("reason").alias("reason"),
        )
    return table
