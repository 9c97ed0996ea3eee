"""A small table of betas of a panel's CpGs, as a laboratory exports it.

Belongs here: which way round the table lies, which of its columns are CpGs, and refusing values
that are no betas. Does not belong here: tables of whole arrays (`beta_table`), scoring.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.cohort.beta_table import CPG
from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.text_tables import read_table, some

_NAMES = ("sample_id", "sample_name", "sample", "id")


@dataclass(frozen=True, eq=False)
class PanelTable:
    """Betas of a few CpGs.

    Attributes
    ----------
    sample_ids : list of str, n
    probe_ids : list of str, p
    X : float32[n, p]
        NaN is missing.
    about : dict of column to n values
        What the table says of the samples, as ``material``; null is unknown.
    notes : list of str
        What of the table is not used, a sentence each.
    """

    sample_ids: list[str]
    probe_ids: list[str]
    X: NDArray[np.float32]
    about: dict[str, list[str | None]]
    notes: list[str]


def read_panel_table(
    path: Path,
    known: Collection[str],
    panel: str,
    factors: Collection[str] = ("material",),
    amplicons: Mapping[str, Collection[str]] | None = None,
) -> PanelTable:
    """Read a table with samples in rows or in columns; CSV, TSV or Parquet.

    Parameters
    ----------
    path
    known
        The panel's CpGs.
    panel
        Its name, for messages.
    factors
        Columns about samples that are used, where samples lie in rows.
    amplicons
        CpGs of each amplicon, where one value is measured for all of them: it may be given by the
        amplicon's name.

    Raises
    ------
    MatrixError
        If the file cannot be read, a CpG is not of the panel, a name is empty or occurs twice, or a
        value is no beta.
    """
    table = read_table(path)
    spread = {name: list(members) for name, members in (amplicons or {}).items()}
    wanted = {*known, *spread}
    first = table[table.columns[0]].cast(pl.String)
    in_rows = [name for name in first if name in wanted or _is_cpg(name)]
    in_columns = [name for name in table.columns if name in wanted or _is_cpg(name)]
    if len(in_rows) > len(in_columns):
        table = _turned(path.name, table, first)
        in_columns = table.columns[1:]
    if unknown := [name for name in in_columns if name not in wanted]:
        if (stem := unknown[0].partition("_")[0]) in wanted:
            raise MatrixError(
                f"{path.name}: name {unknown[0]} by the CpG alone: {stem} (the suffix tells the"
                " probes of one CpG on one array apart: give one value a CpG)"
            )
        raise MatrixError(
            f"{path.name}: {some(unknown)} {'is' if len(unknown) == 1 else 'are'} not in the panel"
            f" {panel} ({some(sorted(known))}): take them out, or name another panel"
        )
    if not in_columns:
        raise MatrixError(
            f"{path.name}: holds no CpG of the panel {panel} ({some(sorted(known))}), neither in"
            " the names of its columns nor in its first column"
        )
    names = _sample_names(path.name, table)
    betas = {name: _betas(path.name, table, name, names) for name in in_columns}
    probes, columns = _spread(path.name, betas, spread)
    lower = {name.lower(): name for name in table.columns if name not in in_columns}
    about = {
        name: [value or None for value in table[lower[name]].cast(pl.String).to_list()]
        for name in factors
        if name in lower
    }
    used = {*in_columns, _name_column(table), *(lower[name] for name in about)}
    left = [name for name in table.columns if name not in used]
    notes = [f"not used: {some(left, 8)}"] if left else []
    return PanelTable(names, probes, np.column_stack(columns), about, notes)


def _is_cpg(name: str | None) -> bool:
    return name is not None and CPG.fullmatch(name) is not None


def _turned(where: str, table: pl.DataFrame, first: pl.Series) -> pl.DataFrame:
    """Turn a table with CpGs in rows."""
    if first.null_count() or (first == "").any():
        raise MatrixError(f"{where}: a row has no name in the column {table.columns[0]!r}")
    if (twice := first.filter(first.is_duplicated())).len():
        raise MatrixError(f"{where}: {twice[0]!r} occurs twice: keep one row a CpG")
    rows = {
        name: list(values)
        for name, *values in table.with_columns(first).cast(pl.String).iter_rows()
    }
    return pl.DataFrame({"sample_id": table.columns[1:], **rows})


def _name_column(table: pl.DataFrame) -> str:
    lower = {name.lower().replace(" ", "_"): name for name in reversed(table.columns)}
    return next((lower[name] for name in _NAMES if name in lower), table.columns[0])


def _sample_names(where: str, table: pl.DataFrame) -> list[str]:
    column = _name_column(table)
    names = table[column].cast(pl.String)
    if (empty := (names.is_null() | (names == ""))).any():
        row = int(empty.arg_max() or 0) + 1
        raise MatrixError(f"{where}: row {row} has no name in the column {column!r}")
    if (twice := names.filter(names.is_duplicated())).len():
        raise MatrixError(f"{where}: sample {twice[0]!r} occurs twice: keep one row a sample")
    return names.to_list()


def _betas(where: str, table: pl.DataFrame, column: str, samples: list[str]) -> NDArray[np.float32]:
    text = table[column].cast(pl.String)
    text = text.set(text == "", None)
    numbers = text.cast(pl.Float64, strict=False)
    if (bad := numbers.is_null() & text.is_not_null()).any():
        at = int(bad.arg_max() or 0)
        raise MatrixError(
            f"{where}: {column} of {samples[at]} is {text[at]!r}: betas are numbers, or empty"
        )
    values = numbers.fill_null(float("nan")).to_numpy()
    if (out := np.flatnonzero((values < 0) | (values > 1) | np.isinf(values))).size:
        at = int(out[0])
        percent = 1 < values[at] <= 100
        why = "these look like percentages: divide them by 100" if percent else "correct it"
        raise MatrixError(
            f"{where}: {column} of {samples[at]} is {values[at]:g}, but betas lie in 0..1: {why}"
        )
    return values.astype(np.float32)


def _spread(
    where: str, betas: Mapping[str, NDArray[np.float32]], spread: Mapping[str, list[str]]
) -> tuple[list[str], list[NDArray[np.float32]]]:
    """Give the value of an amplicon to each of its CpGs."""
    probes: list[str] = []
    columns: list[NDArray[np.float32]] = []
    for name, values in betas.items():
        for probe in spread.get(name, [name]):
            if probe in probes:
                raise MatrixError(f"{where}: {probe} is given twice: by itself and by an amplicon")
            probes.append(probe)
            columns.append(values)
    return probes, columns
