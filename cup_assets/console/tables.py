"""Frames as tables in a terminal.

Belongs here: their form. Does not belong here: what is shown.
"""

from __future__ import annotations

import polars as pl
from rich.markup import escape
from rich.table import Table


def rich_table(title: str, frame: pl.DataFrame) -> Table:
    """Return a frame as a table, numbers to the right."""
    table = Table(title=title)
    for name, kind in frame.schema.items():
        table.add_column(escape(name), justify="right" if kind.is_numeric() else "left")
    for row in frame.iter_rows():
        table.add_row(*(escape(_shown(value)) for value in row))
    return table


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
    return "" if value is None else str(value)
