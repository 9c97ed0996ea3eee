"""Tables in files, whatever their separator and packing.

Belongs here: bytes -> frame, with every fault of the file as one line. Does not belong here: what
the columns mean.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl

from cup_assets.cohort.problems import MatrixError

_UNKNOWN = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "--"]
_BEGIN = "!series_matrix_table_begin"
# A line with a beta of every CpG of EPIC v2 has about 20 MB.
MAX_LINE = 64 * 2**20
MAX_HEAD = 100_000  # lines
_GROWTH = 30  # numbers shrink to a half or a third
_FREE = 64 * 2**20
_FAULTS = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
    *(UnicodeDecodeError, EOFError, zlib.error),
)


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet file, or text with tabs, commas or semicolons, also compressed with gzip.

    Lines before the table of a GEO series matrix, and those that begin with ``!``, are passed over.

    Raises
    ------
    MatrixError
        If there is no such file, no table in it, or one that no memory could hold.
    """
    if not path.is_file():
        raise MatrixError(f"{path} is no file: give a table of betas (CSV, TSV or Parquet)")
    with _one_line(path):
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_text(path)
    if table.is_empty() or table.width < 2:
        raise MatrixError(f"{path.name}: holds {table.height} rows and {table.width} columns")
    for name, dtype in table.schema.items():
        if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
            raise MatrixError(f"{path.name}: column {name!r} holds {dtype}, not numbers or texts")
    return table


def head_lines(path: Path) -> list[str]:
    """Return the lines before the table of a GEO series matrix; none where it is none.

    Raises
    ------
    MatrixError
        If the file cannot be read as text.
    """
    if path.suffix == ".parquet":
        return []
    with _one_line(path), _opened(path) as file:
        lines: list[str] = []
        n_characters = 0
        for line in _lines(path, file):
            if line.startswith(_BEGIN):
                return lines
            if line.strip() and not line.startswith("!"):
                return []
            lines.append(line.rstrip("\r\n"))
            n_characters += len(line)
            if n_characters > MAX_LINE or len(lines) > MAX_HEAD:
                raise MatrixError(f"{path.name}: the lines before its table do not end")
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


def _read_parquet(path: Path) -> pl.DataFrame:
    # Not polars' own reader: on some damage a thread of it dies, and the others wait for ever.
    import pyarrow as pa
    from pyarrow.parquet import read_table as read_arrow

    try:
        table = read_arrow(path)
        table.validate(full=True)
    except pa.ArrowException as error:
        line = " ".join(str(error).split())[:200]
        raise MatrixError(f"{path.name}: cannot be read as a table: {line}") from error
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MatrixError(f"{path.name}: has two columns {twice!r}: keep one of them")
    return pl.DataFrame(table)


def _read_text(path: Path) -> pl.DataFrame:
    skipped = len(head_lines(path))
    with _opened(path) as file:
        lines = _lines(path, file)
        content = (line for line in lines if line.strip() and not line.startswith("!"))
        head = list(islice(content, 2))
    if len(head) < 2:
        raise MatrixError(
            f"{path.name}: holds no table: a line of names and a line a row are needed"
        )
    separator = max("\t;,", key=head[0].count)
    # Semicolons are what a spreadsheet writes where numbers have a decimal comma.
    comma = separator == ";" and bool(re.search(r"(^|;)\"?\d+,\d", head[1]))
    return pl.read_csv(
        _unpacked(path) if path.suffix == ".gz" else path,
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


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise MatrixError(f"{path.name}: has a line of over {MAX_LINE >> 20} MB")
        yield line


def _unpacked(path: Path) -> bytes:
    """Return what a gzip file holds, unless it grows beyond what numbers ever do."""
    most = _FREE + _GROWTH * path.stat().st_size
    content = bytearray()
    with gzip.open(path) as stream:
        while chunk := stream.read(2**24):
            content += chunk
            if len(content) > most:
                raise MatrixError(
                    f"{path.name}: is {_GROWTH} times as large once decompressed, as no table of"
                    " betas is: decompress it yourself if you trust it"
                )
    return bytes(content)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Say in one line whatever a library found wrong with the file."""
    try:
        yield
    except OSError as error:
        line = " ".join((error.strerror or str(error)).split())[:200]
        raise MatrixError(f"{path.name}: cannot be read: {line}") from error
    except _FAULTS as error:
        line = " ".join(str(error).split())[:200]
        raise MatrixError(f"{path.name}: cannot be read as a table: {line}") from error
