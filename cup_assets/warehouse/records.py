"""Rows and versions within one transaction of the catalogue.

Belongs here: replacing rows, recording a version with its inputs, refusing inputs that changed,
reading a version back. Does not belong here: connections and transactions
(`cup_assets.warehouse.catalogue`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from cup_assets.warehouse.errors import InputChangedError
from cup_assets.warehouse.provenance import AssetVersion, Recipe, asset_name

if TYPE_CHECKING:
    import duckdb


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: pl.DataFrame,
    key: Mapping[str, str],
) -> None:
    """Replace the rows of a key, of the whole table where the key is empty."""
    where = " AND ".join(f'"{column}" = ?' for column in key) or "TRUE"
    connection.execute(f'DELETE FROM "{table}" WHERE {where}', list(key.values()))
    if rows.height:
        connection.register("new_rows", rows.to_arrow())
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM new_rows')
        connection.unregister("new_rows")


def refuse_changed_inputs(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    """Refuse to store what was made of an input that has another version by now.

    Raises
    ------
    InputChangedError
        Naming the input.
    """
    current = {
        asset_name(asset, partition): version
        for asset, partition, version in connection.execute(
            "SELECT asset, partition, data_version FROM asset_versions WHERE is_current"
        ).fetchall()
    }
    for name, version in recipe.inputs.items():
        if current.get(name, version) != version:
            raise InputChangedError(
                f"{name} changed while {recipe.name} was being made of it: nothing was stored;"
                f" materialise {recipe.name} again"
            )


def record_version(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    run_id: str,
    data_version: str,
    summary: Mapping[str, Any],
    seconds: float | None,
    started_at: datetime | None = None,
) -> None:
    """Make this the asset's current version, and write down what it was made of."""
    here = [recipe.asset, recipe.partition]
    connection.execute(
        "UPDATE asset_versions SET is_current = FALSE WHERE asset = ? AND partition = ?", here
    )
    connection.execute(
        "DELETE FROM asset_versions WHERE asset = ? AND partition = ? AND data_version = ?",
        [*here, data_version],
    )
    connection.execute(
        "INSERT INTO asset_versions (asset, partition, data_version, fingerprint, code_version,"
        " parameters, run_id, started_at, materialised_at, seconds, summary, is_current)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, now(), ?, ?, TRUE)",
        [
            *(*here, data_version, recipe.fingerprint, recipe.code_version),
            *(json.dumps(dict(recipe.parameters)), run_id, started_at, seconds),
            json.dumps(dict(summary)),
        ],
    )
    connection.execute(
        "DELETE FROM input_manifest WHERE asset = ? AND asset_version = ?",
        [recipe.name, data_version],
    )
    manifest = pl.DataFrame(
        {
            "asset": recipe.name,
            "asset_version": data_version,
            "input": list(recipe.inputs),
            "input_version": list(recipe.inputs.values()),
            "run_id": run_id,
        },
        schema=dict.fromkeys(
            ("asset", "asset_version", "input", "input_version", "run_id"), pl.String
        ),
    )
    connection.register("new_inputs", manifest.to_arrow())
    connection.execute("INSERT INTO input_manifest BY NAME SELECT * FROM new_inputs")
    connection.unregister("new_inputs")


def read_version(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> AssetVersion:
    """Return the version of a row of ``asset_versions``, with its inputs."""
    version = AssetVersion(
        asset=row["asset"],
        partition=row["partition"],
        data_version=row["data_version"],
        fingerprint=row["fingerprint"],
        code_version=row["code_version"],
        parameters=json.loads(row["parameters"]),
        run_id=row["run_id"],
        materialised_at=row["materialised_at"],
        inputs={},
        summary=json.loads(row["summary"]),
        started_at=row["started_at"],
    )
    inputs = connection.execute(
        "SELECT input, input_version FROM input_manifest"
        " WHERE asset = ? AND asset_version = ? ORDER BY input",
        [version.name, version.data_version],
    ).fetchall()
    return AssetVersion(**{**version.__dict__, "inputs": dict(inputs)})
