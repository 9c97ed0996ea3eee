"""Frames as GitHub markdown tables, for asset metadata.

Belongs here: formatting of a frame. Does not belong here: choosing what to show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cup_assets.report.style import ReportError

if TYPE_CHECKING:
    import polars as pl


def markdown_table(frame: pl.DataFrame, *, max_rows: int = 50, digits: int = 3) -> str:
    """Return a frame as a GitHub-flavoured markdown table.

    Parameters
    ----------
    frame : pl.DataFrame
        Numbers are right-aligned; null and NaN become an en dash.
    max_rows : int
        Rows beyond are left out, and a last line says how many.
    digits : int
        Decimals of floating-point columns.

    Returns
    -------
    str
        Pipes, backslashes, HTML brackets and line breaks of the values are escaped, so that no
        value can break the table or slip markup into it.

    Raises
    ------
    ReportError
        If the frame has no column.
    """
    if not frame.columns:
        raise ReportError("a table needs at least one column")
    alignments = [" ---: " if dtype.is_numeric() else " --- " for dtype in frame.dtypes]
    lines = [
        _row([_escaped(name) for name in frame.columns]),
        "|" + "|".join(alignments) + "|",
        *_cut(
            [_row([_cell(value, digits) for value in row]) for row in frame.iter_rows()], max_rows
        ),
    ]
    return "\n".join(lines)


def markdown_estimates(
    frame: pl.DataFrame,
    rows: Sequence[str],
    *,
    over: str = "metric",
    max_rows: int = 200,
    digits: int = 3,
) -> str:
    """Return estimates with their intervals as a GitHub-flavoured markdown table.

    Parameters
    ----------
    frame : pl.DataFrame
        ``value``, ``low``, ``high`` and the columns named, one estimate a row.
    rows
        Columns that name a row of the table; rows come in the order of the frame.
    over : str
        Column whose values are the table's columns, in the order of the frame.
    max_rows, digits
        As for `markdown_table`.

    Returns
    -------
    str
        Cells such as ``0.041 (0.031 to 0.054)``; an en dash where there is no value, no brackets
        where there is no interval.
    """
    columns = frame[over].unique(maintain_order=True).to_list()
    lines: dict[tuple[object, ...], dict[str, str]] = {}
    for row in frame.select(*rows, over, "value", "low", "high").iter_rows():
        name, column, value, low, high = row[: len(rows)], row[len(rows)], *row[-3:]
        text = _cell(value, digits)
        if value is not None and low is not None and high is not None:
            text += f" ({_cell(low, digits)} to {_cell(high, digits)})"
        lines.setdefault(name, {})[column] = text
    head = [_escaped(name.replace("_", " ")) for name in (*rows, *columns)]
    shown = [
        _row([*(_cell(part, digits) for part in name), *(cells.get(c, "–") for c in columns)])
        for name, cells in lines.items()
    ]
    alignments = [" --- "] * len(rows) + [" ---: "] * len(columns)
    return "\n".join([_row(head), "|" + "|".join(alignments) + "|", *_cut(shown, max_rows)])


def _cut(lines: list[str], max_rows: int) -> list[str]:
    left_out = len(lines) - max_rows
    if left_out <= 0:
        return lines
    return [*lines[:max_rows], "", f"… and {left_out:,} more row{'s' if left_out > 1 else ''}"]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: object, digits: int) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    for raw, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(raw, safe)
    return " ".join(text.split("\n")).replace("\r", " ")
