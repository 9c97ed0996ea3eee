"""The layout of the tables, and bringing a database of an earlier version up to it.

Belongs here: the schema's version, making tables, adding what an earlier version lacks. Does not
belong here: rows. The layout itself is ``schema.sql``.

A newer version only ever adds tables and columns; where rows have to change, a step of
`cup_assets.warehouse.migrations` does it. What was stored otherwise stays as it is, with nothing
(or the default that the layout gives) in the new columns, until its asset is materialised again;
raised code versions see to that.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from cup_assets.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 5

_COLUMNS = (
    "SELECT table_name, column_name, data_type, column_default FROM duckdb_columns()"
    " JOIN duckdb_tables() USING (database_name, schema_name, table_name)"
    " WHERE schema_name = 'main' AND NOT duckdb_columns.internal ORDER BY ALL"
)


def check_version(found: str, path: object) -> None:
    """Refuse a database that a newer cup_assets wrote.

    Raises
    ------
    WarehouseError
        With the remedy.
    """
    if int(found) > SCHEMA_VERSION:
        raise WarehouseError(
            f"{path} was written by a newer cup_assets (schema {found}, known here:"
            f" {SCHEMA_VERSION}): update cup_assets, or restore a backup of before the update"
        )


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and views that are not there, and add the columns that a table lacks.

    Raises
    ------
    WarehouseError
        If a column has another type than the schema says; nobody knows what it holds.
    """
    import duckdb

    layout = files("cup_assets.warehouse").joinpath("schema.sql").read_text()
    with duckdb.connect() as empty:
        empty.execute(layout)
        wanted = _columns(empty)
    found = _columns(connection)
    tables = {table for table, _ in found}
    for (table, column), (data_type, default) in wanted.items():
        given, _ = found.get((table, column), (None, None))
        if table in tables and given is None:
            filled = f" DEFAULT {default}" if default else ""
            connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {data_type}{filled}')
        elif given not in (None, data_type):
            raise WarehouseError(
                f"column {table}.{column} is of type {given}, not {data_type}: this is no database"
                " of cup_assets; restore it from a backup, or move it away and run"
                " `cup materialize` to build it again"
            )
    for table, column in found.keys() - wanted.keys():
        if table in {name for name, _ in wanted}:
            # Kept for who reads it; no longer written.
            connection.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" DROP NOT NULL')
    connection.execute(layout)


def _columns(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], tuple[str, str | None]]:
    rows = connection.execute(_COLUMNS).fetchall()
    return {(table, column): (data_type, default) for table, column, data_type, default in rows}
