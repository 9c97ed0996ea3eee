"""Which probes to learn from, over arrays of different kinds, and which arrays at all.

Belongs here: the probes that several arrays share, the probes not to learn from, and the arrays
that share too little. Does not belong here: where the values of a probe go (`matrix`), which
samples are eligible otherwise (`members`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cup_assets.cohort.parameters import CohortParameters
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
class ArrayChoice:
    """Which arrays to learn from.

    Attributes
    ----------
    left_out
        Array -> why its samples are not used.
    report
        ``array``, ``samples``, ``probes`` (distinct CpGs that it would allow to learn from),
        ``shared`` (how many of the main array's it has), ``shared_fraction``, ``used``; a row an
        array, the main array first.
    """

    left_out: Mapping[str, str]
    report: pl.DataFrame


def choose_arrays(
    arrays: Mapping[str, pl.DataFrame],
    n_samples: Mapping[str, int],
    parameters: CohortParameters,
) -> ArrayChoice:
    """Choose the arrays to learn from, so that a few samples cannot cost everyone their probes.

    The arrays that the parameters name are used, whatever they share. Where they name none, an
    array is left out that has less than ``min_shared_fraction`` of the probes of the main array,
    which is the one that most samples are on: the probes common to all arrays shrink to those of
    the poorest, and one HumanMethylation27 sample would leave 450k 5 % of its own.

    Parameters
    ----------
    arrays : mapping
        Array name -> probes frame, as for `common_probes`.
    n_samples : mapping
        Array name -> eligible samples on it.
    parameters : CohortParameters
    """
    usable = {array: _usable(probes) for array, probes in arrays.items()}
    order = sorted(usable, key=lambda a: (-n_samples.get(a, 0), -len(usable[a]), a))
    if not order:
        return ArrayChoice({}, pl.DataFrame(schema=_CHOICE))
    main = order[0]
    shared = {array: len(usable[array] & usable[main]) for array in order}
    fraction = {array: shared[array] / max(len(usable[main]), 1) for array in order}
    left_out = {}
    for array in order:
        if parameters.arrays and array not in parameters.arrays:
            left_out[array] = f"array {array} is not among those to learn from ([cohort] arrays)"
        elif not parameters.arrays and fraction[array] < parameters.min_shared_fraction:
            left_out[array] = (
                f"array {array} has {shared[array]:,} of the {len(usable[main]):,} probes of "
                f"{main}, less than min_shared_fraction {parameters.min_shared_fraction:g}: name "
                "all arrays to learn from in [cohort] arrays to use it"
            )
    rows = [
        (array, n_samples.get(array, 0), len(usable[array]), shared[array], fraction[array],
         array not in left_out)
        for array in order
    ]  # fmt: skip
    return ArrayChoice(left_out, pl.DataFrame(rows, schema=_CHOICE, orient="row"))


_CHOICE = {
    "array": pl.String,
    "samples": pl.Int64,
    "probes": pl.Int64,
    "shared": pl.Int64,
    "shared_fraction": pl.Float64,
    "used": pl.Boolean,
}


def _usable(probes: pl.DataFrame) -> set[str]:
    listed = _reason_by_name(probes, pl.Enum(["", *DROP_REASONS]))
    return set(listed.filter(pl.col("reason") == "")["name"])


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
