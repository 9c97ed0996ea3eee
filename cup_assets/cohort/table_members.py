"""Who of a table of betas takes part, and why the others do not.

Belongs here: labels, patients and what else the columns of such a table say, held to the rules of
the reference set (`members`). Does not belong here: reading the table (`beta_table`), folds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.cohort.beta_table import BetaTable
from cup_assets.cohort.interpolated import interpolated
from cup_assets.cohort.members import select_members
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.taxonomy import Taxonomy
from cup_assets.cohort.text_tables import some

# Fewer equal betas than this may be chance.
_LEAST_TO_COMPARE = 50
_MOST_LABELS = 200


@dataclass(frozen=True)
class TableColumns:
    """Which column says what; None: no column does.

    Attributes
    ----------
    label
        Class, or with a taxonomy the diagnosis.
    patient
        Samples of one patient are never divided; None: a patient a sample.
    batch, site, array
        What a scheme can hold out.
    material
        FFPE or frozen, which betas are adjusted for.
    family
        Family of the class.
    """

    label: str
    patient: str | None = None
    batch: str | None = None
    site: str | None = None
    array: str | None = None
    material: str | None = None
    family: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """Field -> column, of the fields that have one."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: column for name, column in found.items() if column is not None}


@dataclass(frozen=True, eq=False)
class TableMembers:
    """The samples to learn from, and the others.

    Attributes
    ----------
    members : pl.DataFrame
        ``sample_id``, ``class``, ``family``, ``patient_id``, ``group``, ``batch``, ``site``,
        ``array``, ``material``, by ``sample_id``; null is unknown.
    rows : int64[n]
        The row of each in the table.
    left_out : pl.DataFrame
        ``sample_id``, ``label``, ``reason``.
    """

    members: pl.DataFrame
    rows: NDArray[np.int64]
    left_out: pl.DataFrame


def label_candidates(samples: pl.DataFrame) -> list[str]:
    """Return the columns that could hold classes: at least two values, some of them repeated."""
    found = []
    for column in samples.columns[1:]:
        n, values = samples[column].drop_nulls().len(), samples[column].drop_nulls().n_unique()
        if 2 <= values <= min(_MOST_LABELS, n // 2):
            found.append(column)
    return found


def require_columns(table: BetaTable, columns: TableColumns | None) -> None:
    """Refuse columns that the table does not have, and say which it has.

    Raises
    ------
    MatrixError
        Where no column of labels is named, or one that is not there.
    """
    candidates = label_candidates(table.samples)
    could = some(candidates, 12) if candidates else "none: give the labels with --labels FILE"
    if columns is None:
        raise MatrixError(f"say with --label which column holds the classes; candidates: {could}")
    for field, column in columns.named.items():
        if column not in table.samples.columns:
            has = could if field == "label" else some(table.samples.columns[1:], 12)
            raise MatrixError(f"--{field}: the table has no column {column!r}; candidates: {has}")


def choose_members(
    table: BetaTable,
    columns: TableColumns,
    parameters: CohortParameters,
    *,
    taxonomy: Taxonomy | None = None,
    max_missing: float = 0.25,
) -> TableMembers:
    """Hold the samples of a table to the rules of the reference set.

    Left out with a reason are samples without a label, without betas or with more than
    ``max_missing`` of them missing, with a diagnosis that the taxonomy does not know, of a class
    with fewer patients than `CohortParameters.patients_needed`. Two kinds more would be on both
    sides of a split: samples with exactly the betas of another patient's, and samples that lie
    exactly between two others of their class (`interpolated`), which nobody has measured.

    Raises
    ------
    MatrixError
        As `require_columns`; where a class has two families; or where fewer than two classes stay.
    """
    require_columns(table, columns)
    samples = _read(table, columns, taxonomy)
    chosen = select_members(
        samples, _quality(table, samples, max_missing), _same_betas(table), parameters
    )
    where = samples.with_row_index("row").select("row", "sample_id", "label", "family")
    chosen = chosen.join(where, on="sample_id", maintain_order="left").with_columns(
        pl.col("reason")
        .str.replace("same genotypes", "same betas", literal=True)
        .str.replace("quality: ", "", literal=True)
    )
    kept = chosen.filter("included").join(
        samples.select("sample_id", "batch", "site", "array", "material"),
        on="sample_id", maintain_order="left",
    )  # fmt: skip
    left_out = chosen.filter(~pl.col("included")).select("sample_id", "label", "reason")
    nowhere = pl.DataFrame(
        {"sample_id": table.without_betas}, schema={"sample_id": pl.String}
    ).with_columns(
        pl.lit(None, pl.String).alias("label"), reason=pl.lit("the table holds no betas")
    )
    left_out = pl.concat([left_out, nowhere])
    if kept["class"].n_unique() < 2:
        why = left_out["reason"].value_counts(sort=True)
        most = f"; {why['count'][0]} are left out since {why['reason'][0]}" if why.height else ""
        raise MatrixError(
            f"{kept['class'].n_unique()} classes stay of the column {columns.label!r}, two at least"
            f" are needed{most}"
        )
    _check_families(kept)
    rows = kept["row"].to_numpy().astype(np.int64)
    return TableMembers(kept.drop("row", "label", "included", "reason"), rows, left_out)


def _read(table: BetaTable, columns: TableColumns, taxonomy: Taxonomy | None) -> pl.DataFrame:
    def column(field: str) -> pl.Expr:
        name = columns.named.get(field)
        value = pl.lit(None, pl.String) if name is None else pl.col(name).str.strip_chars()
        return pl.when(value != "").then(value).alias(field)

    read = table.samples.select(
        "sample_id", *(column(field.name) for field in fields(columns))
    ).with_columns(
        pl.coalesce("patient", "sample_id").alias("patient_id"),
        pl.col("label").alias("diagnosis"),
        pl.lit("reference").alias("role"),
    )
    if taxonomy is not None:
        given = read["family"]
        read = taxonomy.classify(read)
        return read.with_columns(pl.coalesce(given, "family").alias("family"))
    return read.with_columns(
        pl.col("label").alias("class"), pl.coalesce("family", "label").alias("family")
    )


def _quality(table: BetaTable, samples: pl.DataFrame, max_missing: float) -> pl.DataFrame:
    """Return the verdict of each sample, as quality control would of raw files."""
    reasons = {}
    between = interpolated(table.X, samples["class"].to_list())
    names = samples["sample_id"].to_list()
    for row, (name, share) in enumerate(zip(names, np.isnan(table.X).mean(axis=1), strict=True)):
        if share > max_missing:
            reasons[name] = (
                f"{share:.0%} of its betas are missing, at most {max_missing:.0%} may be"
            )
        elif row in between:
            one, other = sorted(names[of] for of in between[row])
            reasons[name] = (
                f"its betas lie exactly between those of {one} and {other}: interpolated, as SMOTE"
                " does, and not measured"
            )
    return pl.DataFrame(
        {
            "sample_id": names,
            "verdict": ["fail" if name in reasons else "pass" for name in names],
            "reasons": [reasons.get(name) for name in names],
        },
        schema_overrides={"reasons": pl.String},
    )


def _same_betas(table: BetaTable) -> pl.DataFrame:
    """Return the pairs (sample_id, same_as) whose betas are equal to the last bit."""
    by_content: dict[bytes, list[str]] = defaultdict(list)
    for name, row in zip(table.samples["sample_id"], table.X, strict=True):
        if np.count_nonzero(~np.isnan(row)) >= _LEAST_TO_COMPARE:
            by_content[np.where(np.isnan(row), -1, row).tobytes()].append(name)
    pairs = [(names[0], other) for names in by_content.values() for other in names[1:]]
    return pl.DataFrame(pairs, schema={"sample_id": pl.String, "same_as": pl.String}, orient="row")


def _check_families(members: pl.DataFrame) -> None:
    several = members.group_by("class").agg(pl.col("family").unique().sort()).sort("class")
    for name, families in several.filter(pl.col("family").list.len() > 1).iter_rows():
        raise MatrixError(f"class {name!r} has several families: {some(families)}: give one")
