"""How good each model is on samples that it never saw.

Belongs here: ``evaluation/cv/<model>``, one asset a model. Does not belong here: models, folds,
metrics (`cup_assets.classify`), how folds are computed and taken over (`cross_validate`), and the
comparison of the models (`leaderboard`).
"""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import CvResult
from cup_assets.classify.parameters import EvaluationParameters
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
from cup_assets.orchestration.cross_validate import cross_validate
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
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

_STUDY = "leaderboard"
_FEATURES = "betas"
_SUMMARY = ("error", "balanced_accuracy", "macro_f1", "auc_hand_till", "brier", "log_loss", "ece")


def cv_asset(model: str) -> dg.AssetsDefinition:
    """Return the asset of a model's cross-validation."""

    @dg.asset(
        key=cv_key(model),
        deps=[REFERENCE, BALANCED],
        group_name="evaluation",
        kinds={"python", "scikitlearn", "duckdb"},
        owners=OWNERS,
        code_version="3",
        pool=COMPUTE_POOL,
        automation_condition=ON_NEW_CHECKED_DATA,
        description=(
            f"Nested cross-validation of {model.replace('_', ' ')}: every reference sample is"
            " scored by a classifier that never saw its patient, and where there are several of"
            " them by others that never saw its batch, its centre or its array. Probe selection,"
            " material adjustment, balancing, tuning and calibration happen inside each training"
            " part."
        ),
    )
    def cross_validation(
        context: dg.AssetExecutionContext, platform: Platform
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        parameters = platform.parameters.evaluation
        recipe = Recipe(
            asset=cv_key(model).to_user_string(),
            code_version="3",
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
    folds = {scheme: read_folds(platform, scheme) for scheme in parameters.schemes}
    results = {
        scheme: cross_validate(context, platform, data, model, divided, parameters)
        for scheme, divided in folds.items()
        if divided.height
    }
    truth = data.truth()
    measured = {
        scheme: metrics(result.scores, truth, parameters.seed, parameters.bootstraps)
        for scheme, result in results.items()
    }
    table = _by_scheme(measured)
    overall = table.filter(pl.col("class").is_null()).drop("class")
    scores, choices = results[SCHEME].scores, _choices(results)
    return Product(
        tables={
            "cv_scores": _marked({s: r.scores for s, r in results.items()}, model, parameters),
            "cv_choices": _marked({s: r.choices for s, r in results.items()}, model, parameters),
            "cv_calibrations": _by_scheme(
                {scheme: result.calibrations for scheme, result in results.items()}
            ).with_columns(model=pl.lit(model)),
        },
        key={"model": model, "study": _STUDY},
        keys={"cv_calibrations": {"model": model}},
        numbers=_numbers(overall),
        notes={
            "metrics": markdown_table(
                overall.filter(pl.col("scheme") == SCHEME).drop("scheme"), max_rows=100
            ),
            "by scheme": markdown_table(_side_by_side(overall, parameters.schemes)),
            "by class": markdown_table(_by_class(table), max_rows=200),
            "chosen per fold": markdown_table(choices, max_rows=200),
        },
        pictures={
            "confusion": confusion_diagram(confusion_table(scores, truth), title=model),
            "reliability": reliability_diagram(
                reliability_table(scores, truth, parameters.seed, parameters.bootstraps)
            ),
        },
    )


def _by_scheme(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(
        [frame.select(pl.lit(scheme).alias("scheme"), pl.all()) for scheme, frame in frames.items()]
    )


def _marked(
    frames: Mapping[str, pl.DataFrame], model: str, parameters: EvaluationParameters
) -> pl.DataFrame:
    return _by_scheme(frames).with_columns(
        model=pl.lit(model),
        strategy=pl.lit(parameters.strategy),
        features=pl.lit(_FEATURES),
        study=pl.lit(_STUDY),
    )


def _numbers(overall: pl.DataFrame) -> dict[str, float | None]:
    """Return the metrics of the stratified scheme by name, of the others with the scheme before."""
    return {
        metric if scheme == SCHEME else f"{scheme}_{metric}": value
        for scheme, metric, value in overall["scheme", "metric", "value"].iter_rows()
        if metric in _SUMMARY
    }


def _side_by_side(overall: pl.DataFrame, schemes: tuple[str, ...]) -> pl.DataFrame:
    """Return a line for each scheme that was asked for; one that is impossible has no numbers."""
    found = overall.filter(pl.col("metric").is_in(_SUMMARY)).pivot(
        "metric", index="scheme", values="value"
    )
    asked = pl.DataFrame({"scheme": schemes})
    return asked.join(found, on="scheme", how="left", maintain_order="left").with_columns(
        note=pl.when(~pl.col("scheme").is_in(found["scheme"].implode())).then(
            pl.lit("impossible with these samples: datasets/reference says why")
        )
    )


def _by_class(table: pl.DataFrame) -> pl.DataFrame:
    known = table.filter(pl.col("class").is_not_null())
    return known.pivot("metric", index=["scheme", "class"], values="value")


def _choices(results: Mapping[str, CvResult]) -> pl.DataFrame:
    """Return what was chosen, without the coefficients, which nobody reads in a table."""
    choices = _by_scheme({scheme: result.choices for scheme, result in results.items()})
    return choices.drop("calibrator")


CV_ASSETS = [cv_asset(model) for model in MODELS]
