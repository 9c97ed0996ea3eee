"""How few CpGs are enough.

Belongs here: ``panels/cpg``. Does not belong here: ranking and selection (`cup_assets.panels`),
what each CpG tells (`.importance`), what a light technology can measure (`.assays`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import COMPUTE_POOL, OWNERS, PANELS, REFERENCE
from cup_assets.orchestration.fold_keys import fitting
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.panel_scores import kept_judge
from cup_assets.orchestration.places import places_of
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels import PanelCurve, final_panels, panel_curve, with_votes
from cup_assets.panels.standing import CHANCE, StandingPanels, standing_panels
from cup_assets.report import markdown_table, panel_curve_plot
from cup_assets.warehouse import Recipe

_CODE_VERSION = "3"


@dg.asset(
    key=PANELS,
    deps=[REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version=_CODE_VERSION,
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_panels(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Nested panels of CpGs, and how performance grows with their size, for each model family.

    The curve is honest: for it, CpGs are chosen inside the outer training folds only. Beside it,
    panels within each family and of each class against all others, judged in the same way.
    """
    parameters = platform.parameters
    recipe = Recipe(
        asset=PANELS.to_user_string(),
        code_version=_CODE_VERSION,
        parameters={
            "panels": asdict(parameters.panels),
            "evaluation": dict(fitting(parameters.evaluation)),
        },
        inputs=inputs_of([require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _panels(context, platform))


def _panels(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters, evaluation = platform.parameters.panels, platform.parameters.evaluation
    data, folds = load_training_data(platform), read_folds(platform)
    result = panel_curve(
        data, folds, parameters, evaluation, platform.mapper, progress_of(context, "panels"),
        judge=kept_judge(context, platform, parameters, evaluation),
    )  # fmt: skip
    standing = standing_panels(
        data, parameters, folds, platform.mapper, progress_of(context, "differential diagnoses")
    )
    panels = with_votes(final_panels(data, parameters), result.choices)
    recommended = panels.filter(pl.col("size") == result.size)
    recommended = recommended.join(
        places_of(platform, recommended["probe_id"]),
        on="probe_id", how="left", maintain_order="left",
    )  # fmt: skip
    return Product(
        tables={
            "panels": pl.concat([panels, standing.panels], how="diagonal"),
            "panel_curve": result.curve,
            "panel_choices": result.choices,
            "panel_stability": result.stability,
            "panel_recommended": result.recommended,
            "panel_performance": standing.performance,
        },
        numbers=_numbers(result, panels, standing),
        notes={
            "recommended sizes": markdown_table(result.recommended),
            "curve": markdown_table(result.curve.filter(pl.col("metric") == "error"), max_rows=200),
            "agreement of the folds": markdown_table(result.stability),
            "recommended panel": markdown_table(recommended, max_rows=200),
            "differential diagnoses": markdown_table(_summary(standing), max_rows=200),
            "without a panel": markdown_table(standing.left_out, max_rows=200),
        },
        pictures={"panel curve": panel_curve_plot(result.curve, recommended=result.recommended)},
    )


def _numbers(
    result: PanelCurve, panels: pl.DataFrame, standing: StandingPanels
) -> dict[str, float | None]:
    best = result.recommended.filter(scope="overall").row(0, named=True)
    agreed = dict(result.stability["size", "stability"].iter_rows())
    return {
        "recommended_size": result.size,
        "recommended_error": best["error"],
        "stability_of_recommended": agreed.get(result.size),
        "panels": panels["panel_id"].n_unique(),
        "differential_panels": standing.panels["panel_id"].n_unique(),
    }


def _summary(standing: StandingPanels) -> pl.DataFrame:
    """Return a row for each panel: its error with the interval, and that of guessing."""
    found = standing.performance.filter(pl.col("class").is_null())
    names = ("error", "balanced_accuracy", CHANCE)
    wide = found.filter(pl.col("metric").is_in(names)).pivot(
        "metric", index="panel_id", values="value"
    )
    limits = found.filter(metric="error").select("panel_id", "low", "high")
    cpgs = standing.panels.group_by("panel_id", maintain_order=True).agg("probe_id")
    return (
        wide.join(limits, on="panel_id", how="left", maintain_order="left")
        .join(cpgs, on="panel_id", how="left", maintain_order="left")
        .with_columns(pl.col("probe_id").list.join(" "))
    )
