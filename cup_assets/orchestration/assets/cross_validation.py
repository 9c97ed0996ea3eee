"""How good each model is on samples that it never saw.

Belongs here: ``evaluation/cv/<model>``, one asset a model. Does not belong here: models, folds,
metrics (`cup_assets.classify`), and the comparison of the models (`leaderboard`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.classify.reliability import confusion_table, reliability_table
from cup_assets.orchestration.automation import (
    ON_NEW_CHECKED_DATA,
)
from cup_assets.orchestration.conventions import (
    BALANCED,
    COMPUTE_POOL,
    OWNERS,
    REFERENCE,
    cv_key,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    SCHEME,
    load_training_data,
    read_folds,
)
from cup_assets.report import (
    confusion_diagram,
    markdown_table,
    reliability_diagram,
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
            "confusion": confusion_diagram(confusion_table(result.scores, truth), title=model),
            "reliability": reliability_diagram(
                reliability_table(result.scores, truth, parameters.seed, parameters.bootstraps)
            ),
        },
    )


CV_ASSETS = [cv_asset(model) for model in MODELS]
