"""Betas and sample quality, a batch at a time.

Belongs here: the asset ``normalised/betas``. Does not belong here: how a sample is normalised
(`cup_assets.methylome`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from cup_assets.cohort.batch_files import batch_signature
from cup_assets.compute import local, scratch_folder
from cup_assets.methylome import ArraySignals, BatchSignals, Manifest, process_batch, read_masks
from cup_assets.orchestration.conventions import (
    BETAS,
    BETAS_CODE_VERSION,
    OWNERS,
    RAW,
    WAREHOUSE_POOL,
    check,
)
from cup_assets.orchestration.inputs import batch_samples, inputs_of, installed_manifests, require
from cup_assets.orchestration.materialise import Finding, Product, materialise, median
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import beta_density, markdown_table, quality_scatter
from cup_assets.warehouse import Matrix, MatrixFile, Recipe, write_matrix

_PICTURED = 48  # densities of more samples than this are no picture any more


@dg.asset(
    key=BETAS,
    partitions_def=BATCHES,
    deps=[RAW],
    group_name="normalised",
    kinds={"python", "parquet", "duckdb"},
    owners=OWNERS,
    code_version=BETAS_CODE_VERSION,
    pool=WAREHOUSE_POOL,
    check_specs=[
        check(BETAS, "quality", "Samples pass quality control; some must.", blocking=True),
    ],
)
def normalised_betas(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Beta values, detection p-values and total intensities of a batch, with sample quality.

    Every normalisation that can be chosen is single-sample: a sample's betas never depend on the
    others. Masked betas are missing, with their reason in ``masked_betas``.
    """
    batch = context.partition_key
    parameters = platform.parameters
    samples = batch_samples(platform, batch)
    arrays = set(samples["array"])
    settings = platform.settings
    manifests = [m for m in installed_manifests(platform) if m.array in arrays]
    used = {f"manifest/{m.array}": m.content_hash for m in manifests}
    recipe = Recipe(
        asset=BETAS.to_user_string(),
        partition=batch,
        code_version=BETAS_CODE_VERSION,
        parameters={"betas": asdict(parameters.betas), "quality": asdict(parameters.quality)},
        inputs=inputs_of([require(platform, RAW, batch)]) | used,
        # The sheet's diagnosis may change without the betas changing.
        depends_on=used
        | {row["sample_id"]: _files_sha256(row) for row in samples.iter_rows(named=True)},
    )

    def make() -> Product:
        folder = settings.landing / batch
        with scratch_folder(settings.cache) as scratch:
            signals = process_batch(
                [
                    (row["sample_id"], folder / row["grn"], folder / row["red"])
                    for row in samples.iter_rows(named=True)
                ],
                manifests,
                parameters.betas,
                quality=parameters.quality,
                masks=read_masks(parameters.betas, settings.data),
                mapper=platform.mapper,
                progress=progress_of(context, "samples"),
                scratch=scratch,
            )
            _refuse_if_changed(platform, batch)
            _store_probes(context, platform, manifests)
            matrices = _write_matrices(platform, batch, recipe.fingerprint, signals.arrays)
            return _product(batch, samples, signals, matrices)

    return materialise(context, platform, recipe, make)


def _files_sha256(sample: dict[str, Any]) -> str:
    return f"{sample['grn_sha256']}+{sample['red_sha256']}"


def _refuse_if_changed(platform: Platform, batch: str) -> None:
    """Files that changed under the computation must not be stored under the old hashes."""
    known = platform.catalogue.query("SELECT signature FROM batches WHERE batch = ?", [batch])
    if known["signature"][0] != batch_signature(platform.settings.landing / batch):
        raise dg.Failure(
            f"batch {batch} changed while it was being read: nothing was stored; it is taken again"
            " when it is stable (or run raw/idats for it once more)",
            allow_retries=False,
        )


def _store_probes(
    context: dg.AssetExecutionContext, platform: Platform, manifests: Sequence[Manifest]
) -> None:
    for manifest in manifests:
        columns = ("probe_id", "name", "design", "channel", "chrom", "pos", "genes", "kind")
        rows = manifest.probes.select(
            pl.lit(manifest.array).alias("array"), *columns, pl.lit(manifest.build).alias("build")
        )
        platform.catalogue.store_once(
            "probes", rows, {"array": manifest.array}, context.run.run_id, manifest.content_hash
        )


def _write_matrices(
    platform: Platform, batch: str, version: str, arrays: Sequence[ArraySignals]
) -> list[MatrixFile]:
    settings = platform.settings
    matrices = [
        Matrix(array.manifest.array, kind, array.probe_ids, array.sample_ids, values)
        for array in arrays
        for kind, values in (
            ("betas", array.beta),
            ("detection_p", array.detection_p),
            ("log2_total", array.log2_total),
        )
    ]
    write = partial(write_matrix, settings.warehouse, batch, version)
    # On this machine, whatever the mapper: here are the values, and the disk they are to be on.
    return local(settings.workers)(write, matrices)


def _product(
    batch: str, samples: pl.DataFrame, signals: BatchSignals, matrices: list[MatrixFile]
) -> Product:
    quality = _quality_rows(batch, samples, signals)
    masked = [array.masked for array in signals.arrays]
    failed = pl.DataFrame(
        [(sample, batch, error) for sample, error in signals.failed],
        schema={"sample_id": pl.String, "batch": pl.String, "error": pl.String},
        orient="row",
    )
    empty = pl.DataFrame(schema={"sample_id": pl.String, "reason": pl.String, "n": pl.Int64})
    masks = pl.concat([empty, *(m.with_columns(pl.col("n").cast(pl.Int64)) for m in masked)])
    verdicts = dict(quality["verdict"].value_counts().iter_rows())
    notes = {"sample quality": markdown_table(_shown(quality))}
    if failed.height:
        notes["samples that could not be read"] = markdown_table(failed)
    return Product(
        tables={
            "sample_measures": quality,
            "masked_betas": masks.with_columns(batch=pl.lit(batch)),
            "failed_samples": failed,
        },
        key={"batch": batch},
        matrices=matrices,
        numbers={
            "samples": quality.height,
            "samples_failed_to_read": failed.height,
            **{f"samples_{name}": verdicts.get(name, 0) for name in ("pass", "warn", "fail")},
            "median_failed_fraction": median(quality["failed_fraction"]),
        },
        notes=notes,
        pictures=_pictures(quality, signals),
        findings=[_quality_finding(quality, failed)],
    )


def _quality_rows(batch: str, samples: pl.DataFrame, signals: BatchSignals) -> pl.DataFrame:
    """Return the rows of ``sample_measures``; measures without a column go into a JSON column."""
    hashes = {row["sample_id"]: _files_sha256(row) for row in samples.iter_rows(named=True)}
    named = ("verdict", "reasons", "failed_fraction", "median_m", "median_u", "predicted_sex")
    rows = [
        {
            "sample_id": row["sample_id"],
            "batch": batch,
            "array": array.manifest.array,
            "files_sha256": hashes[row["sample_id"]],
            **{name: row[name] for name in named},
            "measures": json.dumps(
                {k: v for k, v in row.items() if k not in (*named, "sample_id", "array")}
            ),
        }
        for array in signals.arrays
        for row in array.quality.iter_rows(named=True)
    ]
    text = ("sample_id", "batch", "array", "files_sha256", "verdict", "reasons", "predicted_sex")
    schema = dict.fromkeys((*text[:6], "measures"), pl.String) | {
        "failed_fraction": pl.Float64,
        "median_m": pl.Float64,
        "median_u": pl.Float64,
        "predicted_sex": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def _shown(quality: pl.DataFrame) -> pl.DataFrame:
    order = pl.col("verdict").replace_strict({"fail": 0, "warn": 1, "pass": 2})
    return quality.sort(order, "sample_id").select(
        "sample_id", "array", "verdict", "reasons", "failed_fraction", "median_m", "median_u",
        "predicted_sex",
    )  # fmt: skip


def _pictures(quality: pl.DataFrame, signals: BatchSignals) -> dict[str, bytes]:
    pictures = {}
    for array in signals.arrays:
        shown = slice(0, _PICTURED)
        rows = quality.filter(pl.col("sample_id").is_in(array.sample_ids[shown]))
        verdict = dict(rows.select("sample_id", "verdict").iter_rows())
        pictures[f"beta density {array.manifest.array}"] = beta_density(
            array.beta[:, shown],
            array.sample_ids[shown],
            [verdict[sample] for sample in array.sample_ids[shown]],
            title=_density_title(len(array.sample_ids)),
        )
    if quality.height:
        pictures["quality"] = quality_scatter(quality)
    return pictures


def _density_title(n_samples: int) -> str:
    """Say so where a picture leaves samples out."""
    title = "Distribution of beta values, one line a sample"
    return title if n_samples <= _PICTURED else f"{title}: the first {_PICTURED} of {n_samples}"


def _quality_finding(quality: pl.DataFrame, failed: pl.DataFrame) -> Finding:
    bad = quality.filter(pl.col("verdict") == "fail")
    lines = [f"{row['sample_id']}: {row['reasons']}" for row in bad.iter_rows(named=True)]
    lines += [f"{row['sample_id']}: {row['error']}" for row in failed.iter_rows(named=True)]
    total = quality.height + failed.height
    return Finding(
        "quality",
        passed=not lines,
        description=f"{total - len(lines)} of {total} samples usable. " + "; ".join(lines),
        severe=len(lines) == total,
    )
