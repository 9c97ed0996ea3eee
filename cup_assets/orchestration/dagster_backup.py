"""Copies of Dagster's own storage, taken while its daemon is at work.

Belongs here: SQLite's online backup, ``pg_dump`` and ``pg_restore``, and their order. Does not
belong here: the warehouse (`cup_assets.warehouse.backup`).

What Dagster knows must never be newer than the data: an event of a result that the catalogue lacks
would keep the asset from being asked for again. So Dagster's storage is copied before the
catalogue; and within it ticks before runs before events, since a cursor must not know of events
that are not there. What is then missing is asked for once more, and reuses what it finds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from cup_assets.orchestration.storage import Storage, StorageError
from cup_assets.warehouse.copies import copy_file, copy_tree, sha256_of

DUMP = "postgres.dump"
_SQLITE = (".db", ".db-wal", ".db-shm", ".db-journal")
_ORDER = ("schedules.db", "runs.db")


def save_storage(storage: Storage, target: Path) -> dict[str, str]:
    """Copy an instance folder and what Dagster stores.

    Parameters
    ----------
    storage
        As `cup_assets.orchestration.storage.find_storage` returns it.
    target
        A folder, which is made.

    Returns
    -------
    dict
        Path below ``target`` -> SHA-256.

    Raises
    ------
    StorageError
        If there is no program or no right to copy it.
    """
    target.mkdir(parents=True)
    hashes = {}
    if storage.kind == "postgres":
        dump = target / DUMP
        _postgres(storage, "pg_dump", "--format=custom", "--no-owner", f"--file={dump}")
        hashes[DUMP] = sha256_of(dump)
    elif storage.kind != "sqlite":
        raise StorageError(f"Dagster's storage is {storage}: copy it with its own tools")
    databases = sorted(storage.home.rglob("*.db"), key=_place)
    for database in databases:
        name = database.relative_to(storage.home)
        with contextlib.suppress(FileNotFoundError):  # deleted with its run
            hashes[name.as_posix()] = _copy_sqlite(database, target / name)
    return hashes | copy_tree(storage.home, target, without=_SQLITE)


def restore_storage(storage: Storage, source: Path) -> None:
    """Put back what `save_storage` saved, into an empty instance folder and database.

    Raises
    ------
    StorageError
        If the database already holds runs, or the programs are missing.
    """
    storage.home.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.rglob("*")):
        if file.is_file() and file.name != DUMP:
            copy_file(file, storage.home / file.relative_to(source))
    if (source / DUMP).exists():
        _postgres(
            storage, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction",
            f"--dbname={storage.address.database if storage.address else ''}", str(source / DUMP),
        )  # fmt: skip


def refuse_used_storage(storage: Storage) -> None:
    """Refuse to restore over what is there.

    Raises
    ------
    StorageError
        If the instance folder holds databases, or the PostgreSQL database has tables.
    """
    if any(storage.home.rglob("*.db")):
        raise StorageError(f"{storage.home} holds an instance already: move it away first")
    if storage.address is None:
        return
    import psycopg2

    address = storage.address.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(address)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            (tables,) = cursor.fetchone()
    finally:
        connection.close()
    if tables:
        raise StorageError(
            f"{storage} is not empty: make a new database, and name it in the environment"
        )


def _place(database: Path) -> tuple[int, str]:
    """Ticks first, then runs, then events; those of single runs last."""
    known = _ORDER.index(database.name) if database.name in _ORDER else len(_ORDER)
    return known, str(database)


def _copy_sqlite(database: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        # One file, whatever journal the running instance uses.
        copy.execute("PRAGMA journal_mode = DELETE")
    return sha256_of(target)


def _postgres(storage: Storage, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password is in the environment, not an argument."""
    path = shutil.which(program)
    if path is None:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        if not found:
            raise StorageError(
                f"{program} is not installed: it copies Dagster's storage (Debian:"
                " apt-get install postgresql-client)"
            )
        path = str(found[-1])
    url = storage.address
    assert url is not None
    values = {
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    done = subprocess.run(
        [path, *arguments],
        env=os.environ | {name: value for name, value in values.items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StorageError(f"{program} failed on {storage}: {' '.join(done.stderr.split())}")
