"""The pools of normal controls: made of which samples, kept and read again.

Belongs here: the samples of the current pools, their making and keeping. Does not belong here:
what a pool is (`cup_assets.copynumber`), which one a profile takes (`pool_rule`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from cup_assets.copynumber import Bins, CnvError, CnvParameters, ControlPool, make_bins, make_pool
from cup_assets.copynumber.response import array_response
from cup_assets.methylome import Manifest
from cup_assets.methylome.purity import NormalMethylation, normal_methylation
from cup_assets.orchestration.conventions import (
    BETAS,
    BETAS_CODE_VERSION,
)
from cup_assets.orchestration.inputs import installed_manifests, read_samples, require
from cup_assets.orchestration.materialise import Product
from cup_assets.orchestration.resources import Platform
from cup_assets.report import markdown_table
from cup_assets.warehouse import AssetVersion, Recipe, digest
from cup_assets.warehouse.pools import (
    read_normal_betas,
    read_pool_matrix,
    write_normal_betas,
    write_pool_matrix,
)

_POOL_SCHEMA = {
    "array": pl.String,
    "pool_version": pl.String,
    "n_controls": pl.Int32,
    "sample_ids": pl.String,
    "sexes": pl.String,
    "n_female": pl.Int32,
    "n_male": pl.Int32,
    "response": pl.Float64,
    "rejected": pl.String,
    "path": pl.String,
    "normal_betas_path": pl.String,
    "warning": pl.String,
    "made_by": pl.String,
}


def normalisation_of(betas: AssetVersion) -> str:
    """Return a digest of how a batch's intensities were normalised."""
    return digest(betas.code_version, betas.parameters["betas"])


def current_normalisation(platform: Platform) -> str:
    """Return the digest of how intensities are normalised now."""
    return digest(BETAS_CODE_VERSION, asdict(platform.parameters.betas))


def normal_controls(platform: Platform) -> tuple[pl.DataFrame, list[AssetVersion]]:
    """Return the usable normal controls, and the betas that they come from.

    Batches that are still to be normalised as all others are now are left out: intensities of two
    normalisations cannot be compared. Their normals join when they have been.
    """
    samples = platform.catalogue.query(
        'SELECT s.sample_id, s.batch, m."array", s.sex, m.predicted_sex, m.files_sha256'
        " FROM samples s JOIN sample_qc m USING (sample_id, batch)"
        " JOIN batches b USING (batch)"
        " WHERE s.role = 'normal_control' AND m.verdict <> 'fail' AND b.state <> 'retracted'"
        " AND m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256 ORDER BY s.sample_id"
    )
    current = current_normalisation(platform)
    betas = [require(platform, BETAS, batch) for batch in samples["batch"].unique().sort()]
    usable = [version for version in betas if normalisation_of(version) == current]
    batches = [version.partition for version in usable]
    return samples.filter(pl.col("batch").is_in(batches)), usable


def pools_product(platform: Platform, samples: pl.DataFrame, recipe: Recipe) -> Product:
    """Make and keep the pool of every array that has controls."""
    rows, refusals = [], []
    for (array,), group in samples.group_by("array", maintain_order=True):
        try:
            rows.append(_pool_row(platform, str(array), group) | {"made_by": recipe.fingerprint})
        except CnvError as error:
            refusals.append({"array": str(array), "reason": str(error)})
    current = pl.DataFrame(rows, schema=_POOL_SCHEMA)
    earlier = platform.catalogue.query("SELECT * FROM cnv_pools").select(*_POOL_SCHEMA)
    hidden = ("sample_ids", "sexes", "path", "normal_betas_path", "made_by")
    notes = {"pools": markdown_table(current.drop(*hidden))}
    if refusals:
        notes["arrays without a pool"] = markdown_table(pl.DataFrame(refusals))
    kept = earlier.join(current, on=["array", "pool_version"], how="anti")
    return Product(
        tables={
            "cnv_pools": pl.concat(
                [current.with_columns(is_current=True), kept.with_columns(is_current=False)]
            )
        },
        numbers={
            "controls": int(current["n_controls"].sum()),
            "controls_rejected": sum(len(row["rejected"].split("; ")) for row in rows
                                     if row["rejected"]),
            "pools": current.height,
        },
        notes=notes,
    )  # fmt: skip


def _pool_row(platform: Platform, array: str, controls: pl.DataFrame) -> dict[str, Any]:
    """Make and keep one pool: its intensities, and what its betas say of normal methylation."""
    parameters, warehouse = platform.parameters.cnv, platform.settings.warehouse
    manifest = manifest_of(platform, array)
    bins = make_bins(manifest.probes, manifest.build, parameters)
    _, log2_total = read_samples(platform, "log2_total", controls)
    sexes = [row["sex"] or row["predicted_sex"] for row in controls.iter_rows(named=True)]
    ids = controls["sample_id"].to_list()
    pool = make_pool(array, ids, sexes, log2_total, bins, parameters)
    kept = controls.filter(pl.col("sample_id").is_in(pool.sample_ids))
    _, betas = read_samples(platform, "betas", kept)
    normal = normal_methylation(betas, manifest.probes)
    return {
        "array": pool.array,
        "pool_version": pool.version,
        "n_controls": pool.n_controls,
        "sample_ids": ";".join(pool.sample_ids),
        "sexes": ";".join(sex or "" for sex in pool.sexes),
        "n_female": pool.sexes.count("F"),
        "n_male": pool.sexes.count("M"),
        "response": array_response(pool, bins),
        "rejected": "; ".join(f"{name}: {reason}" for name, reason in pool.rejected) or None,
        "path": write_pool_matrix(warehouse, pool.array, pool.version, pool.sample_ids, pool.log2),
        "normal_betas_path": write_normal_betas(
            warehouse, pool.array, normal.version, normal.rows, normal.mean
        ),
        "warning": "; ".join(pool.warnings) or None,
    }


def load_pool(
    platform: Platform, array: str, version: str, bins: Bins, parameters: CnvParameters
) -> ControlPool:
    """Read a kept pool; its content must still give its version."""
    (row,) = platform.catalogue.query(
        'SELECT * FROM cnv_pools WHERE "array" = ? AND pool_version = ?', [array, version]
    ).iter_rows(named=True)
    sample_ids, log2 = read_pool_matrix(platform.settings.warehouse / row["path"])
    sexes = [sex or None for sex in row["sexes"].split(";")]
    pool = make_pool(array, sample_ids, sexes, log2, bins, parameters)
    if pool.version != version:
        raise CnvError(
            f"the control pool {row['path']} does not have the content that its version says:"
            " restore it from a backup, or materialise cnv/controls with the tag cup/force"
        )
    return pool


def load_normal_methylation(
    platform: Platform, array: str, version: str
) -> NormalMethylation | None:
    """Read what a pool's betas say of normal methylation; None for pools of earlier versions."""
    path = platform.catalogue.query(
        'SELECT normal_betas_path FROM cnv_pools WHERE "array" = ? AND pool_version = ?',
        [array, version],
    ).item()
    if path is None:
        return None
    normal = NormalMethylation(*read_normal_betas(platform.settings.warehouse / path))
    if normal.version not in path:
        raise CnvError(
            f"the methylation of normal controls {path} does not have the content that its version"
            " says: restore it from a backup, or materialise cnv/controls with the tag cup/force"
        )
    return normal


def manifest_of(platform: Platform, array: str) -> Manifest:
    """Return the manifest of an array, or say that it is gone."""
    for manifest in installed_manifests(platform):
        if manifest.array == array:
            return manifest
    folder = platform.settings.manifests
    raise CnvError(f"no manifest of {array} in {folder}: put the one back that was used")
