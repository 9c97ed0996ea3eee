"""What assets read: samples, versions and matrices of the warehouse, and the manifests.

Belongs here: queries that several assets share. Does not belong here: computation and writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.methylome import Manifest, ManifestError, load_manifests
from cup_assets.orchestration.resources import Platform
from cup_assets.warehouse import AssetVersion, asset_name, read_matrix


def require(
    platform: Platform, asset: dg.AssetKey, partition: str = "", *, checked: bool = True
) -> AssetVersion:
    """Return the current version of an input.

    Parameters
    ----------
    platform
        Where the versions are recorded.
    asset, partition
        The input.
    checked
        Whether it must have passed its blocking checks: Dagster holds back a later stage in the
        same run only, not in a run of that stage alone.

    Raises
    ------
    dg.Failure
        If it has not been materialised yet, or a check that matters failed.
    """
    name = asset.to_user_string()
    version = platform.catalogue.current(name, partition)
    if version is None:
        raise dg.Failure(
            f"{asset_name(name, partition)} has not been materialised: materialise it first",
            allow_retries=False,
        )
    for finding in version.summary["findings"] if checked else ():
        if finding["severe"] and not finding["passed"]:
            raise dg.Failure(
                f"{version.name} did not pass its check {finding['name']}"
                f" ({finding['description']}): mend that and materialise it again",
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


def installed_manifests(platform: Platform) -> tuple[Manifest, ...]:
    """Return the manifests of the data folder, read anew only when one of the files changed.

    Telling a manifest by its content means hashing some hundred megabytes of text, which several
    steps of one process need not do each.

    Raises
    ------
    ManifestError
        If the folder holds no manifest, one that is not usable, or two of one array: stored betas
        of an array are on one list of probes.
    """
    settings = platform.settings
    folder = settings.manifests
    files = sorted(file for file in folder.iterdir() if file.exists()) if folder.is_dir() else []
    state = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _load_manifests(folder, settings.cache, state)


@lru_cache(maxsize=1)
def _load_manifests(folder: Path, cache: Path, state: object) -> tuple[Manifest, ...]:
    manifests = load_manifests(folder, cache)
    of_array: dict[str, Manifest] = {}
    for manifest in manifests:
        other = of_array.setdefault(manifest.array, manifest)
        if other is not manifest:
            raise ManifestError(
                f"{folder}: {other.name} and {manifest.name} are both of {manifest.array}: keep"
                " one, the same for all batches"
            )
    return manifests


def matrix_paths(platform: Platform, kind: str, batches: Sequence[str]) -> pl.DataFrame:
    """Return batch, array_name and path (relative) of the stored matrices of a kind."""
    return platform.catalogue.query(
        "SELECT batch, array_name, path FROM matrices"
        " WHERE kind = ? AND list_contains(?, batch) ORDER BY batch, array_name",
        [kind, list(batches)],
    )


def read_batches(
    platform: Platform, kind: str, samples: pl.DataFrame, probe_ids: pl.Series | None = None
) -> Iterator[tuple[NDArray[np.int64], list[str], NDArray[np.float32]]]:
    """Read the matrices of samples of one array, a batch at a time.

    Whoever needs all samples fills a table of their own, so that no more than one batch is in
    memory twice.

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

    Yields
    ------
    positions, probe_ids, values
        Positions of the batch's samples in the frame, and their values float32[n, p], NaN where
        missing, in C order.
    """
    arrays = samples["array"].unique().to_list()
    if len(arrays) != 1:
        raise ValueError(f"samples of one array are needed, not of {sorted(arrays)}")
    paths = matrix_paths(platform, kind, samples["batch"].unique().to_list())
    numbered = samples.with_row_index("position")
    for batch, path in paths.filter(pl.col("array_name") == arrays[0])["batch", "path"].iter_rows():
        wanted = numbered.filter(pl.col("batch") == batch)
        file = platform.settings.warehouse / path
        probes, _, values = read_matrix(
            file, samples=wanted["sample_id"].to_list(), probes=probe_ids
        )
        yield wanted["position"].cast(pl.Int64).to_numpy(), probes, values.T


def read_samples(
    platform: Platform, kind: str, samples: pl.DataFrame
) -> tuple[list[str], NDArray[np.float32]]:
    """Read all probes of samples of one array, in the order of the frame.

    Parameters
    ----------
    platform, kind, samples
        As for `read_batches`; at least one sample.

    Returns
    -------
    probe_ids, values
        Values are float32[n_samples, n_probes], NaN where missing.
    """
    found: list[str] | None = None
    table = np.empty((0, 0), dtype=np.float32)
    done = 0
    for positions, probes, values in read_batches(platform, kind, samples):
        if found is None:
            found, table = probes, np.empty((samples.height, len(probes)), dtype=np.float32)
        elif probes != found:
            array = samples["array"][0]
            raise ValueError(f"the stored {kind} of {array} differ in their probes between batches")
        table[positions] = values
        done += len(positions)
    if found is None or done < samples.height:
        raise ValueError(f"{samples.height - done} of {samples.height} samples have no {kind}")
    return found, table
