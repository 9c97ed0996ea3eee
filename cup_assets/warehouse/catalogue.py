"""The DuckDB catalogue: short connections, one transaction a write, versions with their inputs.

Belongs here: connections, locks, transactions. Does not belong here: the layout of the tables
(``schema.sql``) and of the matrices (`cup_assets.warehouse.matrices`).

DuckDB lets one process hold the file for writing and nobody else then; so nothing here keeps a
connection open, and an opener waits for its turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from cup_assets.warehouse.errors import WarehouseError
from cup_assets.warehouse.matrices import MatrixFile, betas_view
from cup_assets.warehouse.migrations import migrate
from cup_assets.warehouse.provenance import AssetVersion, Recipe
from cup_assets.warehouse.records import (
    read_version,
    record_version,
    refuse_changed_inputs,
    replace_rows,
)
from cup_assets.warehouse.schema import SCHEMA_VERSION, bring_up_to_date, check_version
from cup_assets.warehouse.snapshot import BUSY, copy_catalogue

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Write:
    """What one materialisation stores, in one transaction.

    Attributes
    ----------
    key
        Columns and values that say which rows are replaced; empty: the whole table.
    keys
        The same for single tables, by name, in the place of ``key``.
    tables
        Table name -> the new rows, without ``run_id`` and ``data_version``.
    matrices
        Parquet files already on disk that the batch now consists of (None: not touched).
    """

    tables: Mapping[str, pl.DataFrame]
    key: Mapping[str, str] = field(default_factory=dict)
    matrices: Sequence[MatrixFile] | None = None
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Catalogue:
    """The database file of one data folder.

    Parameters
    ----------
    path
        The DuckDB file; it is made on the first write.
    patience
        Seconds to wait for another process to let go of the file.
    """

    def __init__(self, path: Path, patience: float = 120.0) -> None:
        self.path = path
        self.patience = patience
        self._checked = False

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pl.DataFrame:
        """Run one SELECT on a read-only connection and return its rows.

        Parameters are given in order (``?``) or by name (``$name``).
        """
        bound = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        with self.reading() as connection:
            return connection.execute(sql, bound).pl()

    def current(self, asset: str, partition: str = "") -> AssetVersion | None:
        """Return the current version of an asset (partition), or None if there is none."""
        found = self.versions(asset, partition)
        return found[0] if found else None

    def current_versions(self, asset: str) -> dict[str, str]:
        """Return partition -> current data version of an asset ("" where unpartitioned)."""
        rows = self.query(
            "SELECT partition, data_version FROM asset_versions"
            " WHERE asset = ? AND is_current ORDER BY partition",
            [asset],
        )
        return dict(rows.iter_rows())

    def current_partitions(self, asset: str) -> dict[str, AssetVersion]:
        """Return partition -> current version of an asset, read on one connection."""
        return {version.partition: version for version in self.versions(asset, None)}

    def versions(
        self, asset: str, partition: str | None = "", data_version: str | None = None
    ) -> list[AssetVersion]:
        """Return recorded versions with their inputs: the current one, or the one asked for.

        ``partition`` None means every partition.
        """
        where = "is_current" if data_version is None else "data_version = $data_version"
        wanted = {"asset": asset, "partition": partition}
        if data_version is not None:
            wanted["data_version"] = data_version
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM asset_versions WHERE asset = $asset"
                f" AND partition = coalesce($partition, partition) AND {where} ORDER BY partition",
                wanted,
            ).pl()
            return [read_version(connection, row) for row in rows.iter_rows(named=True)]

    def store(
        self,
        recipe: Recipe,
        write: Write,
        *,
        run_id: str,
        data_version: str,
        summary: Mapping[str, Any],
        seconds: float | None = None,
        started_at: datetime | None = None,
    ) -> None:
        """Replace an asset's rows, record its version and inputs: all of it or nothing.

        Raises
        ------
        InputChangedError
            If an input has another current version than the recipe says: versions are read before
            the data, and what was read in between may be of either.
        WarehouseError
            If the file stays locked, or is of a newer schema.
        """
        self._ensure()
        marks = [pl.lit(run_id).alias("run_id"), pl.lit(data_version).alias("data_version")]
        with self._transaction() as connection:
            refuse_changed_inputs(connection, recipe)
            for table, rows in write.tables.items():
                key = write.keys.get(table, write.key)
                replace_rows(connection, table, rows.with_columns(marks), key)
            if write.matrices is not None:
                rows = pl.DataFrame([m.row() for m in write.matrices], schema=MatrixFile.SCHEMA)
                replace_rows(connection, "matrices", rows.with_columns(marks), write.key)
            if write.matrices is not None or "batches" in write.tables:
                _refresh_betas_view(connection, self.path.parent.resolve())
            record_version(connection, recipe, run_id, data_version, summary, seconds, started_at)
        if write.matrices is not None:
            self._collect_garbage(recipe.partition)

    def store_once(
        self, table: str, rows: pl.DataFrame, key: Mapping[str, str], run_id: str, version: str
    ) -> None:
        """Replace the rows of a key unless they already carry this version (probe tables)."""
        where = " AND ".join(f'"{column}" = ?' for column in key)
        found = self.query(
            f'SELECT DISTINCT data_version FROM "{table}" WHERE {where}', list(key.values())
        )
        if found["data_version"].to_list() == [version]:
            return
        marks = [pl.lit(run_id).alias("run_id"), pl.lit(version).alias("data_version")]
        with self._transaction() as connection:
            replace_rows(connection, table, rows.with_columns(marks), key)

    def _collect_garbage(self, batch: str) -> None:
        """Delete a batch's matrices that no row refers to: superseded, or left by a killed run."""
        kept = set(self.query("SELECT path FROM matrices WHERE batch = ?", [batch])["path"])
        for file in (self.path.parent / "matrices" / batch).glob("*.parquet*"):
            if file.relative_to(self.path.parent).as_posix() not in kept:
                file.unlink(missing_ok=True)

    def _ensure(self) -> None:
        """Once an object: make or extend the tables, follow a moved folder, refuse newer ones."""
        if self._checked and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            with self._connection(read_only=True) as connection:
                if self._is_current(connection):
                    return
                found = _platform(connection)
            if found:
                self._keep_earlier(found["schema_version"])
        here = self._here()
        with self._transaction() as connection:
            # Another process may have been faster.
            version = _platform(connection).get("schema_version", here["schema_version"])
            check_version(version, self.path)
            bring_up_to_date(connection)
            migrate(connection, int(version))
            for item in here.items():
                connection.execute("INSERT OR REPLACE INTO platform VALUES (?, ?)", item)
            _refresh_betas_view(connection, self.path.parent.resolve())
        self._checked = True

    def _here(self) -> dict[str, str]:
        """Return what a database of this version in this place says of itself."""
        return {"schema_version": str(SCHEMA_VERSION), "root": str(self.path.parent.resolve())}

    def _is_current(self, connection: duckdb.DuckDBPyConnection) -> bool:
        if not self._checked:
            found = _platform(connection)
            check_version(found.get("schema_version", "0"), self.path)
            self._checked = found == self._here()
        return self._checked

    def _keep_earlier(self, version: str) -> None:
        """Copy a database of an earlier version before anything is changed in it, once."""
        kept = self.path.with_name(f"{self.path.stem}.schema-{version}.duckdb")
        if int(version) < SCHEMA_VERSION and not kept.exists():
            copy_catalogue(self.path, kept, patience=self.patience)

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection(read_only=False) as connection:
            connection.begin()
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a read-only connection, for what is too large for `query`; writers wait for it."""
        if self.path.exists():
            # Opening takes longer than most questions: asked on the connection that looked.
            with self._connection(read_only=True) as connection:
                if self._is_current(connection):
                    yield connection
                    return
        self._ensure()
        with self._connection(read_only=True) as connection:
            yield connection

    @contextmanager
    def _connection(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._wait_for_connection(read_only=read_only)
        try:
            yield connection
        finally:
            connection.close()

    def _wait_for_connection(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        deadline = time.monotonic() + self.patience
        pause = 0.02
        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not any(text in str(error) for text in BUSY):
                    raise WarehouseError(
                        f"cannot open {self.path}: {error}; restore it from a backup, or move it"
                        " away and run `cup materialize` to build it again"
                    ) from error
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"{self.path} has been held by another process for {self.patience:.0f} s:"
                        " close the program that has it open for writing, then try again"
                    ) from error
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)


def _platform(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return what the database says of itself; nothing where it is empty."""
    made = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'platform'")
    if made.fetchone() is None:
        return {}
    return dict(connection.execute("SELECT key, value FROM platform").fetchall())


def _refresh_betas_view(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    paths = connection.execute(
        "SELECT path FROM matrices WHERE kind = 'betas' AND batch NOT IN"
        " (SELECT batch FROM batches WHERE state = 'retracted') ORDER BY path"
    ).fetchall()
    import duckdb

    try:
        connection.execute(betas_view([folder / path for (path,) in paths]))
    except duckdb.IOException as error:
        raise WarehouseError(
            f"a matrix that the catalogue names cannot be read: {' '.join(str(error).split())}:"
            " restore it from a backup"
        ) from error
