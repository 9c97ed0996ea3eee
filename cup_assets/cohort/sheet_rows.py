"""The rows of a sample sheet, accepted or refused one by one.

Belongs here: what one row must hold, and what two rows may not share. Does not belong here: the
vocabulary of the values (`sheet_values`), the layout of the file (`samplesheet`, `sheet_text`).

A row with a fault is refused with one line that names it; the other rows go on. Two rows that claim
one Sample_ID, or one array, are both refused: nobody but the laboratory knows which is right.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from cup_assets.cohort import sheet_values as values
from cup_assets.cohort.problems import Problem, Severity, lines_text

SAMPLE_SCHEMA: dict[str, type[pl.String]] = dict.fromkeys(
    (
        "sample_id",
        "batch",
        "sentrix_id",
        "sentrix_position",
        "patient_id",
        "array",
        "role",
        "diagnosis",
        "class",
        "family",
        "material",
        "sex",
        "site",
        "cohort",
        "grn",
        "red",
        "grn_sha256",
        "red_sha256",
        "scan_date",
        "extra",
    ),
    pl.String,
)
"""Columns of every samples frame. ``extra`` holds the sheet's other columns as a JSON object."""

REQUIRED = {
    "sample_id": "Sample_ID (or Sample_Name)",
    "sentrix_id": "Sentrix_ID",
    "sentrix_position": "Sentrix_Position",
}
OPTIONAL = ("patient_id", "role", "diagnosis", "material", "sex", "site", "cohort")


@dataclass(frozen=True)
class SheetRow:
    """One accepted row.

    Attributes
    ----------
    line
        Line number in the file, from 1.
    fields
        Canonical columns of the sheet (see `SAMPLE_SCHEMA`), None where empty.
    """

    line: int
    fields: dict[str, str | None]

    @property
    def sample_id(self) -> str:
        """Name of the sample."""
        return str(self.fields["sample_id"])

    @property
    def position(self) -> tuple[str, str]:
        """Sentrix_ID and Sentrix_Position: the array on its slide."""
        return str(self.fields["sentrix_id"]), str(self.fields["sentrix_position"])


class RowReader:
    """Rows of one sheet, and the problems found on the way."""

    def __init__(self, name: str, columns: dict[int, str]) -> None:
        self.name = name
        self.columns = columns
        self.problems: list[Problem] = []
        self.arrays: set[tuple[str, str]] = set()
        self.claims: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.empty: dict[str, list[int]] = defaultdict(list)

    def row(self, line: int, cells: tuple[str, ...]) -> SheetRow | None:
        """Return the row, or None after recording why it is refused."""
        before = len(self.problems)
        fields = dict.fromkeys(SAMPLE_SCHEMA) | self._cells(line, cells)
        self._name(line, fields)
        self._array(line, fields)
        self._choice(line, fields, "role", values.role, values.ROLES)
        self._choice(line, fields, "material", values.material, values.MATERIALS)
        self._sex(line, fields)
        if any(problem.severity == "error" for problem in self.problems[before:]):
            return None
        for column in ("patient_id", "role", "material"):
            if fields[column] is None:
                self.empty[column].append(line)
        fields["patient_id"] = fields["patient_id"] or fields["sample_id"]
        fields["role"] = fields["role"] or "diagnostic"
        return SheetRow(line, fields)

    def without_duplicates(self, rows: list[SheetRow]) -> list[SheetRow]:
        """Return the rows whose name and array no other row claims, be it accepted or refused.

        Names are compared without case: the database and most file systems do not tell it apart.
        """
        refused: set[int] = set()
        said: set[tuple[int, ...]] = set()
        for (kind, claimed), lines in self.claims.items():
            if len(lines) > 1 and tuple(lines) not in said:
                said.add(tuple(lines))
                refused.update(lines)
                code = f"duplicate_{kind.lower()}"
                what = f"{kind} {claimed!r} is there {len(lines)} times"
                self._add(code, lines, what, "keep the right one")
        return [row for row in rows if row.line not in refused]

    def note_empty(self) -> None:
        """Say once per column how its empty cells were understood."""
        meanings: dict[str, tuple[str, str, Severity]] = {
            "patient_id": ("each sample is taken as its own patient", "fill it in", "note"),
            "role": ("taken as diagnostic, which trains nothing", "fill it in", "note"),
            "material": ("unknown material", "write FFPE or frozen", "warning"),
        }
        for column, (meaning, remedy, severity) in meanings.items():
            if lines := self.empty[column]:
                self._add(f"no_{column}", lines, f"{column} is empty: {meaning}", remedy, severity)

    def _cells(self, line: int, cells: tuple[str, ...]) -> dict[str, str | None]:
        if any(cells[i] for i in range(len(cells)) if i not in self.columns):
            self._add(
                "extra_cells",
                [line],
                "holds more values than the sheet has columns",
                "put values that contain the separator in quotation marks",
            )
        written = {
            column: values.clean(cells[index])
            for index, column in self.columns.items()
            if index < len(cells)
        }
        for column, value in written.items():
            if column not in REQUIRED and value and (fault := values.text_fault(value)):
                self._add("bad_text", [line], f"{column} {fault}", "shorten or retype the value")
        known = {c: v for c, v in written.items() if c in (*REQUIRED, *OPTIONAL)}
        extra = {c: v for c, v in written.items() if c not in known and v is not None}
        text = json.dumps(extra, ensure_ascii=False, sort_keys=True) if extra else None
        return known | {"extra": text}

    def _name(self, line: int, fields: dict[str, str | None]) -> None:
        value = fields["sample_id"]
        if value is None:
            self._add("no_sample_id", [line], "Sample_ID is empty", "name the sample")
        elif fault := values.sample_id_fault(value):
            self._add("bad_sample_id", [line], f"Sample_ID {value[:90]!r} {fault}", "rename it")
        else:
            self.claims["Sample_ID", value.casefold()].append(line)

    def _array(self, line: int, fields: dict[str, str | None]) -> None:
        barcode, position = fields["sentrix_id"], fields["sentrix_position"]
        slide = values.sentrix_id(barcode) if barcode else None
        if barcode and values.is_rounded_by_excel(barcode):
            what = (
                f"Sentrix_ID {barcode[:90]!r} was rounded by a spreadsheet and its digits are lost"
            )
            remedy = "format the column as text, then type the barcode again"
            self._add("rounded_sentrix_id", [line], what, remedy)
        elif slide is None:
            what = f"Sentrix_ID {(barcode or '')[:90]!r} is not a slide barcode"
            self._add("bad_sentrix_id", [line], what, "write it as in the IDAT file name")
        place = values.sentrix_position(position) if position else None
        if place is None:
            what = f"Sentrix_Position {(position or '')[:90]!r} is not a position such as R01C01"
            self._add("bad_sentrix_position", [line], what, "write it as in the IDAT file name")
        fields["sentrix_id"], fields["sentrix_position"] = slide, place
        if slide and place:
            self.arrays.add((slide, place))
            self.claims["position", f"{slide}_{place}"].append(line)

    def _choice(
        self,
        line: int,
        fields: dict[str, str | None],
        column: str,
        canonical: Callable[[str], str | None],
        choices: tuple[str, ...],
    ) -> None:
        written = fields[column]
        if written is None:
            return
        fields[column] = canonical(written)
        if fields[column] is None:
            what = f"{column} {written[:90]!r} is unknown"
            self._add(f"unknown_{column}", [line], what, f"use {_either(choices)}")

    def _sex(self, line: int, fields: dict[str, str | None]) -> None:
        written = fields["sex"]
        if written is None:
            return
        found = values.sex(written)
        if found is None:
            what = f"sex {written[:90]!r} is not understood and was left empty"
            self._add("unknown_sex", [line], what, "use F or M", "warning")
        fields["sex"] = found or None

    def _add(
        self, code: str, lines: list[int], what: str, remedy: str, severity: Severity = "error"
    ) -> None:
        self.problems.append(
            Problem(code, f"{self.name}, {lines_text(lines)}", what, remedy, severity)
        )


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"
