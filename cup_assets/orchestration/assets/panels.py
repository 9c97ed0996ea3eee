"""How few CpGs are enough.

Belongs here: ``panels/cpg``. Does not belong here: ranking and selection (`cup_assets.panels`),
what each CpG tells (`.importance`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import COMPUTE_POOL, OWNERS, PANELS, REFERENCE
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.places import places_of
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels import final_panels, panel_curve
from cup_assets.report import markdown_table, panel_curve_plot
from cup_assets.warehouse import Recipe


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
    recipe = Recipe(
        asset=PANELS.to_user_string(),
        code_version="2",
        parameters=asdict(platform.parameters.panels),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _panels(context, platform))


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
        places_of(platform, recommended["probe_id"]),
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
