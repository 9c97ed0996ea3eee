"""The warehouse as it is at one moment, copied while batches are being materialised.

Belongs here: the catalogue with exactly the matrices that it names, and telling whether a copy is
whole. Does not belong here: the folders beside the warehouse, and Dagster's storage.

While the catalogue is being copied nobody can write to it. The matrices that it names are linked
meanwhile, which takes no time: a matrix is never changed, only replaced or deleted. What is linked
is copied after the writers have been let on.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.copies import copy_tree, sha256_of
from cup_assets.warehouse.errors import WarehouseError
from cup_assets.warehouse.snapshot import copy_catalogue

if TYPE_CHECKING:
    import duckdb

_NAMED = (
    "SELECT path FROM source.matrices"
    " UNION SELECT path FROM source.cnv_pools"
    " UNION SELECT normal_betas_path FROM source.cnv_pools WHERE normal_betas_path IS NOT NULL"
    " ORDER BY path"
)
_STAGING = ".backup."
_DAY = 24 * 3600


def copy_warehouse(catalogue: Catalogue, target: Path) -> dict[str, str]:
    """Copy the catalogue and the matrices that it names.

    Parameters
    ----------
    catalogue
        Of the warehouse.
    target
        A folder, which is made.

    Returns
    -------
    dict
        Path below ``target`` -> SHA-256.

    Raises
    ------
    WarehouseError
        If the catalogue stays locked, or names a matrix that is not there.
    """
    catalogue.query("SELECT 1")  # brings it up to date first
    warehouse = catalogue.path.parent
    copied = target / catalogue.path.name
    with _staging(warehouse) as staged:

        def link_matrices(connection: duckdb.DuckDBPyConnection) -> None:
            for (path,) in connection.execute(_NAMED).fetchall():
                _link(warehouse / path, staged / path)

        copy_catalogue(
            catalogue.path, copied, patience=catalogue.patience, while_held=link_matrices
        )
        return {copied.name: sha256_of(copied)} | copy_tree(staged, target)


def missing_matrices(catalogue: Catalogue) -> list[str]:
    """Return the matrices that a catalogue names and that are not there, or not of that shape."""
    import pyarrow.parquet as pq

    rows = catalogue.query("SELECT path, n_probes, n_samples FROM matrices ORDER BY path").rows()
    pools = catalogue.query(_NAMED.replace("source.", ""))["path"].to_list()
    shapes = {path: (n_probes, n_samples + 1) for path, n_probes, n_samples in rows}
    folder, amiss = catalogue.path.parent, []
    for path in pools:
        try:
            found = pq.read_metadata(folder / path)
        except (OSError, ValueError):
            amiss.append(path)
            continue
        if shapes.get(path, (found.num_rows, found.num_columns)) != (
            found.num_rows,
            found.num_columns,
        ):
            amiss.append(path)
    return amiss


def _link(file: Path, staged: Path) -> None:
    staged.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, staged)
    except FileNotFoundError as error:
        raise WarehouseError(
            f"{file} is named in the catalogue and is not there: restore it from a backup, or"
            " materialise its batch with force"
        ) from error
    except OSError:  # a file system without links: copied while the writers wait
        shutil.copy2(file, staged)


@contextmanager
def _staging(warehouse: Path) -> Iterator[Path]:
    for abandoned in warehouse.glob(f"{_STAGING}*"):
        if time.time() - abandoned.stat().st_mtime > _DAY:
            shutil.rmtree(abandoned, ignore_errors=True)
    folder = warehouse / f"{_STAGING}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
