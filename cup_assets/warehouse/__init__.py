"""The database of the platform: a DuckDB catalogue and Parquet matrices beside it.

Belongs here: tables, transactions, files on disk, provenance records. Does not belong here:
science (what a beta value means) and Dagster (when something is written).
"""

from cup_assets.warehouse.catalogue import Catalogue, Write
from cup_assets.warehouse.errors import InputChangedError, WarehouseError
from cup_assets.warehouse.matrices import Matrix, MatrixFile, read_matrix, write_matrix
from cup_assets.warehouse.provenance import AssetVersion, Recipe, asset_name, digest

__all__ = [
    "AssetVersion",
    "Catalogue",
    "InputChangedError",
    "Matrix",
    "MatrixFile",
    "Recipe",
    "WarehouseError",
    "Write",
    "asset_name",
    "digest",
    "read_matrix",
    "write_matrix",
]
