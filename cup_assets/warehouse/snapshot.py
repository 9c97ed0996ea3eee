"""A copy of the catalogue as it is at one moment, while others go on working.

Belongs here: the copy, and what must be true of the files beside it at that moment. Does not belong
here: what a backup consists of (`cup_assets.console.backup`).

The file is read through DuckDB, never opened beside it: closing a second handle in the process that
holds the database would give its lock away (POSIX record locks).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cup_assets.warehouse.disk import full_disk_as_oserror
from cup_assets.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    import duckdb

BUSY = (
    *("Could not set lock", "different configuration", "Conflicting lock"),
    "Unique file handle conflict",
)


def copy_catalogue(
    source: Path,
    target: Path,
    *,
    patience: float = 120.0,
    while_held: Callable[[duckdb.DuckDBPyConnection], None] = lambda connection: None,
) -> None:
    """Copy a database file; nobody can write to it meanwhile, all can read.

    Parameters
    ----------
    source
        The database.
    target
        The copy's name, which appears when the copy is complete.
    patience
        Seconds to wait for a writer to finish.
    while_held
        Called with a connection (the database is attached as ``source``) before anybody can write
        again: for files that only belong to this state of the database.

    Raises
    ------
    WarehouseError
        If the database stays locked or cannot be copied.
    OSError
        If the disk is full; what was copied is removed.
    """
    import duckdb

    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with duckdb.connect() as connection, full_disk_as_oserror():
            _attach(connection, source, patience)
            while_held(connection)
            connection.execute(f"ATTACH {_quoted(temporary)} AS copied")
            connection.execute("COPY FROM DATABASE source TO copied")
            connection.execute("DETACH copied")
        temporary.replace(target)
    except duckdb.Error as error:
        raise WarehouseError(f"cannot copy {source}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)


def _attach(connection: duckdb.DuckDBPyConnection, source: Path, patience: float) -> None:
    import duckdb

    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute(f"ATTACH {_quoted(source)} AS source (READ_ONLY)")
        except duckdb.Error as error:
            if not any(text in str(error) for text in BUSY):
                raise
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"{source} has been held by another process for {patience:.0f} s: close the"
                    " program that has it open for writing, then try again"
                ) from error
        else:
            return
        time.sleep(0.05)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
