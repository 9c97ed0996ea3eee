"""Frames as GitHub markdown tables, for asset metadata.

Belongs here: formatting of a frame. Does not belong here: choosing what to show.
"""

from __future__ import annotations

import math
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
        *(
            _row([_cell(value, digits) for value in row])
            for row in frame.head(max_rows).iter_rows()
        ),
    ]
    left_out = frame.height - max_rows
    if left_out > 0:
        lines += ["", f"… and {left_out:,} more row{'s' if left_out > 1 else ''}"]
    return "\n".join(lines)


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
