"""Copy number: the versioned pool of normal controls, and a profile of every sample.

Belongs here: the assets ``cnv/controls`` and ``cnv/profiles``. Does not belong here: how a profile
is computed (`cup_assets.copynumber`), and with which pool
(`cup_assets.orchestration.control_pools`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.compute import Mapper
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
from cup_assets.orchestration.control_pools import (
    NO_POOL,
    current_normalisation,
    load_pool,
    manifest_of,
    normal_controls,
    normalisation_of,
    pools_for,
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
from cup_assets.orchestration.inputs import inputs_of, read_samples, require
from cup_assets.orchestration.materialise import Product, is_forced, materialise, median
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import arm_heatmap, gene_places, genome_plot, markdown_table
from cup_assets.warehouse import Recipe

CODE_VERSION = "1"


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
    soon as there is one. A run tagged ``cup/force: true`` takes the current pool.
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
    used = {f"{CONTROLS.to_user_string()}/{array}": pool for array, pool in pools.items()}
    recipe = Recipe(
        asset=PROFILES.to_user_string(),
        partition=batch,
        code_version=CODE_VERSION,
        parameters=asdict(platform.parameters.cnv) | {"normalisation": normalisation_of(betas)},
        inputs=inputs_of([betas]) | used,
        depends_on=used | {row["sample_id"]: f"{row['files_sha256']} {row['sex']}"
                           for row in samples.iter_rows(named=True)},
    )  # fmt: skip

    def make() -> Product:
        profiles: list[CnvProfile] = []
        for (array,), group in samples.group_by("array", maintain_order=True):
            profiles += _profiles(context, platform, group, str(array), pools[str(array)])
        genes = _gene_places(platform, samples)
        return _product(batch, samples, profiles, genes, platform.mapper)

    return materialise(context, platform, recipe, make)


@dataclass(frozen=True)
class _Candidate:
    sample_id: str
    sex: str | None
    log2_total: NDArray[np.float32]


def _profiles(
    context: dg.AssetExecutionContext,
    platform: Platform,
    samples: pl.DataFrame,
    array: str,
    pool_version: str,
) -> list[CnvProfile]:
    parameters = platform.parameters.cnv
    manifest = manifest_of(platform, array)
    if pool_version == NO_POOL:
        reason = (
            f"no pool of normal controls for {array}: land at least {parameters.min_controls}"
            " samples with role normal_control; this batch is then profiled by itself"
        )
        return [
            no_call_profile(sample, manifest.build, reason, parameters)
            for sample in samples["sample_id"]
        ]
    bins = make_bins(manifest.probes, manifest.build, parameters)
    pool = load_pool(platform, array, pool_version, bins, parameters)
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


def _gene_places(platform: Platform, samples: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return array -> where the called genes lie, for the pictures."""
    genes = platform.parameters.cnv.genes
    return {
        array: gene_places(manifest_of(platform, array).probes, genes)
        for array in samples["array"].unique().sort()
    }


def _product(
    batch: str,
    samples: pl.DataFrame,
    profiles: list[CnvProfile],
    genes: Mapping[str, pl.DataFrame],
    mapper: Mapper,
) -> Product:
    def stacked(
        part: Callable[[CnvProfile], pl.DataFrame], schema: Mapping[str, Any]
    ) -> pl.DataFrame:
        # Coordinates of a batch on several arrays may be of several genome builds.
        empty = pl.DataFrame(schema={**schema, "build": pl.String})
        frames = [part(p).with_columns(build=pl.lit(p.build)) for p in profiles]
        return pl.concat([empty, *frames]).with_columns(batch=pl.lit(batch))

    summaries = stacked(lambda p: p.summary(), SUMMARY_SCHEMA)
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
        },
        notes=notes,
        pictures=_pictures(samples, profiles, calls, genes, mapper),
    )


def _pictures(
    samples: pl.DataFrame,
    profiles: list[CnvProfile],
    calls: pl.DataFrame,
    genes: Mapping[str, pl.DataFrame],
    mapper: Mapper,
) -> dict[str, bytes]:
    """Draw the arms of the batch, and the genomes of diagnostic cases and of the most altered."""
    called = [profile for profile in profiles if profile.called]
    if not called:
        return {}
    most = max(called, key=lambda profile: profile.altered_fraction or 0.0)
    diagnostic = set(samples.filter(pl.col("role") == "diagnostic")["sample_id"])
    array_of = dict(samples["sample_id", "array"].iter_rows())
    drawn = [
        (profile, genes[array_of[profile.sample_id]])
        for profile in called
        if profile is most or profile.sample_id in diagnostic
    ]
    # Drawing a genome takes longer than profiling it, and a batch may hold many cases.
    genomes = mapper(_draw_genome, drawn)
    return {"arms": arm_heatmap(calls.filter(pl.col("kind") == "arm"))} | {
        f"genome {profile.sample_id}": picture
        for (profile, _), picture in zip(drawn, genomes, strict=True)
    }


def _draw_genome(item: tuple[CnvProfile, pl.DataFrame]) -> bytes:
    profile, genes = item
    return genome_plot(
        profile.bins, profile.segments, profile.calls, profile.sample_id, profile.build, genes
    )
