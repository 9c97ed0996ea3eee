"""A full disk, whoever notices it.

Belongs here: telling a full disk from other errors of the libraries that write. Does not belong
here: what to say to the user.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

_FULL = "No space left on device"


@contextmanager
def full_disk_as_oserror() -> Iterator[None]:
    """Raise what polars and DuckDB raise on a full disk as the `OSError` that it is.

    Neither derives its error from `OSError`; the words of the operating system are all they give.

    Raises
    ------
    OSError
        With ``errno.ENOSPC``.
    """
    import duckdb

    try:
        yield
    except (duckdb.Error, pl.exceptions.ComputeError) as error:
        if _FULL not in str(error):
            raise
        raise OSError(errno.ENOSPC, _FULL) from error
