"""Sample sheets: one validated row a sample.

Belongs here: which columns a sheet has, under which names, and which of them must be there. Does
not belong here: bytes and separators (`sheet_text`), what a row may hold (`sheet_rows`), and the
files that the rows speak of (`intake`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import Problem, SampleSheetError, printable
from cup_assets.cohort.sheet_rows import OPTIONAL, REQUIRED, SAMPLE_SCHEMA, RowReader, SheetRow
from cup_assets.cohort.sheet_text import SheetTable, read_table
from cup_assets.cohort.sheet_values import MAX_TEXT, folded

__all__ = ["SAMPLE_SCHEMA", "SampleSheet", "SheetRow", "load_samplesheet", "read_samplesheet"]

_DIALECTS = {
    "sample name": "sample_name",
    "sentrixbarcode a": "sentrix_id",
    "sentrix barcode": "sentrix_id",
    "sentrixposition a": "sentrix_position",
}
_COLUMNS = {
    **{folded(name): name for name in (*REQUIRED, *OPTIONAL)},
    **_DIALECTS,
}


@dataclass(frozen=True)
class SampleSheet:
    """The accepted rows of a sheet, in its order, and what was wrong with the others.

    Attributes
    ----------
    name
        File name.
    rows
        Accepted rows.
    problems
        Faults and notes.
    refused
        Arrays (Sentrix_ID, Sentrix_Position) named by refused rows, so that their files are not
        reported a second time as files without a row.
    """

    name: str
    rows: tuple[SheetRow, ...]
    problems: tuple[Problem, ...]
    refused: frozenset[tuple[str, str]]


def read_samplesheet(path: Path) -> pl.DataFrame:
    """Read a sample sheet that must be free of faults.

    Parameters
    ----------
    path : Path
        Illumina layout with ``[Data]``, or plain CSV.

    Returns
    -------
    pl.DataFrame
        One row a sample, columns `SAMPLE_SCHEMA`; those that a sheet does not hold (batch, array,
        class, files...) are null.

    Raises
    ------
    SampleSheetError
        If the file or any row of it is at fault; names the first fault.
    """
    sheet = load_samplesheet(path)
    for problem in sheet.problems:
        if problem.severity == "error":
            raise SampleSheetError(problem.line)
    return pl.DataFrame([row.fields for row in sheet.rows], schema=SAMPLE_SCHEMA)


def load_samplesheet(path: Path) -> SampleSheet:
    """Read a sample sheet, refusing rows one by one.

    Parameters
    ----------
    path : Path
        Illumina layout with ``[Data]``, or plain CSV. Required columns: Sample_ID (or Sample_Name),
        Sentrix_ID, Sentrix_Position. An empty role means ``diagnostic``, which trains nothing; an
        empty patient_id means that the sample is its own patient; both are said in a note.

    Raises
    ------
    SampleSheetError
        If the file as a whole is unreadable: encoding, quotation marks, missing columns, no rows.
    """
    table = read_table(path, lambda name: folded(name) in _COLUMNS)
    reader = RowReader(path.name, _columns(path.name, table))
    reader.problems.extend(table.notes)
    if not table.rows:
        raise SampleSheetError(f"{path.name}: has no rows: fill in one line per sample")
    rows = [row for line, cells in table.rows if (row := reader.row(line, cells))]
    rows = reader.without_duplicates(rows)
    reader.note_empty()
    accepted = frozenset(row.position for row in rows)
    return SampleSheet(
        path.name, tuple(rows), tuple(reader.problems), frozenset(reader.arrays - accepted)
    )


def _columns(name: str, table: SheetTable) -> dict[int, str]:
    """Return the canonical name (or the one written) of each column by its index."""
    columns: dict[int, str] = {}
    for index, written in enumerate(table.header):
        if not written:
            continue
        if len(written) > MAX_TEXT:
            raise SampleSheetError(
                f"{name}: has a column name of over {MAX_TEXT} characters"
                f" ({printable(written[:40])}...): shorten it"
            )
        column = _COLUMNS.get(folded(written), printable(written))
        while column in columns.values():
            if column in _COLUMNS.values():
                raise SampleSheetError(f"{name}: has two columns {written!r}: keep one of them")
            column = f"{column} ({index + 1})"
        columns[index] = column
    if "sample_id" not in columns.values():
        columns = {i: "sample_id" if c == "sample_name" else c for i, c in columns.items()}
    missing = [label for column, label in REQUIRED.items() if column not in columns.values()]
    if missing:
        seen = ", ".join(columns.values())
        raise SampleSheetError(
            f"{name}: lacks the column {', '.join(missing)}: add it (columns found: {seen[:200]})"
        )
    return columns
