"""All models side by side.

Belongs here: ``evaluation/leaderboard``. Does not belong here: metrics and comparisons
(`cup_assets.classify`), the cross-validation itself (`cross_validation`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.orchestration.automation import (
    ON_NEW_DATA,
)
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    LEADERBOARD,
    OWNERS,
    REFERENCE,
    cv_key,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.report import (
    leaderboard_plot,
    markdown_table,
)
from cup_assets.warehouse import Recipe

_SUMMARY = ("error", "balanced_accuracy", "macro_f1", "auc_hand_till", "brier", "log_loss", "ece")


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
