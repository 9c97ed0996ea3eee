"""What unsupervised structure says.

Belongs here: ``evaluation/landscape``. Does not belong here: projections and agreement themselves
(`cup_assets.landscape`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.landscape import agreement, make_landscape, neighbours
from cup_assets.orchestration.automation import (
    ON_NEW_CHECKED_BATCHES,
)
from cup_assets.orchestration.cnv_cohort import class_copy_number, reference_profiles
from cup_assets.orchestration.conventions import (
    BETAS,
    COMPUTE_POOL,
    LANDSCAPE,
    OWNERS,
    PROFILES,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    cases_to_place,
    diagnostic_cases,
    load_training_data,
)
from cup_assets.report import (
    landscape_plot,
    markdown_table,
)
from cup_assets.warehouse import Recipe


@dg.asset(
    key=LANDSCAPE,
    deps=[REFERENCE, BETAS, PROFILES],
    group_name="evaluation",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="2",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_BATCHES,
)
def landscape(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """PCA, t-SNE and UMAP of the reference samples, with the diagnostic cases placed into them.

    How far the maps agree with the diagnosis, and with batch and material, in numbers. Beside
    them, what is gained and lost in each class.
    """
    parameters = platform.parameters.landscape
    cases = diagnostic_cases(platform)
    profiles = reference_profiles(platform)
    recipe = Recipe(
        asset=LANDSCAPE.to_user_string(),
        code_version="2",
        parameters=asdict(parameters),
        inputs=inputs_of(
            [require(platform, REFERENCE)]
            + [require(platform, BETAS, batch) for batch in cases["batch"].unique().sort()]
        )
        | profiles,
        depends_on=inputs_of([require(platform, REFERENCE)])
        | profiles
        | dict(cases["sample_id", "files_sha256"].iter_rows()),
    )
    return materialise(context, platform, recipe, lambda: _landscape(context, platform, cases))


def _landscape(
    context: dg.AssetExecutionContext, platform: Platform, cases: pl.DataFrame
) -> Product:
    parameters = platform.parameters.landscape
    data = load_training_data(platform)
    placed, X_cases, not_placed = cases_to_place(
        platform, cases, data.probe_ids.tolist(), parameters.max_missing
    )
    case_ids = placed["sample_id"].to_list()
    made = make_landscape(
        data.X, data.sample_ids.tolist(), parameters, cases=X_cases, case_ids=case_ids,
        progress=progress_of(context, "maps"),
    )  # fmt: skip
    labels = data.truth().with_columns(
        batch=pl.Series(data.batch.tolist()), material=pl.Series(data.material.tolist())
    )
    agreed = agreement(made.space.scores, data.sample_ids.tolist(), made.frame, labels, parameters)
    nearest = neighbours(
        made.cases, case_ids, made.space.scores, data.sample_ids.tolist(), data.y.tolist(),
        parameters.neighbours,
    )  # fmt: skip
    frequencies, cnv_pictures = class_copy_number(platform, labels.select("sample_id", "class"))
    notes = {"agreement": markdown_table(agreed)}
    if not_placed.height:
        notes["cases that lack too many probes"] = markdown_table(not_placed)
    return Product(
        tables={
            "landscape": made.frame,
            "landscape_agreement": agreed,
            "case_neighbours": nearest,
            "cnv_frequencies": frequencies,
        },
        numbers={
            "samples": len(data.sample_ids),
            "cases": len(case_ids),
            "cases_not_placed": not_placed.height,
            **{
                f"{method}_{metric}_{label}": value
                for method, metric, label, value in agreed.filter(
                    pl.col("metric").is_in(("knn_accuracy", "silhouette", "ari"))
                    & (pl.col("label") == "class")
                    & (pl.col("seed").is_null() | (pl.col("seed") == parameters.seeds[0]))
                )["method", "metric", "label", "value"].iter_rows()
            },
        },
        notes=notes,
        pictures={
            f"by {label}": landscape_plot(
                made.frame, labels, colour_by=label, explained=made.space.explained.tolist()
            )
            for label in ("class", "batch", "material")
        }
        | cnv_pictures,
    )
