"""A table of betas as other people publish it: CSV, TSV or Parquet, instead of raw array files.

Belongs here: finding samples, probes and columns about samples in such a table, and refusing one
that holds something else. Does not belong here: who of them takes part (`table_members`), models.

Two layouts are understood. Samples in rows: a column of names, a column a probe, and columns about
the samples. Probes in rows: a first column of probe names, a column a sample; what is known about
the samples stands in a table of its own, or in the head of a GEO series matrix (`series_matrix`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.series_matrix import read_sample_columns
from cup_assets.cohort.text_tables import read_table, some

CPG = re.compile(r"cg\d{5,}(_[A-Z]+\d+)?")
_OTHER_PROBE = re.compile(r"(ch\.|rs\d|nv[-_]|ctl_)\S*")
_SAMPLE_NAMES = ("sample_id", "sample_name", "geo_accession", "sample", "id")


@dataclass(frozen=True, eq=False)
class BetaTable:
    """Betas with what is known about their samples.

    Attributes
    ----------
    samples : pl.DataFrame
        ``sample_id`` and every column about the samples as text; null is unknown.
    X : float32[n, p]
        Betas in the order of ``samples``; NaN is missing.
    probe_ids : list of str, p
    without_betas : list of str
        Samples that only the table of labels names.
    notes : list of str
        What of the file is not used, and why, a sentence each.
    """

    samples: pl.DataFrame
    X: NDArray[np.float32]
    probe_ids: list[str]
    without_betas: list[str]
    notes: list[str]


def read_beta_table(
    path: Path,
    labels: Path | None = None,
    *,
    sample: str | None = None,
    about: Collection[str] = (),
) -> BetaTable:
    """Read a table of betas.

    Parameters
    ----------
    path
        CSV, TSV (also compressed with gzip) or Parquet, a GEO series matrix among them.
    labels
        Table about the samples, a row each; needed where probes lie in rows, but for a series
        matrix that says it itself.
    sample
        Column with the names of the samples (of ``labels`` where given); default: the first of
        sample_id, sample_name, geo_accession, sample, id, in any case, or else the first column.
    about
        Columns that are about the samples even if they hold numbers.

    Raises
    ------
    MatrixError
        If the file cannot be read, a name is empty or occurs twice, labels and betas have no sample
        in common, or values are no betas.
    """
    table = read_table(path)
    known = read_table(labels) if labels is not None else read_sample_columns(path)
    if known is None:
        return _samples_in_rows(path.name, table, sample, set(about))
    where = labels.name if labels is not None else path.name
    known = _named(where, known, sample)
    if len(set(known["sample_id"]) & set(table.columns[1:])):
        return _probes_in_rows(path.name, where, table, known)
    rows = _named(path.name, table, sample if sample in table.columns else None)
    if not set(known["sample_id"]) & set(rows["sample_id"]):
        raise MatrixError(
            f"{where} and {path.name} have no sample in common:"
            f" {some(known['sample_id'])} there, rows {some(rows['sample_id'])} and columns"
            f" {some(table.columns[1:])} here: name the right column with --sample"
        )
    own = [name for name in rows.columns if name not in known.columns or name == "sample_id"]
    joined = rows[own].join(known, on="sample_id", how="left", maintain_order="left")
    found = _samples_in_rows(path.name, joined, "sample_id", {*about, *known.columns})
    missing = sorted(set(known["sample_id"]) - set(rows["sample_id"]))
    return BetaTable(found.samples, found.X, found.probe_ids, missing, found.notes)


def _samples_in_rows(
    name: str, table: pl.DataFrame, sample: str | None, about: set[str]
) -> BetaTable:
    if sum(bool(CPG.fullmatch(str(each))) for each in table[table.columns[0]].head(100)) > 50:
        raise MatrixError(
            f"{name}: probes lie in rows: give a table about the samples, a row each, with --labels"
        )
    rows = _named(name, table, sample)
    numeric = [c for c in rows.columns if rows[c].dtype.is_numeric() and c not in about]
    probes = [c for c in rows.columns if CPG.fullmatch(c)]
    notes = []
    if probes:
        odd = [c for c in numeric if c not in set(probes) and _OTHER_PROBE.match(c)]
        rest = [c for c in numeric if c not in {*probes, *odd}]
        notes += _unused(odd, "probe", "not a CpG")
        notes += _unused(rest, "column", "numbers, but its name is no CpG's", "their names are no")
    else:
        probes = [c for c in numeric if c != "sample_id"]
        notes.append("no column is named like a CpG: every column of numbers counts as a beta")
    if not probes:
        raise MatrixError(
            f"{name}: holds no column of numbers: samples in rows need a column for each probe;"
            " for probes in rows give the samples' labels with --labels"
        )
    X = _values(name, rows, probes)
    _check_betas(name, X, rows["sample_id"].to_list(), probes)
    other = [c for c in rows.columns if c not in set(probes) and not _OTHER_PROBE.match(c)]
    samples = rows[other].cast(pl.String)
    return BetaTable(samples, X, probes, [], notes)


def _probes_in_rows(name: str, where: str, table: pl.DataFrame, known: pl.DataFrame) -> BetaTable:
    first = table.columns[0]
    table = table.with_columns(table[first].cast(pl.String))
    names = table[first]
    if names.null_count() or names.n_unique() < len(names):
        twice = names.filter(names.is_duplicated()).drop_nulls()
        what = f"probe {twice[0]!r} occurs twice" if len(twice) else "a probe has no name"
        raise MatrixError(f"{name}: {what} in the column {first!r}: keep one row a probe")
    is_cpg = np.array([bool(CPG.fullmatch(probe)) for probe in names], dtype=np.bool_)
    notes = []
    if is_cpg.any():
        odd = [probe for probe, cpg in zip(names, is_cpg, strict=True) if not cpg]
        notes += _unused(odd, "probe", "not a CpG")
        table = table.filter(pl.Series(is_cpg))
    else:
        notes.append("no row is named like a CpG: every row counts as a probe")
    ids = set(known["sample_id"])
    columns = [c for c in table.columns[1:] if c in ids]
    others = [c for c in table.columns[1:] if c not in ids]
    notes += _unused(others, "column", f"not in {where}")
    X = np.ascontiguousarray(_values(name, table, columns).T)
    probes = table[first].to_list()
    _check_betas(name, X, columns, probes)
    order = pl.DataFrame({"sample_id": columns})
    samples = order.join(known, on="sample_id", how="left", maintain_order="left")
    missing = sorted(ids - set(columns))
    return BetaTable(samples.cast(pl.String), X, probes, missing, notes)


def _named(where: str, table: pl.DataFrame, sample: str | None) -> pl.DataFrame:
    """Return the table with its column of names called sample_id; each is there once."""
    if sample is not None and sample not in table.columns:
        raise MatrixError(f"{where}: no column {sample!r}: it has {some(table.columns)}")
    lower = {c.lower().replace(" ", "_"): c for c in reversed(table.columns)}
    found = next((lower[name] for name in _SAMPLE_NAMES if name in lower), table.columns[0])
    column = sample or found
    names = table[column].cast(pl.String)
    if (empty := names.is_null() | (names == "")).any():
        raise MatrixError(
            f"{where}: row {int(empty.arg_max() or 0) + 1} has no name in the column {column!r}"
        )
    if (twice := names.filter(names.is_duplicated())).len():
        raise MatrixError(
            f"{where}: sample {twice[0]!r} occurs twice in the column {column!r}"
            f" ({twice.len()} rows share a name): keep one row a sample, or name another column"
            " with --sample"
        )
    rest = [c for c in table.columns if c not in (column, "sample_id")]
    return pl.DataFrame([names.alias("sample_id"), *(table[c] for c in rest)])


def _values(name: str, table: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.float32]:
    for column in columns:
        if table[column].dtype.is_numeric() or table[column].dtype == pl.Null:
            continue
        text = table[column].cast(pl.String)
        bad = text.filter(text.cast(pl.Float32, strict=False).is_null() & text.is_not_null())
        if bad.len():
            raise MatrixError(f"{name}: {column!r} holds {bad[0]!r}: betas are numbers, or empty")
    floats = table[list(columns)].cast(pl.Float32)  # by name: `select` would expand a pattern
    return np.ascontiguousarray(floats.to_numpy(), dtype=np.float32)


def _check_betas(
    name: str, X: NDArray[np.float32], samples: Sequence[str], probes: Sequence[str]
) -> None:
    if not X.size or np.isnan(X).all():
        raise MatrixError(f"{name}: holds no betas")
    low, high = float(np.nanmin(X)), float(np.nanmax(X))
    if low >= 0 and high <= 1:
        return
    out = tuple(map(int, np.unravel_index(int(np.argmax((X < 0) | (X > 1))), X.shape)))
    where = f"{probes[out[1]]} of {samples[out[0]]} is {X[out[0], out[1]]:g}"
    if low < -1:
        why = "these look like M-values: convert them, beta = 2^M / (1 + 2^M)"
    elif low >= 0 and high <= 100:
        why = "these look like percentages: divide them by 100"
    else:
        why = "take other columns out of the table, or clip the betas knowingly"
    raise MatrixError(
        f"{name}: values from {low:g} to {high:g} ({where}), but betas lie in 0..1: {why}"
    )


def _unused(names: Sequence[str], noun: str, why: str, many: str | None = None) -> list[str]:
    if not names:
        return []
    if len(names) == 1:
        return [f"{noun} {names[0]} is not used: {why}"]
    reason = f"{many} CpGs'" if many else why
    return [f"{len(names):,} {noun}s are not used ({some(names)}): {reason}"]
