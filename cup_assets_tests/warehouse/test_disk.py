"""A full disk is told from every other error, whichever library notices it."""

from __future__ import annotations

import errno

import duckdb
import polars as pl
import pytest

from cup_assets.warehouse.disk import full_disk_as_oserror


@pytest.mark.parametrize(
    "error",
    [
        pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)"),
        duckdb.IOException("Could not write file: No space left on device"),
    ],
)
def test_a_library_s_words_for_a_full_disk_become_an_oserror(error: Exception) -> None:
    with pytest.raises(OSError) as caught, full_disk_as_oserror():
        raise error
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_of_these_libraries_stay_what_they_are() -> None:
    with pytest.raises(duckdb.IOException, match="lock"), full_disk_as_oserror():
        raise duckdb.IOException("Could not set lock on file")
