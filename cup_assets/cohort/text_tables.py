"""Tables in files, whatever their separator and packing.

Belongs here: bytes -> frame, with every fault of the file as one line. Does not belong here: what
the columns mean.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl

from cup_assets.cohort.problems import MatrixError

_UNKNOWN = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "--"]
_BEGIN = "!series_matrix_table_begin"


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet file, or text with tabs, commas or semicolons, also compressed with gzip.

    Lines before the table of a GEO series matrix, and those that begin with ``!``, are passed over.

    Raises
    ------
    MatrixError
        If there is no such file, or no table in it.
    """
    if not path.is_file():
        raise MatrixError(f"{path} is no file: give a table of betas (CSV, TSV or Parquet)")
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else _read_text(path)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        line = " ".join(str(error).split())[:200]
        raise MatrixError(f"{path.name}: cannot be read as a table: {line}") from error
    if table.is_empty() or table.width < 2:
        raise MatrixError(f"{path.name}: holds {table.height} rows and {table.width} columns")
    return table


def head_lines(path: Path) -> list[str]:
    """Return the lines before the table of a GEO series matrix; none where it is none."""
    if path.suffix == ".parquet":
        return []
    with _opened(path) as file:
        lines: list[str] = []
        for line in file:
            if line.startswith(_BEGIN):
                return lines
            if line.strip() and not line.startswith("!"):
                return []
            lines.append(line.rstrip("\r\n"))
    return []


def some(names: Iterable[object], most: int = 4) -> str:
    """Return the first few names, and how many more there are.

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    known = [str(name) for name in names]
    if not known:
        return "none"
    shown = ", ".join(known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most:,} more"


def _read_text(path: Path) -> pl.DataFrame:
    skipped = len(head_lines(path))
    with _opened(path) as file:
        content = (line for line in file if line.strip() and not line.startswith("!"))
        head = list(islice(content, 2))
    if len(head) < 2:
        raise MatrixError(
            f"{path.name}: holds no table: a line of names and a line a row are needed"
        )
    separator = max("\t;,", key=head[0].count)
    # Semicolons are what a spreadsheet writes where numbers have a decimal comma.
    comma = separator == ";" and bool(re.search(r"(^|;)\"?\d+,\d", head[1]))
    return pl.read_csv(
        path,
        separator=separator,
        decimal_comma=comma,
        skip_lines=skipped,
        comment_prefix="!",
        null_values=_UNKNOWN,
        infer_schema_length=None,
    )


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open("r", encoding="utf-8")
