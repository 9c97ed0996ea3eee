"""What assets read from the warehouse: samples, versions, matrices.

Belongs here: queries that several assets share. Does not belong here: computation and writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.orchestration.resources import Platform
from cup_assets.warehouse import AssetVersion, asset_name, read_matrix


def require(platform: Platform, asset: dg.AssetKey, partition: str = "") -> AssetVersion:
    """Return the current version of an input.

    Raises
    ------
    dg.Failure
        If it has not been materialised yet.
    """
    name = asset.to_user_string()
    version = platform.catalogue.current(name, partition)
    if version is None:
        raise dg.Failure(
            f"{asset_name(name, partition)} has not been materialised: materialise it first",
            allow_retries=False,
        )
    return version


def inputs_of(versions: Iterable[AssetVersion]) -> dict[str, str]:
    """Return input name -> data version, as an input manifest records it."""
    return {version.name: version.data_version for version in versions}


def batch_samples(platform: Platform, batch: str) -> pl.DataFrame:
    """Return the accepted samples of a batch, sorted by sample."""
    return platform.catalogue.query(
        "SELECT * FROM samples WHERE batch = ? ORDER BY sample_id", [batch]
    )


def matrix_paths(platform: Platform, kind: str, batches: Sequence[str]) -> pl.DataFrame:
    """Return batch, array_name and path (relative) of the stored matrices of a kind."""
    return platform.catalogue.query(
        "SELECT batch, array_name, path FROM matrices"
        " WHERE kind = ? AND list_contains(?, batch) ORDER BY batch, array_name",
        [kind, list(batches)],
    )


def read_samples(
    platform: Platform, kind: str, samples: pl.DataFrame, probe_ids: Sequence[str] | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Read the matrix of samples of one array, in the order of the frame.

    Parameters
    ----------
    platform
        Where the warehouse is.
    kind
        ``betas``, ``detection_p`` or ``log2_total``.
    samples
        Frame with ``sample_id``, ``batch`` and ``array``; one array only.
    probe_ids
        Which probes, in this order; default: those of the array.

    Returns
    -------
    probe_ids, values
        Values are float32[n_samples, n_probes], NaN where missing.
    """
    arrays = samples["array"].unique().to_list()
    if len(arrays) != 1:
        raise ValueError(f"samples of one array are needed, not of {sorted(arrays)}")
    paths = matrix_paths(platform, kind, samples["batch"].unique().to_list())
    rows: dict[str, NDArray[np.float32]] = {}
    found: list[str] = list(probe_ids or [])
    for batch, path in paths.filter(pl.col("array_name") == arrays[0])["batch", "path"].iter_rows():
        wanted = samples.filter(pl.col("batch") == batch)["sample_id"].to_list()
        file = platform.settings.warehouse / path
        probes, names, values = read_matrix(file, samples=wanted, probes=probe_ids)
        if found and probes != found:
            raise ValueError(f"{path} has other probes than the other batches of its array")
        found = probes
        rows |= {name: values[:, i] for i, name in enumerate(names)}
    return found, np.stack([rows[sample] for sample in samples["sample_id"]])
