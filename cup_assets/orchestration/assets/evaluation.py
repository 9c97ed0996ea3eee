"""How good the models are, and what unsupervised structure says.

Belongs here: ``evaluation/cv/<model>`` (one asset a model), ``evaluation/leaderboard`` and
``evaluation/landscape``. Does not belong here: models, metrics and projections themselves.
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.landscape import agreement, make_landscape, neighbours
from cup_assets.orchestration.automation import (
    ON_NEW_CHECKED_BATCHES,
    ON_NEW_CHECKED_DATA,
    ON_NEW_DATA,
)
from cup_assets.orchestration.cnv_cohort import class_copy_number, reference_profiles
from cup_assets.orchestration.conventions import (
    BALANCED,
    BETAS,
    COMPUTE_POOL,
    LANDSCAPE,
    LEADERBOARD,
    OWNERS,
    PROFILES,
    REFERENCE,
    cv_key,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    SCHEME,
    cases_to_place,
    diagnostic_cases,
    load_training_data,
    read_folds,
)
from cup_assets.report import (
    confusion_matrix,
    landscape_plot,
    leaderboard_plot,
    markdown_table,
    reliability,
)
from cup_assets.warehouse import Recipe

_SUMMARY = ("error", "balanced_accuracy", "macro_f1", "auc_hand_till", "brier", "log_loss", "ece")


def cv_asset(model: str) -> dg.AssetsDefinition:
    """Return the asset of a model's cross-validation."""

    @dg.asset(
        key=cv_key(model),
        deps=[REFERENCE, BALANCED],
        group_name="evaluation",
        kinds={"python", "scikitlearn", "duckdb"},
        owners=OWNERS,
        code_version="2",
        pool=COMPUTE_POOL,
        automation_condition=ON_NEW_CHECKED_DATA,
        description=(
            f"Nested cross-validation of {model.replace('_', ' ')}: every reference sample is"
            " scored by a classifier that never saw its patient. Probe selection, material"
            " adjustment, balancing, tuning and calibration happen inside each training part."
        ),
    )
    def cross_validation(
        context: dg.AssetExecutionContext, platform: Platform
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        parameters = platform.parameters.evaluation
        recipe = Recipe(
            asset=cv_key(model).to_user_string(),
            code_version="2",
            parameters=asdict(parameters),
            inputs=inputs_of([require(platform, REFERENCE), require(platform, BALANCED)]),
        )
        return materialise(
            context, platform, recipe, lambda: _cross_validate(context, platform, model)
        )

    return cross_validation


def _cross_validate(context: dg.AssetExecutionContext, platform: Platform, model: str) -> Product:
    parameters = platform.parameters.evaluation
    data = load_training_data(platform)
    result = nested_cv(
        data, model, read_folds(platform), parameters, platform.mapper,
        progress_of(context, "outer folds"),
    )  # fmt: skip
    truth = data.truth()
    table = metrics(result.scores, truth, parameters.seed, parameters.bootstraps)
    overall = table.filter(pl.col("class").is_null())
    named = dict(overall["metric", "value"].iter_rows())
    columns = {
        "model": model, "scheme": SCHEME, "strategy": parameters.strategy, "features": "betas",
    }  # fmt: skip
    marks = [pl.lit(value).alias(name) for name, value in columns.items()]
    return Product(
        tables={
            "cv_scores": result.scores.with_columns(marks),
            "cv_choices": result.choices.with_columns(marks[:2]),
        },
        key={"model": model},
        numbers={name: named[name] for name in _SUMMARY},
        notes={
            "metrics": markdown_table(overall.drop("class")),
            "by class": markdown_table(table.filter(pl.col("class").is_not_null())),
            "chosen per fold": markdown_table(result.choices),
        },
        pictures={
            "confusion": confusion_matrix(*_called(result.scores, truth), title=model),
            "reliability": reliability(result.scores, truth),
        },
    )


def _called(scores: pl.DataFrame, truth: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Return true and predicted class of every scored sample and repeat."""
    best = (
        scores.sort("score", "class", descending=[True, False])
        .group_by("repeat", "sample_id", maintain_order=True)
        .first()
        .sort("repeat", "sample_id")
        .join(truth.select("sample_id", true="class"), on="sample_id", how="left",
              maintain_order="left")
    )  # fmt: skip
    return best["true"].to_list(), best["class"].to_list()


CV_ASSETS = [cv_asset(model) for model in MODELS]


@dg.asset(
    key=LEADERBOARD,
    deps=[*(cv_key(model) for model in MODELS), REFERENCE],
    group_name="evaluation",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="2",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_DATA,
)
def leaderboard(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """All models side by side: raw and calibrated metrics with 95 % bootstrap intervals.

    Lists the labels that every model confidently contradicts, too; nothing is changed by it.
    """
    parameters = platform.parameters.evaluation
    versions = [require(platform, cv_key(model)) for model in MODELS]
    recipe = Recipe(
        asset=LEADERBOARD.to_user_string(),
        code_version="2",
        parameters=asdict(parameters),
        inputs=inputs_of([*versions, require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _leaderboard(platform))


def _leaderboard(platform: Platform) -> Product:
    parameters = platform.parameters.evaluation
    scores = platform.catalogue.query(
        'SELECT model, scheme, strategy, features, repeat, outer_fold, sample_id, "class",'
        " raw_score, score FROM cv_scores ORDER BY ALL"
    )
    truth = platform.catalogue.query(
        'SELECT sample_id, "class", person AS patient_id FROM dataset_members'
        " WHERE included ORDER BY sample_id"
    )
    keys = ["model", "scheme", "strategy", "features"]
    tables = [
        metrics(part, truth, parameters.seed, parameters.bootstraps).with_columns(
            [pl.lit(value).alias(key) for key, value in zip(keys, names, strict=True)]
        )
        for names, part in scores.group_by(keys, maintain_order=True)
    ]
    table = pl.concat(tables)
    doubts = label_doubts(scores, truth, parameters)
    overall = table.filter(pl.col("class").is_null())
    board = (
        overall.filter(pl.col("metric").is_in(_SUMMARY))
        .pivot("metric", index=keys, values="value")
        .sort("log_loss", nulls_last=True)
    )
    return Product(
        tables={"cv_metrics": table, "label_doubts": doubts},
        numbers={
            f"{model}_{metric}": value
            for model, metric, value in overall.filter(
                pl.col("metric").is_in(("error", "log_loss"))
            )["model", "metric", "value"].iter_rows()
        }
        | {"doubted_labels": doubts.height},
        notes={"by model": markdown_table(board), "doubted labels": markdown_table(doubts)},
        pictures={"leaderboard": leaderboard_plot(overall)},
    )


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
