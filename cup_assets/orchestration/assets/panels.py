"""Which CpGs matter, and how few are enough.

Belongs here: ``panels/importance`` and ``panels/cpg``. Does not belong here: ranking and selection
(`cup_assets.panels`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.cohort.places import places_by_build
from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    IMPORTANCE,
    OWNERS,
    PANELS,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels import final_panels, importance, mean_ranks, panel_curve
from cup_assets.report import importance_plot, markdown_table, panel_curve_plot
from cup_assets.warehouse import Recipe

_SHOWN = 30


@dg.asset(
    key=IMPORTANCE,
    deps=[REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="2",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_importance(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """How much every candidate CpG tells, by several methods, on all reference samples."""
    return materialise(
        context, platform, _recipe(platform, IMPORTANCE), lambda: _importance(platform)
    )


@dg.asset(
    key=PANELS,
    deps=[REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="2",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_panels(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Nested panels of CpGs, and how performance grows with their size.

    The curve is honest: for it, CpGs are chosen inside the outer training folds only.
    """
    return materialise(
        context, platform, _recipe(platform, PANELS), lambda: _panels(context, platform)
    )


def _recipe(platform: Platform, key: dg.AssetKey) -> Recipe:
    return Recipe(
        asset=key.to_user_string(),
        code_version="2",
        parameters=asdict(platform.parameters.panels),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )


def _importance(platform: Platform) -> Product:
    data = load_training_data(platform)
    table = importance(data, platform.parameters.panels)
    best = mean_ranks(table).head(_SHOWN)
    best = best.join(
        _places(platform, best["probe_id"]), on="probe_id", how="left", maintain_order="left"
    )
    genes = {probe: gene for probe, gene in best["probe_id", "genes"].iter_rows() if gene}
    return Product(
        tables={"cpg_importance": table},
        numbers={"candidates": table["probe_id"].n_unique()},
        notes={"most important": markdown_table(best)},
        pictures={"importance": importance_plot(table, genes=genes)},
    )


def _places(platform: Platform, names: pl.Series) -> pl.DataFrame:
    """Return where CpGs lie in each build of the members' arrays, and in which genes."""
    probes = platform.catalogue.query(
        'SELECT "array", probe_id, name, chrom, pos, build, genes FROM probes'
        ' WHERE name IN (SELECT unnest(?)) AND "array" IN'
        ' (SELECT "array" FROM dataset_members WHERE included)',
        [names.to_list()],
    )
    return places_by_build(probes, names.to_list())


def _panels(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters = platform.parameters.panels
    data = load_training_data(platform)
    result = panel_curve(
        data, read_folds(platform), parameters, platform.mapper,
        progress_of(context, "outer folds"),
    )  # fmt: skip
    panels = final_panels(data, parameters)
    recommended = panels.filter(pl.col("size") == result.recommended)
    recommended = recommended.join(
        _places(platform, recommended["probe_id"]),
        on="probe_id", how="left", maintain_order="left",
    )  # fmt: skip
    return Product(
        tables={
            "panels": panels,
            "panel_curve": result.curve,
            "panel_choices": result.choices,
        },
        numbers={"recommended_size": result.recommended, "panels": panels["panel_id"].n_unique()},
        notes={
            "curve": markdown_table(result.curve.filter(pl.col("metric") == "error")),
            "recommended panel": markdown_table(recommended.head(200)),
        },
        pictures={"panel curve": panel_curve_plot(result.curve, recommended=result.recommended)},
    )
