"""Copy number: the versioned pool of normal controls, and a profile of every sample.

Belongs here: the assets ``cnv/controls`` and ``cnv/profiles``. Does not belong here: how a profile
is computed (`cup_assets.copynumber`), and with which pool
(`cup_assets.orchestration.control_pools`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
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
    CnvParameters,
    CnvProfile,
    ControlPool,
    make_bins,
    no_call_profile,
    profile_sample,
)
from cup_assets.methylome.purity import NormalMethylation, purity_at_least
from cup_assets.orchestration.cnv_files import (
    INDEX,
    batch_files,
    batch_pictures,
    bin_genes_of,
    gene_places_of,
    keep_library,
)
from cup_assets.orchestration.control_pools import (
    current_normalisation,
    load_normal_methylation,
    load_pool,
    manifest_of,
    normal_controls,
    normalisation_of,
    pools_product,
)
from cup_assets.orchestration.conventions import (
    BETAS,
    CONTROLS,
    OWNERS,
    PROFILES,
    RAW,
    WAREHOUSE_POOL,
)
from cup_assets.orchestration.inputs import inputs_of, read_batches, read_samples, require
from cup_assets.orchestration.materialise import Product, is_forced, materialise, median
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.pool_rule import NO_POOL, PoolChoice, pools_for
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import markdown_table
from cup_assets.warehouse import Recipe

CODE_VERSION = "2"


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
    samples, betas = normal_controls(platform)
    recipe = Recipe(
        asset=CONTROLS.to_user_string(),
        code_version=CODE_VERSION,
        parameters=asdict(platform.parameters.cnv)
        | {"normalisation": current_normalisation(platform)},
        inputs=inputs_of(betas),
        depends_on={row["sample_id"]: "+".join(map(str, row.values()))
                    for row in samples.iter_rows(named=True)},
    )  # fmt: skip
    return materialise(context, platform, recipe, lambda: pools_product(platform, samples, recipe))


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
    soon as there is one. Only a pool that is superseded by rule gives way (too few controls when
    there are enough now, a control that no longer is one). A run tagged ``cup/force: true`` takes
    the current pool.
    """
    batch = context.partition_key
    samples = platform.catalogue.query(
        'SELECT s.sample_id, s.batch, m."array", coalesce(s.sex, m.predicted_sex) AS sex, s.role,'
        " m.files_sha256 FROM samples s JOIN sample_measures m USING (sample_id, batch)"
        " WHERE s.batch = ? ORDER BY s.sample_id",
        [batch],
    )
    betas = require(platform, BETAS, batch)
    arrays = samples["array"].unique().sort().to_list()
    pools = pools_for(platform, betas, arrays, keep=not is_forced(context))
    used = {f"{CONTROLS.to_user_string()}/{array}": pool.version for array, pool in pools.items()}
    lost = {f"lost controls/{array}": ";".join(pool.lost) for array, pool in pools.items()}
    recipe = Recipe(
        asset=PROFILES.to_user_string(),
        partition=batch,
        code_version=CODE_VERSION,
        parameters=asdict(platform.parameters.cnv) | {"normalisation": normalisation_of(betas)},
        inputs=inputs_of([betas]) | used,
        depends_on=used | lost | {row["sample_id"]: f"{row['files_sha256']} {row['sex']} "
                                                    f"{row['role']}"
                                  for row in samples.iter_rows(named=True)},
    )  # fmt: skip

    def make() -> Product:
        profiles: list[CnvProfile] = []
        for (array,), group in samples.group_by("array", maintain_order=True):
            profiles += _profiles(context, platform, group, str(array), pools[str(array)])
        return _product(platform, batch, samples, profiles)

    reports = platform.settings.reports / "cnv"
    keep_library(reports)
    result = materialise(context, platform, recipe, make, files=reports / batch)
    pages = {
        "files": dg.MetadataValue.path(reports / batch),
        "pages": dg.MetadataValue.url((reports / batch / INDEX).absolute().as_uri()),
    }
    return result._replace(metadata={**(result.metadata or {}), **pages})


@dataclass(frozen=True)
class _Candidate:
    sample_id: str
    sex: str | None
    log2_total: NDArray[np.float32]
    purity_at_least: float | None


def _profiles(
    context: dg.AssetExecutionContext,
    platform: Platform,
    samples: pl.DataFrame,
    array: str,
    choice: PoolChoice,
) -> list[CnvProfile]:
    parameters = platform.parameters.cnv
    manifest = manifest_of(platform, array)
    if choice.version == NO_POOL:
        reason = (
            f"no pool of normal controls for {array}: land at least {parameters.min_controls}"
            " samples with role normal_control; this batch is then profiled by itself"
        )
        return [
            no_call_profile(sample, manifest.build, reason, parameters)
            for sample in samples["sample_id"]
        ]
    bins = make_bins(manifest.probes, manifest.build, parameters)
    pool = load_pool(platform, array, choice.version, bins, parameters)
    normal = load_normal_methylation(platform, array, choice.version)
    bounds = _purity_bounds(platform, samples, normal, manifest.probes["probe_id"])
    _, log2_total = read_samples(platform, "log2_total", samples)
    candidates = [
        _Candidate(sample, sex, log2_total[i], bounds[i])
        for i, (sample, sex) in enumerate(samples["sample_id", "sex"].iter_rows())
    ]
    one = partial(_profile, pool=pool, bins=bins, parameters=parameters)
    profiles = platform.mapper(one, candidates, progress_of(context, "profiles"))
    if not choice.lost:
        return profiles
    warning = f"controls of its pool that are none any more: {', '.join(choice.lost)}"
    return [replace(each, warnings=(*each.warnings, warning)) for each in profiles]


def _purity_bounds(
    platform: Platform,
    samples: pl.DataFrame,
    normal: NormalMethylation | None,
    probe_ids: pl.Series,
) -> list[float | None]:
    """Return what methylation says of each sample; nothing of normal controls."""
    bounds: list[float | None] = [None] * samples.height
    if normal is None or not normal.rows.size:
        return bounds
    for positions, _, values in read_batches(platform, "betas", samples, probe_ids[normal.rows]):
        for position, betas in zip(positions.tolist(), values, strict=True):
            bounds[position] = purity_at_least(betas, normal)
    return bounds


def _profile(
    candidate: _Candidate, pool: ControlPool, bins: Bins, parameters: CnvParameters
) -> CnvProfile:
    return profile_sample(
        candidate.sample_id,
        candidate.sex,
        candidate.log2_total,
        pool,
        bins,
        parameters,
        candidate.purity_at_least,
    )


def _product(
    platform: Platform, batch: str, samples: pl.DataFrame, profiles: list[CnvProfile]
) -> Product:
    def stacked(
        part: Callable[[CnvProfile], pl.DataFrame], schema: Mapping[str, Any]
    ) -> pl.DataFrame:
        # Coordinates of a batch on several arrays may be of several genome builds.
        empty = pl.DataFrame(schema={**schema, "build": pl.String})
        frames = [part(p).with_columns(build=pl.lit(p.build)) for p in profiles]
        return pl.concat([empty, *frames]).with_columns(batch=pl.lit(batch))

    genes = gene_places_of(platform, samples)
    array_of = dict(samples["sample_id", "array"].iter_rows())
    bin_genes = bin_genes_of(platform, profiles, array_of)
    summaries = _without_normals(stacked(lambda p: p.summary(), SUMMARY_SCHEMA), samples)
    calls = stacked(lambda p: p.calls, CALLS_SCHEMA)
    called = summaries.filter(pl.col("state") == "called")
    notes = {"profiles": markdown_table(summaries.drop("pool_version", "batch"))}
    return Product(
        tables={
            "cnv_segments": stacked(lambda p: p.segments, SEGMENTS_SCHEMA),
            "cnv_bins": stacked(lambda p: p.bins, BINS_SCHEMA),
            "cnv_calls": calls,
            "cnv_profiles": summaries.drop("state"),
        },
        key={"batch": batch},
        numbers={
            "profiles": called.height,
            "no_call": summaries.height - called.height,
            "median_noise": median(called["noise"]),
            "median_altered_fraction": median(called["altered_fraction"]),
            "median_purity": median(called["purity"]),
        },
        notes=notes,
        pictures=batch_pictures(samples, profiles, calls, genes, platform.mapper),
        files=batch_files(batch, profiles, genes, bin_genes, array_of, platform.mapper),
    )


def _without_normals(summaries: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Take the purity away where there is no tumour."""
    normals = samples.filter(pl.col("role") == "normal_control")["sample_id"]
    is_normal = pl.col("sample_id").is_in(normals.implode())
    values = ("purity", "purity_low", "purity_high", "purity_method")
    return summaries.with_columns(
        *(pl.when(~is_normal).then(name).alias(name) for name in values),
        purity_reason=pl.when(is_normal).then(pl.lit("normal control")).otherwise("purity_reason"),
    )
