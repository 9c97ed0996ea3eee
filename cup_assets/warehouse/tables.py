"""Tables and views of the catalogue as files that anything reads.

Belongs here: which there are, their columns, writing one. Does not belong here: matrices in other
layouts than the view ``betas`` (`cup_assets.console.export_betas`).
"""

from __future__ import annotations

from pathlib import Path

from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.errors import WarehouseError

# Columns that may tell whose a sample is: names of patients, what joins the samples of one, and the
# columns of a sheet that the platform does not know.
PERSONAL = ("patient_id", "other_patient", "person", "extra")
# Billions of rows, which come in the order of the files; all others are sorted.
_UNSORTED = ("betas",)


def table_columns(catalogue: Catalogue) -> dict[str, list[str]]:
    """Return table or view -> its columns, sorted by name."""
    found = catalogue.query(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index"
    )
    columns: dict[str, list[str]] = {}
    for table, column in found.iter_rows():
        columns.setdefault(table, []).append(column)
    return columns


def export_table(
    catalogue: Catalogue, table: str, path: Path, kind: str, *, personal: bool = False
) -> tuple[int, list[str]]:
    """Write a table or view to a file, without taking it into memory.

    Rows are sorted by all columns, so that the same rows give the same bytes; those of ``betas``
    come as they are stored.

    Parameters
    ----------
    catalogue
        Where it is.
    table
        Its name: one of `table_columns`, compared as it is and never part of a statement before.
    path
        Where to; written over.
    kind
        ``csv`` or ``parquet`` (zstd).
    personal
        Whether the columns of `PERSONAL` are written, too.

    Returns
    -------
    rows, withheld
        Number of rows, and the columns that were left out.

    Raises
    ------
    WarehouseError
        If there is no such table, or no column is left.
    """
    known = table_columns(catalogue)
    if table not in known:
        raise WarehouseError(f"no table or view {table!r}: `cup export` lists what there is")
    withheld = [] if personal else [name for name in known[table] if name in PERSONAL]
    shown = ", ".join(_quoted(name) for name in known[table] if name not in withheld)
    order = "" if table in _UNSORTED else " ORDER BY ALL"

    source = _quoted(table)
    with catalogue.reading() as connection:
        rows = connection.sql(f"SELECT {shown} FROM {source}{order}")
        if kind == "csv":
            rows.write_csv(str(path), header=True)
        else:
            rows.write_parquet(str(path), compression="zstd")
        counted = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
    return int(counted[0][0]), withheld


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
