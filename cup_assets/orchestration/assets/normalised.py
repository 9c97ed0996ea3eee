"""Betas and sample quality, a batch at a time.

Belongs here: the asset ``normalised/betas``. Does not belong here: how a sample is normalised
(`cup_assets.methylome`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from cup_assets.cohort.batch_files import batch_signature
from cup_assets.compute import scratch_folder
from cup_assets.methylome import ArraySignals, BatchSignals, Manifest, process_batch, read_masks
from cup_assets.methylome.missing import missing_by_reason
from cup_assets.orchestration.conventions import (
    BETAS,
    BETAS_CODE_VERSION,
    OWNERS,
    RAW,
    WAREHOUSE_POOL,
    check,
)
from cup_assets.orchestration.identities import conflicts_of_batch, stored_samples
from cup_assets.orchestration.inputs import batch_samples, inputs_of, installed_manifests, require
from cup_assets.orchestration.materialise import Finding, Product, materialise, median
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.quality_page import (
    quality_finding,
    quality_notes,
    quality_pictures,
)
from cup_assets.orchestration.resources import Platform
from cup_assets.report import markdown_table
from cup_assets.warehouse import Matrix, MatrixFile, Recipe, digest, write_matrix

_LISTED = 400  # samples in the table of missing betas


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
        check(BETAS, "masks", "Every mask says something about every array.", blocking=False),
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
        # The sheet's diagnosis may change without the betas changing. What a person overrides
        # decides whether the check lets a batch pass.
        depends_on=used
        | _overridden(platform, batch)
        | {row["sample_id"]: _files_sha256(row) for row in samples.iter_rows(named=True)},
    )

    def make() -> Product:
        folder = settings.landing / batch
        masks = read_masks(parameters.betas, settings.data)
        with scratch_folder(settings.cache) as scratch:
            signals = process_batch(
                [
                    (row["sample_id"], folder / row["grn"], folder / row["red"])
                    for row in samples.iter_rows(named=True)
                ],
                manifests,
                parameters.betas,
                quality=parameters.quality,
                masks=masks,
                mapper=platform.file_mapper,
                progress=progress_of(context, "samples"),
                scratch=scratch,
            )
            _refuse_if_changed(platform, batch)
            _store_probes(context, platform, manifests)
            matrices = _write_matrices(platform, batch, recipe.fingerprint, signals.arrays)
            return _product(platform, samples, signals, matrices, masks.lacks(manifests))

    return materialise(context, platform, recipe, make)


def _overrides(platform: Platform, batch: str) -> pl.DataFrame:
    return platform.catalogue.query(
        'SELECT sample_id, verdict, reason, "by", date FROM verdict_overrides'
        " WHERE batch = ? ORDER BY sample_id",
        [batch],
    )


def _overridden(platform: Platform, batch: str) -> dict[str, str]:
    rows = _overrides(platform, batch).rows()
    return {"overridden verdicts": digest(rows)} if rows else {}


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
            pl.lit(manifest.array).alias("array"), *columns, pl.lit(manifest.build).alias("build"),
            "gene_parts", "island",
        )  # fmt: skip
        platform.catalogue.store_once(
            "probes", rows, {"array": manifest.array}, context.run.run_id, manifest.content_hash
        )


def _write_matrices(
    platform: Platform, batch: str, version: str, arrays: Sequence[ArraySignals]
) -> list[MatrixFile]:
    matrices = [
        Matrix(array.manifest.array, kind, array.probe_ids, array.sample_ids, values)
        for array in arrays
        for kind, values in (
            ("betas", array.beta),
            ("detection_p", array.detection_p),
            ("log2_total", array.log2_total),
        )
    ]
    warehouse = platform.settings.warehouse
    return [write_matrix(warehouse, batch, version, matrix) for matrix in matrices]


def _product(
    platform: Platform,
    samples: pl.DataFrame,
    signals: BatchSignals,
    matrices: list[MatrixFile],
    lacks: Sequence[str],
) -> Product:
    batch = str(samples["batch"][0])
    quality = _quality_rows(batch, samples, signals)
    overrides = _overrides(platform, batch)
    conflicts = conflicts_of_batch(platform, samples, signals.arrays)
    others = stored_samples(platform).filter(pl.col("batch") != batch)
    masked = [array.masked for array in signals.arrays]
    failed = pl.DataFrame(
        [(sample, batch, error) for sample, error in signals.failed],
        schema={"sample_id": pl.String, "batch": pl.String, "error": pl.String},
        orient="row",
    )
    empty = pl.DataFrame(schema={"sample_id": pl.String, "reason": pl.String, "n": pl.Int64})
    masks = pl.concat([empty, *(m.with_columns(pl.col("n").cast(pl.Int64)) for m in masked)])
    verdicts = dict(quality["verdict"].value_counts().iter_rows())
    notes = quality_notes(signals.arrays, overrides, conflicts, others.height + quality.height)
    if signals.arrays:
        missing = pl.concat([missing_by_reason(array) for array in signals.arrays])
        notes["missing betas by reason"] = markdown_table(missing, max_rows=_LISTED)
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
            "identity_conflicts": conflicts.height,
        },
        notes=notes,
        pictures=quality_pictures(signals.arrays, platform.parameters.quality),
        findings=[quality_finding(quality, failed, overrides), _masks_finding(lacks)],
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


def _masks_finding(lacks: Sequence[str]) -> Finding:
    return Finding(
        "masks",
        passed=not lacks,
        description="; ".join(lacks) or "every mask chosen says something about every array here",
        severe=False,  # nothing is masked then, which the table of missing betas shows as 0
    )
