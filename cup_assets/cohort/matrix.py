"""From stored matrices to one learning matrix.

Belongs here: the probes that several arrays share, the probes not to learn from, and where an
array's probes go. Does not belong here: reading and writing files (`cup_assets.warehouse`), missing
values and scaling, which belong into the training part of a fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.cohort.problems import MatrixError

Ints = NDArray[np.int64]

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
    # Codes of a fixed list: a million texts, several times over, would take seconds.
    reasons = pl.Enum(["", *DROP_REASONS, *(f"not_on_{array}" for array in arrays)])
    own = {array: _reason_by_name(probes, reasons) for array, probes in arrays.items()}
    judged = {array: _judged(array, own, reasons) for array in arrays}
    common = next(iter(judged.values())).filter(pl.col("reason") == "")["name"].sort()
    if common.is_empty():
        raise MatrixError(f"arrays {', '.join(arrays)} have no probe in common: choose others")
    lost = [
        table.filter(pl.col("reason") != "")
        .group_by("reason")
        .agg(pl.len().cast(pl.Int64).alias("n_probes"))
        .select(pl.lit(array).alias("array"), pl.col("reason").cast(pl.String), "n_probes")
        .sort("reason")
        for array, table in judged.items()
    ]
    return ProbeSpace(tuple(common.to_list()), pl.concat(lost))


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the probes of one array lie among the names to learn from.

    Attributes
    ----------
    probe_ids : pl.Series of q str
        The array's probes that carry one of the names, by the order of the names; the replicates
        of a name (EPICv2) follow one another by their ids, so that their mean has the same bits
        wherever the probes come from.
    rows : int64[q]
        Their positions in the probes frame.
    columns : int64[q]
        Position of each one's name; ascending, and repeated for replicates.
    """

    probe_ids: pl.Series
    rows: Ints
    columns: Ints

    @cached_property
    def _shared(self) -> Ints:
        """Positions of the probes that share their name with another one."""
        return np.flatnonzero(np.bincount(self.columns)[self.columns] > 1)

    @cached_property
    def _single(self) -> Ints:
        """Positions of the others."""
        return np.flatnonzero(np.bincount(self.columns)[self.columns] == 1)

    def fill(self, into: NDArray[np.float32], values: NDArray[np.float32]) -> None:
        """Put a sample's values float32[q] into their places in ``into`` (float32[names]).

        Replicates of a name are averaged, missing ones left out; NaN where all are missing. Names
        that the array lacks are not touched.
        """
        shared = self._shared
        if not shared.size:
            into[self.columns] = values
            return
        into[self.columns[self._single]] = values[self._single]
        columns = self.columns[shared]
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        given = values[shared].astype(np.float64)
        measured = ~np.isnan(given)
        sums = np.add.reduceat(np.where(measured, given, 0.0), first)
        counts = np.add.reduceat(measured.astype(np.float64), first)
        means = np.divide(sums, counts, out=np.full(len(first), np.nan), where=counts > 0)
        into[columns[first]] = means


def place_probes(probes: pl.DataFrame, names: Sequence[str]) -> Placement:
    """Find the probes of an array that carry one of the names.

    Parameters
    ----------
    probes : pl.DataFrame
        ``probe_id`` and ``name`` of the array's probes.
    names : sequence of str
        Distinct.

    Returns
    -------
    Placement
    """
    wanted = pl.DataFrame({"name": names}, schema={"name": pl.String}).with_row_index("column")
    found = wanted.join(
        probes.select("probe_id", "name").with_row_index("row"),
        on="name",
    ).sort("column", "probe_id")
    return Placement(
        found["probe_id"],
        found["row"].cast(pl.Int64).to_numpy(),
        found["column"].cast(pl.Int64).to_numpy(),
    )


def _reason_by_name(probes: pl.DataFrame, reasons: pl.Enum) -> pl.DataFrame:
    """Return ``name`` and the ``reason`` against it, an empty text where there is none."""

    def said(reason: str) -> pl.Expr:
        return pl.lit(reason, dtype=reasons)

    reason = (
        pl.when(pl.col("kind") != "cg")
        .then(said("not_cpg"))
        .when(pl.col("chrom").is_in(["X", "Y"]))
        .then(said("sex_chromosome"))
        .when(pl.col("chrom").is_null())
        .then(said("unplaced"))
        .otherwise(said(""))
    )
    listed = probes.select("name", reason.alias("reason"))
    if not listed["name"].is_duplicated().any():
        return listed
    # Of replicates that disagree, the one with a reason against the probe counts.
    return listed.group_by("name").agg(pl.col("reason").max())


def _judged(array: str, own: Mapping[str, pl.DataFrame], reasons: pl.Enum) -> pl.DataFrame:
    """Return an array's names with the first reason of its own, or of another array, against."""
    table = own[array]
    for other, theirs in own.items():
        if other == array:
            continue
        absent = pl.lit(f"not_on_{other}", dtype=reasons)
        table = table.join(theirs.rename({"reason": "theirs"}), on="name", how="left").select(
            "name",
            pl.when(pl.col("reason") == "")
            .then(pl.col("theirs").fill_null(absent))
            .otherwise("reason")
            .alias("reason"),
        )
    return table
