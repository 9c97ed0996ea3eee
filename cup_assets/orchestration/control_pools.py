"""Which pool of normal controls a profile is computed with.

Belongs here: the samples of the current pools, their making, keeping and choice. Does not belong
here: what a pool is (`cup_assets.copynumber`), and the assets themselves.
"""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from cup_assets.copynumber import Bins, CnvError, CnvParameters, ControlPool, make_bins, make_pool
from cup_assets.methylome import Manifest
from cup_assets.orchestration.conventions import (
    BETAS,
    BETAS_CODE_VERSION,
    CONTROLS,
    PROFILES,
)
from cup_assets.orchestration.inputs import installed_manifests, read_samples, require
from cup_assets.orchestration.materialise import Product
from cup_assets.orchestration.resources import Platform
from cup_assets.report import markdown_table
from cup_assets.warehouse import AssetVersion, Recipe, digest
from cup_assets.warehouse.pools import read_pool_matrix, write_pool_matrix

NO_POOL = "none"
_POOL_SCHEMA = {
    "array": pl.String,
    "pool_version": pl.String,
    "n_controls": pl.Int32,
    "sample_ids": pl.String,
    "sexes": pl.String,
    "path": pl.String,
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
    parameters = platform.parameters.cnv
    rows, refusals = [], []
    for (array,), group in samples.group_by("array", maintain_order=True):
        manifest = manifest_of(platform, str(array))
        _, log2_total = read_samples(platform, "log2_total", group)
        sexes = [row["sex"] or row["predicted_sex"] for row in group.iter_rows(named=True)]
        bins = make_bins(manifest.probes, manifest.build, parameters)
        try:
            pool = make_pool(
                str(array), group["sample_id"].to_list(), sexes, log2_total, bins, parameters
            )
        except CnvError as error:
            refusals.append({"array": str(array), "reason": str(error)})
            continue
        path = write_pool_matrix(
            platform.settings.warehouse, pool.array, pool.version, pool.sample_ids, pool.log2
        )
        rows.append(
            {
                "array": pool.array,
                "pool_version": pool.version,
                "n_controls": pool.n_controls,
                "sample_ids": ";".join(pool.sample_ids),
                "sexes": ";".join(sex or "" for sex in pool.sexes),
                "path": path,
                "warning": "; ".join(pool.warnings) or None,
                "made_by": recipe.fingerprint,
            }
        )
    current = pl.DataFrame(rows, schema=_POOL_SCHEMA)
    earlier = platform.catalogue.query("SELECT * FROM cnv_pools").select(*_POOL_SCHEMA)
    notes = {"pools": markdown_table(current.drop("sample_ids", "sexes", "path", "made_by"))}
    if refusals:
        notes["arrays without a pool"] = markdown_table(pl.DataFrame(refusals))
    kept = earlier.join(current, on=["array", "pool_version"], how="anti")
    return Product(
        tables={
            "cnv_pools": pl.concat(
                [current.with_columns(is_current=True), kept.with_columns(is_current=False)]
            )
        },
        numbers={"controls": int(current["n_controls"].sum()), "pools": current.height},
        notes=notes,
    )


def pools_for(
    platform: Platform, betas: AssetVersion, arrays: list[str], *, keep: bool
) -> dict[str, str]:
    """Return array -> version of the pool that a batch's profiles are computed with.

    Parameters
    ----------
    platform
        Where the pools are.
    betas
        The batch's betas.
    arrays
        Of its samples.
    keep
        Take the pool that they were computed with before, where there is one of the same
        normalisation.
    """
    current = dict(
        platform.catalogue.query(
            'SELECT "array", pool_version FROM cnv_pools WHERE is_current'
        ).iter_rows()
    )
    kept: dict[str, str] = {}
    previous = platform.catalogue.current(PROFILES.to_user_string(), betas.partition)
    if keep and previous and previous.parameters["normalisation"] == normalisation_of(betas):
        prefix = f"{CONTROLS.to_user_string()}/"
        kept = {
            name.removeprefix(prefix): version
            for name, version in previous.inputs.items()
            if name.startswith(prefix) and version != NO_POOL
        }
    return {array: kept.get(array) or current.get(array, NO_POOL) for array in arrays}


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


def manifest_of(platform: Platform, array: str) -> Manifest:
    """Return the manifest of an array, or say that it is gone."""
    for manifest in installed_manifests(platform):
        if manifest.array == array:
            return manifest
    folder = platform.settings.manifests
    raise CnvError(f"no manifest of {array} in {folder}: put the one back that was used")
