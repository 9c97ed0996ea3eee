"""A console on which wide tables fit.

Belongs here: how wide a table may be. Does not belong here: tables.
"""

from __future__ import annotations

from rich.console import Console

_WIDTH = 120


def wide_console() -> Console:
    """Return the terminal's console, or one of 120 columns where output is a file or a log."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)
