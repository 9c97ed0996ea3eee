"""Copy number: the versioned pool of normal controls, and a profile of every sample.

Belongs here: the assets ``cnv/controls`` and ``cnv/profiles``, and which pool a profile is
computed with. Does not belong here: how a profile is computed (`cup_assets.copynumber`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber import (
    BINS_SCHEMA,
    CALLS_SCHEMA,
    SEGMENTS_SCHEMA,
    SUMMARY_SCHEMA,
    Bins,
    CnvError,
    CnvParameters,
    CnvProfile,
    ControlPool,
    make_bins,
    make_pool,
    no_call_profile,
    profile_sample,
)
from cup_assets.methylome import Manifest, load_manifests
from cup_assets.orchestration.conventions import (
    BETAS,
    CONTROLS,
    OWNERS,
    PROFILES,
    RAW,
    WAREHOUSE_POOL,
)
from cup_assets.orchestration.inputs import inputs_of, read_samples, require
from cup_assets.orchestration.materialise import Product, is_forced, materialise, median
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import arm_heatmap, gene_places, genome_plot, markdown_table
from cup_assets.warehouse import Recipe
from cup_assets.warehouse.pools import read_pool_matrix, write_pool_matrix

CODE_VERSION = "1"
_NO_POOL = "none"
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


@dg.asset(
    key=CONTROLS,
    deps=[RAW, BETAS],
    group_name="cnv",
    kinds={"python", "parquet", "duckdb"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    pool=WAREHOUSE_POOL,
)
def cnv_controls(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The pool of normal controls of each array, with a version.

    Normals that arrive later make a new version; the matrices of earlier versions are kept, so
    that a profile can always be computed again with the pool that it was computed with.
    """
    samples = platform.catalogue.query(
        'SELECT s.sample_id, s.batch, m."array", s.sex, m.predicted_sex, m.files_sha256'
        " FROM samples s JOIN sample_measures m USING (sample_id, batch)"
        " JOIN batches b USING (batch)"
        " WHERE s.role = 'normal_control' AND m.verdict <> 'fail' AND b.state <> 'retracted'"
        " AND m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256 ORDER BY s.sample_id"
    )
    batches = samples["batch"].unique().sort().to_list()
    parameters = platform.parameters.cnv
    recipe = Recipe(
        asset=CONTROLS.to_user_string(),
        code_version=CODE_VERSION,
        parameters=asdict(parameters),
        inputs=inputs_of(require(platform, BETAS, batch) for batch in batches),
        depends_on={row["sample_id"]: "+".join(map(str, row.values()))
                    for row in samples.iter_rows(named=True)},
    )  # fmt: skip
    return materialise(context, platform, recipe, lambda: _pools(platform, samples, recipe))


@dg.asset(
    key=PROFILES,
    partitions_def=BATCHES,
    deps=[RAW, BETAS, CONTROLS],
    group_name="cnv",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    pool=WAREHOUSE_POOL,
)
def cnv_profiles(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Bins, segments, arm and gene calls of every sample of a batch.

    A profile keeps the control pool that it was computed with when a newer one appears, so that
    old results never change because new samples came; a batch that had no pool is profiled as
    soon as there is one. A run tagged ``cup/force: true`` takes the current pool.
    """
    batch = context.partition_key
    parameters = platform.parameters.cnv
    samples = platform.catalogue.query(
        'SELECT s.sample_id, s.batch, m."array", coalesce(s.sex, m.predicted_sex) AS sex, s.role,'
        " m.files_sha256 FROM samples s JOIN sample_measures m USING (sample_id, batch)"
        " WHERE s.batch = ? ORDER BY s.sample_id",
        [batch],
    )
    arrays = samples["array"].unique().sort().to_list()
    pools = _pools_for(platform, batch, arrays, keep=not is_forced(context))
    used = {f"{CONTROLS.to_user_string()}/{array}": pool for array, pool in pools.items()}
    recipe = Recipe(
        asset=PROFILES.to_user_string(),
        partition=batch,
        code_version=CODE_VERSION,
        parameters=asdict(parameters),
        inputs=inputs_of([require(platform, BETAS, batch)]) | used,
        depends_on=used | {row["sample_id"]: f"{row['files_sha256']} {row['sex']}"
                           for row in samples.iter_rows(named=True)},
    )  # fmt: skip

    def make() -> Product:
        profiles: list[CnvProfile] = []
        for (array,), group in samples.group_by("array", maintain_order=True):
            profiles += _profiles(context, platform, group, str(array), pools[str(array)])
        return _product(batch, samples, profiles, _gene_places(platform, samples))

    return materialise(context, platform, recipe, make)


@dataclass(frozen=True)
class _Candidate:
    sample_id: str
    sex: str | None
    log2_total: NDArray[np.float32]


def _pools(platform: Platform, samples: pl.DataFrame, recipe: Recipe) -> Product:
    """Make and keep the pool of every array that has controls."""
    parameters = platform.parameters.cnv
    rows, refusals = [], []
    for (array,), group in samples.group_by("array", maintain_order=True):
        manifest = _manifest(platform, str(array))
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


def _pools_for(platform: Platform, batch: str, arrays: list[str], *, keep: bool) -> dict[str, str]:
    """Return array -> version of the pool that this batch's profiles are computed with.

    ``keep``: the one that they were computed with before, where there is one.
    """
    current = dict(
        platform.catalogue.query(
            'SELECT "array", pool_version FROM cnv_pools WHERE is_current'
        ).iter_rows()
    )
    kept: Mapping[str, str] = {}
    previous = platform.catalogue.current(PROFILES.to_user_string(), batch)
    if previous and keep:
        prefix = f"{CONTROLS.to_user_string()}/"
        kept = {
            name.removeprefix(prefix): version
            for name, version in previous.inputs.items()
            if name.startswith(prefix) and version != _NO_POOL
        }
    return {array: kept.get(array) or current.get(array, _NO_POOL) for array in arrays}


def _profiles(
    context: dg.AssetExecutionContext,
    platform: Platform,
    samples: pl.DataFrame,
    array: str,
    pool_version: str,
) -> list[CnvProfile]:
    parameters = platform.parameters.cnv
    manifest = _manifest(platform, array)
    if pool_version == _NO_POOL:
        reason = (
            f"no pool of normal controls for {array}: land at least {parameters.min_controls}"
            " samples with role normal_control; this batch is then profiled by itself"
        )
        return [
            no_call_profile(sample, manifest.build, reason, parameters)
            for sample in samples["sample_id"]
        ]
    bins = make_bins(manifest.probes, manifest.build, parameters)
    pool = _load_pool(platform, array, pool_version, bins, parameters)
    _, log2_total = read_samples(platform, "log2_total", samples)
    candidates = [
        _Candidate(sample, sex, log2_total[i])
        for i, (sample, sex) in enumerate(samples["sample_id", "sex"].iter_rows())
    ]
    one = partial(_profile, pool=pool, bins=bins, parameters=parameters)
    return platform.mapper(one, candidates, progress_of(context, "profiles"))


def _profile(
    candidate: _Candidate, pool: ControlPool, bins: Bins, parameters: CnvParameters
) -> CnvProfile:
    return profile_sample(
        candidate.sample_id, candidate.sex, candidate.log2_total, pool, bins, parameters
    )


def _load_pool(
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


def _manifest(platform: Platform, array: str) -> Manifest:
    settings = platform.settings
    for manifest in load_manifests(settings.manifests, settings.cache):
        if manifest.array == array:
            return manifest
    raise CnvError(
        f"no manifest of {array} in {settings.manifests}: put the one back that was used"
    )


def _gene_places(platform: Platform, samples: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return array -> where the called genes lie, for the pictures."""
    genes = platform.parameters.cnv.genes
    return {
        array: gene_places(_manifest(platform, array).probes, genes)
        for array in samples["array"].unique().sort()
    }


def _product(
    batch: str,
    samples: pl.DataFrame,
    profiles: list[CnvProfile],
    genes: Mapping[str, pl.DataFrame],
) -> Product:
    def stacked(frames: list[pl.DataFrame], schema: Mapping[str, Any]) -> pl.DataFrame:
        empty = pl.DataFrame(schema=schema)
        return pl.concat([empty, *frames]).with_columns(batch=pl.lit(batch))

    summaries = stacked([p.summary() for p in profiles], SUMMARY_SCHEMA)
    calls = stacked([p.calls for p in profiles], CALLS_SCHEMA)
    called = summaries.filter(pl.col("state") == "called")
    notes = {"profiles": markdown_table(summaries.drop("pool_version", "batch"))}
    return Product(
        tables={
            "cnv_segments": stacked([p.segments for p in profiles], SEGMENTS_SCHEMA),
            "cnv_bins": stacked([p.bins for p in profiles], BINS_SCHEMA),
            "cnv_calls": calls,
            "cnv_profiles": summaries.drop("state"),
        },
        key={"batch": batch},
        numbers={
            "profiles": called.height,
            "no_call": summaries.height - called.height,
            "median_noise": median(called["noise"]),
            "median_altered_fraction": median(called["altered_fraction"]),
        },
        notes=notes,
        pictures=_pictures(samples, profiles, calls, genes),
    )


def _pictures(
    samples: pl.DataFrame,
    profiles: list[CnvProfile],
    calls: pl.DataFrame,
    genes: Mapping[str, pl.DataFrame],
) -> dict[str, bytes]:
    """Draw the arms of the batch, and the genomes of diagnostic cases and of the most altered."""
    called = [profile for profile in profiles if profile.called]
    if not called:
        return {}
    pictures = {"arms": arm_heatmap(calls.filter(pl.col("kind") == "arm"))}
    most = max(called, key=lambda profile: profile.altered_fraction or 0.0)
    diagnostic = set(samples.filter(pl.col("role") == "diagnostic")["sample_id"])
    array_of = dict(samples["sample_id", "array"].iter_rows())
    for profile in called:
        if profile is most or profile.sample_id in diagnostic:
            pictures[f"genome {profile.sample_id}"] = genome_plot(
                profile.bins,
                profile.segments,
                profile.calls,
                profile.sample_id,
                profile.build,
                genes[array_of[profile.sample_id]],
            )
    return pictures
