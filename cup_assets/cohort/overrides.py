"""Verdicts that a person overrides: ``overrides.csv`` in a batch folder.

Belongs here: reading that file, one line for each fault. Does not belong here: the measured
verdict (`cup_assets.methylome.quality`), and where an override takes effect (the view
``sample_qc``).

A batch's folder holds all that people say about its samples: a changed file is noticed like a
changed sample sheet, its SHA-256 is recorded with the batch, and it reaches every stage that asks
whether a sample can be used.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import Problem, SampleSheetError, printable
from cup_assets.cohort.sheet_text import read_table

OVERRIDES_NAME = "overrides.csv"
OVERRIDE_SCHEMA = dict.fromkeys(("sample_id", "verdict", "reason", "by", "date"), pl.String)
_VERDICTS = ("pass", "warn", "fail")


def read_overrides(path: Path, sample_ids: pl.Series) -> tuple[pl.DataFrame, list[Problem]]:
    """Read the overrides of a batch.

    Parameters
    ----------
    path : Path
        A CSV file with the columns `OVERRIDE_SCHEMA`, in any order and case: the sample, the
        verdict that it shall have (pass, warn or fail), why, who decided it, and when
        (YYYY-MM-DD).
    sample_ids : pl.Series
        The samples of the batch that can be used.

    Returns
    -------
    overrides : pl.DataFrame
        Columns `OVERRIDE_SCHEMA`, the lines that can be used, by sample.
    problems : list of Problem
        One for each line that is refused; an override that is refused changes no verdict.

    Raises
    ------
    SampleSheetError
        If the file is no such table: to go on without the overrides would undo them in silence.
    """
    table = read_table(path, lambda name: name.strip().casefold() in OVERRIDE_SCHEMA)
    header = [name.strip().casefold() for name in table.header]
    if lacking := [name for name in OVERRIDE_SCHEMA if header.count(name) != 1]:
        raise SampleSheetError(
            f"{path.name}: needs the column {lacking[0]!r} once: the columns are"
            f" {', '.join(OVERRIDE_SCHEMA)}"
        )
    rows = [
        (line, dict(zip(header, cells + ("",) * len(header), strict=False)))
        for line, cells in table.rows
    ]
    times = Counter(row["sample_id"] for _, row in rows)
    known = set(sample_ids)
    accepted, problems = [], list(table.notes)
    for line, row in rows:
        row["verdict"] = row["verdict"].casefold()
        fault = _fault(row, known, times[row["sample_id"]])
        if fault is None:
            accepted.append(tuple(row[name] for name in OVERRIDE_SCHEMA))
        else:
            what, remedy = fault
            where = f"{path.name}, line {line} ({printable(row['sample_id'])})"
            problems.append(Problem("bad_override", where, f"{what}: not applied", remedy))
    frame = pl.DataFrame(sorted(accepted), schema=OVERRIDE_SCHEMA, orient="row")
    return frame, problems


def _fault(row: dict[str, str], known: set[str], times: int) -> tuple[str, str] | None:
    """Return what is wrong with one line and what to do, or None."""
    if row["sample_id"] not in known:
        return "no usable sample of this batch has this sample_id", "correct or remove the line"
    if times > 1:
        return f"the sample has {times} lines", "keep the one that counts"
    if row["verdict"] not in _VERDICTS:
        return f"verdict {row['verdict']!r} is none", f"use one of {', '.join(_VERDICTS)}"
    for name, what in (("reason", "no reason is given"), ("by", "nobody signs it")):
        if not row[name]:
            return what, f"fill in {name!r}"
    try:
        date.fromisoformat(row["date"])
    except ValueError:
        return f"date {row['date']!r} is none", "write it as YYYY-MM-DD"
    return None
