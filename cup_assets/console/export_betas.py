"""Betas as AnnData: samples x probes with all that is known of either.

Belongs here: putting matrix, samples, probes and maps together, in bounded memory. Does not belong
here: which samples are chosen, the command (`.export`).

Samples are filled in one batch at a time into a file mapped into memory, which HDF5 is written
from: what must be resident is two copies of one batch's matrix (4 bytes a sample and probe each);
the disk holds 4 bytes for each sample and probe in a scratch folder meanwhile, and once more in the
result.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from cup_assets.compute import scratch_folder
from cup_assets.compute.environment import environment
from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import stack_betas
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue

if TYPE_CHECKING:
    import pandas as pd

    from cup_assets.console.export import Choice

_SAMPLES = (
    'SELECT s.sample_id, s.batch, m."array", s.role, s.diagnosis, s."class", s.family, s.material,'
    " s.sex, s.site, s.cohort, q.verdict, q.reasons, q.failed_fraction, q.predicted_sex, q.purity,"
    " coalesce(d.included, FALSE) AS in_reference, d.reason AS not_in_reference,"
    ' p.call, p."class" AS called_class, p.score'
    " FROM samples s JOIN batches b USING (batch) JOIN sample_measures m USING (sample_id, batch)"
    " JOIN sample_qc q USING (sample_id, batch)"
    " LEFT JOIN dataset_members d USING (sample_id, batch)"
    " LEFT JOIN (SELECT * FROM predictions JOIN releases USING (release) WHERE is_current) p"
    " USING (sample_id, batch) WHERE b.state <> 'retracted' ORDER BY s.batch, s.sample_id"
)
_PROBES = (
    'SELECT name, min(design) AS design, min(kind) AS kind, "array", min(chrom) AS chrom,'
    " min(pos) AS pos, min(build) AS build, min(genes) AS genes, min(island) AS island FROM probes"
    ' WHERE list_contains(?, "array") GROUP BY name, "array"'
)
_MAPS = (
    "SELECT method, sample_id, x, y FROM landscape WHERE seed = (SELECT min(seed) FROM landscape)"
)
_BLOCK = 4096  # probes at a time


def write_h5ad(
    settings: Settings, path: Path, choice: Choice, top: int | None, console: Console
) -> list[str]:
    """Write the chosen samples; return what to say about the file.

    X is float32[samples, probes], NaN where masked; ``obs`` the samples with quality, membership
    and call of the current release; ``var`` the probes that all their arrays have, by name,
    replicates as the parameters say; ``obsm`` the maps of evaluation/landscape (X_pca, X_tsne,
    X_umap; NaN for samples that were not placed); ``uns["cup_assets"]`` versions and
    normalisation. The same state gives the same bytes.

    Raises
    ------
    ConsoleError
        If batches were normalised differently, their arrays share no probe, or ``top`` is no
        number of probes.
    """
    platform = Platform(data=str(settings.data), workers=settings.workers, compute=settings.compute)
    catalogue = platform.catalogue
    chosen = choice.of(catalogue.query(_SAMPLES), catalogue)
    about = _about(catalogue, chosen["batch"].unique().sort().to_list())
    arrays = chosen["array"].unique().sort().to_list()
    probes = catalogue.query(_PROBES, [arrays])
    shared = probes.filter(pl.len().over("name") == len(arrays))
    names = shared.filter(pl.col("array") == arrays[0]).sort("name")["name"].to_list()
    if not names:
        raise ConsoleError(f"the arrays {', '.join(arrays)} share no probe: choose batches of one")
    if top is not None and not 0 < top <= len(names):
        raise ConsoleError(f"--top: {top}: give a number from 1 to {len(names)}")
    replicates = platform.parameters.cohort.replicates
    with scratch_folder(settings.cache) as folder, Progress(console=console, transient=True) as bar:
        X = _matrix(folder / "all", (chosen.height, len(names)))
        filled = bar.add_task("betas", total=chosen.height)
        done = 0
        for rows in chosen.partition_by("batch", maintain_order=True):
            stack_betas(platform, rows, names, replicates, into=X[done : done + rows.height])
            done += rows.height
            bar.update(filled, completed=done)
        if top is not None:
            columns = _most_variable(X, top)
            kept = _matrix(folder / "kept", (chosen.height, top))
            for row, values in zip(kept, X, strict=True):
                row[:] = values[columns]
            X, names = kept, [names[column] for column in columns.tolist()]
        bar.add_task("writing", total=None)
        _write(path, X, chosen, _var(shared, arrays, names), _maps(catalogue, chosen), about)
    size = f"{chosen.height} samples x {len(names)} probes"
    placed = "" if len(arrays) == 1 else f", those that {', '.join(arrays)} share"
    return [size + placed, "research use only"]


def _matrix(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    # As a plain array, still mapped: anndata does not know how to write the other kind.
    return np.asarray(np.memmap(path, dtype=np.float32, mode="w+", shape=shape))


def _most_variable(X: NDArray[np.float32], top: int) -> NDArray[np.int64]:
    """Return the columns of the highest variance over the samples, ascending; ties: the first."""
    variance = np.zeros(X.shape[1])
    for start in range(0, X.shape[1], _BLOCK):
        block = X[:, start : start + _BLOCK].astype(np.float64)
        known = ~np.isnan(block)
        n = known.sum(axis=0)
        mean = np.where(known, block, 0.0).sum(axis=0) / np.maximum(n, 1)
        squares = (np.where(known, block - mean, 0.0) ** 2).sum(axis=0)
        variance[start : start + _BLOCK] = squares / np.maximum(n - 1, 1)
    return np.sort(np.argsort(-variance, kind="stable")[:top])


def _var(probes: pl.DataFrame, arrays: list[str], names: list[str]) -> pl.DataFrame:
    """Return the probes in the order of the names; places of each array's build."""
    order = pl.DataFrame({"name": names})
    first = probes.filter(pl.col("array") == arrays[0]).drop("array")
    return order.join(first, on="name", how="left", maintain_order="left")


def _maps(catalogue: Catalogue, chosen: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    found = catalogue.query(_MAPS)
    maps = {}
    for method in found["method"].unique().sort():
        points = chosen.select("sample_id").join(
            found.filter(pl.col("method") == method), on="sample_id", how="left",
            maintain_order="left",
        )  # fmt: skip
        maps[f"X_{method}"] = points.select(pl.col("x", "y").fill_null(float("nan"))).to_numpy()
    return maps


def _about(catalogue: Catalogue, batches: list[str]) -> dict[str, str]:
    """Return versions and normalisation, which all batches must share."""
    current = catalogue.current_partitions("normalised/betas")
    versions = {batch: current[batch].data_version for batch in batches}
    ways = {json.dumps(current[batch].parameters["betas"], sort_keys=True) for batch in batches}
    if len(ways) > 1:
        raise ConsoleError(
            "the batches were normalised with different parameters: run `cup materialize`, or"
            " choose batches of one kind"
        )
    maps = catalogue.current("evaluation/landscape")
    return {
        "normalisation": ways.pop(),
        "data_versions": json.dumps(versions, sort_keys=True),
        "landscape": maps.data_version if maps else "",
        "code": environment()["source of cup_assets"],
        "use": "research use only",
    }


def _write(
    path: Path,
    X: NDArray[np.float32],
    obs: pl.DataFrame,
    var: pl.DataFrame,
    obsm: dict[str, NDArray[np.float64]],
    about: dict[str, str],
) -> None:
    with warnings.catch_warnings():
        # Importing it registers readers that announce their own future.
        warnings.simplefilter("ignore", FutureWarning)
        import anndata

    data = anndata.AnnData(
        X=X, obs=_frame(obs, "sample_id"), var=_frame(var, "name"), obsm=obsm,
        uns={"cup_assets": about},
    )  # fmt: skip
    data.write_h5ad(path)


def _frame(table: pl.DataFrame, index: str) -> pd.DataFrame:
    """Return a table as anndata stores it: texts as categories, missing ones too."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in table.columns:
        values = table[name]
        if name == index:
            continue
        if values.dtype == pl.String:
            levels = values.drop_nulls().unique().sort().to_list()
            columns[name] = pd.Categorical(values.to_list(), categories=levels)
        elif values.dtype == pl.Boolean:
            columns[name] = values.to_numpy()
        else:
            columns[name] = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return pd.DataFrame(columns, index=pd.Index(table[index].to_list(), name=index))
