"""Several models judged side by side, in one go and without the platform around them.

Belongs here: from labelled samples and their folds to every table that a leaderboard is read from.
Does not belong here: folds (cohort), the cross-validation (`nested`) and the judging (`board`) that
are put together here, pictures and files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from cup_assets.classify.board import (
    compare_models,
    errors_by_part,
    judge_calibrators,
    judge_models,
    tested,
)
from cup_assets.classify.comparison import COMPARISON_SCHEMA
from cup_assets.classify.data import TrainingData
from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.nested import CvResult, nested_cv
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.reliability import confusion_table, reject_curve, reliability_table

Run = Callable[[str, pl.DataFrame], CvResult]
"""(model, folds of one scheme) -> its scores."""
BOARD = (
    *("error", "balanced_accuracy", "macro_f1", "weighted_f1", "auc_hand_till"),
    *("brier", "log_loss", "ece", "coverage_at_99", "precision_at_90", "coverage_at_90"),
)
"""Metrics of a leaderboard, calibrated and raw."""


@dataclass(frozen=True)
class Evaluation:
    """What came of it: tables with the columns ``scheme`` and, but for a few, ``model``.

    Attributes
    ----------
    leaderboard
        A row for each scheme and model, the lowest calibrated log loss first: ``<metric>``,
        ``<metric>_low``, ``<metric>_high`` and the same with raw_ for each of `BOARD`.
    metrics, family_metrics
        Every metric, of classes and of families, as `cup_assets.classify.board.judge_models` gives
        them.
    scores, choices, calibrations
        As `cup_assets.classify.nested.CvResult` has them.
    calibration_metrics, comparisons, tested, parts
        As `cup_assets.classify.board` gives them: what each way to calibrate comes to, the paired
        differences of models, who was tested under each scheme, and the errors of each batch,
        centre or array that was held out.
    reliability, confusions, rejects
        As `cup_assets.classify.reliability` gives them.
    doubts
        Labels that every model contradicts, by the scores of the first scheme.
    """

    leaderboard: pl.DataFrame
    metrics: pl.DataFrame
    family_metrics: pl.DataFrame
    scores: pl.DataFrame
    choices: pl.DataFrame
    calibrations: pl.DataFrame
    calibration_metrics: pl.DataFrame
    comparisons: pl.DataFrame
    tested: pl.DataFrame
    parts: pl.DataFrame
    reliability: pl.DataFrame
    confusions: pl.DataFrame
    rejects: pl.DataFrame
    doubts: pl.DataFrame


def evaluate(
    data: TrainingData,
    folds: pl.DataFrame,
    parts: pl.DataFrame,
    not_used: pl.DataFrame,
    models: Sequence[str],
    parameters: EvaluationParameters,
    run: Run | None = None,
) -> Evaluation:
    """Cross-validate every model under every scheme and judge the scores.

    Parameters
    ----------
    folds
        Frame (scheme, repeat, outer_fold, inner_fold, sample_id) of one or more schemes.
    parts, not_used
        What each scheme holds out and who takes no part in it, as
        `cup_assets.cohort.schemes.SchemeFolds` has them; of schemes without folds, too.
    models
        Names in `cup_assets.classify.models.MODELS`.
    run
        Makes one cross-validation; default: `nested_cv` in this process. A caller's can report,
        work in parallel and take finished folds over.

    Raises
    ------
    ClassifyError
        As `nested_cv` and `judge_models`.
    """

    def here(model: str, plan: pl.DataFrame) -> CvResult:
        return nested_cv(data, model, plan, parameters)

    schemes = folds["scheme"].unique(maintain_order=True).to_list()
    found = {
        (scheme, model): (run or here)(model, folds.filter(pl.col("scheme") == scheme))
        for scheme in schemes
        for model in models
    }

    def joined(name: str) -> pl.DataFrame:
        marked = (_marked(getattr(one, name), *of, parameters) for of, one in found.items())
        return pl.concat(list(marked))

    scores, calibrations, truth = joined("scores"), joined("calibrations"), data.truth()
    by_class, by_family = judge_models(scores, truth, data.family_of(), parameters)
    deciding = scores.filter(pl.col("scheme") == schemes[0])
    return Evaluation(
        leaderboard=leaderboard(by_class),
        metrics=by_class,
        family_metrics=by_family,
        scores=scores,
        choices=joined("choices"),
        calibrations=calibrations,
        calibration_metrics=judge_calibrators(scores, calibrations, truth, parameters),
        comparisons=_comparisons(scores, truth, schemes, parameters),
        tested=tested(scores, truth, not_used, [*schemes, *_others(not_used, schemes)]),
        parts=errors_by_part(scores, truth, parts, parameters),
        doubts=label_doubts(deciding, truth, parameters),
        **_pictured(scores, data, parameters),
    )


def leaderboard(metrics: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each scheme and model of a table of metrics (see `Evaluation`)."""
    overall = metrics.filter(pl.col("class").is_null())
    rows: list[dict[str, str | float | None]] = []
    for (scheme, model), part in overall.group_by("scheme", "model", maintain_order=True):
        known = {metric: row for metric, *row in part["metric", "value", "low", "high"].iter_rows()}
        row: dict[str, str | float | None] = {"scheme": str(scheme), "model": str(model)}
        for name in (*BOARD, *(f"raw_{metric}" for metric in BOARD)):
            row[name], row[f"{name}_low"], row[f"{name}_high"] = known.get(name, [None] * 3)
        rows.append(row)
    numbers = {name: pl.Float64 for name in rows[0] if name not in ("scheme", "model")}
    places = {name: i for i, name in enumerate(overall["scheme"].unique(maintain_order=True))}
    order = pl.col("scheme").replace_strict(places, return_dtype=pl.Int64)
    board = pl.DataFrame(rows, schema_overrides=numbers)
    return board.sort(order, "log_loss", "model", nulls_last=True)


def _comparisons(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    schemes: Sequence[str],
    parameters: EvaluationParameters,
) -> pl.DataFrame:
    tables = {
        scheme: compare_models(scores.filter(pl.col("scheme") == scheme), truth, parameters)
        for scheme in schemes
    }
    marked = [
        table.select(pl.lit(scheme).alias("scheme"), *COMPARISON_SCHEMA)
        for scheme, table in tables.items()
    ]
    return pl.concat(marked)


def _pictured(
    scores: pl.DataFrame, data: TrainingData, parameters: EvaluationParameters
) -> dict[str, pl.DataFrame]:
    """Return the tables behind the pictures of each model under each scheme."""
    truth, family_of = data.truth(), data.family_of()
    seed, draws = parameters.seed, parameters.bootstraps
    tables: dict[str, list[pl.DataFrame]] = {"reliability": [], "confusions": [], "rejects": []}
    for (scheme, model), part in scores.group_by("scheme", "model", maintain_order=True):
        for name, table in (
            ("reliability", reliability_table(part, truth, seed, draws)),
            ("confusions", confusion_table(part, truth, family_of)),
            ("rejects", reject_curve(part, truth, seed, draws)),
        ):
            marks = [pl.lit(scheme).alias("scheme"), pl.lit(model).alias("model")]
            tables[name].append(table.select(*marks, *table.columns))
    return {name: pl.concat(some) for name, some in tables.items()}


def _marked(
    table: pl.DataFrame, scheme: str, model: str, parameters: EvaluationParameters
) -> pl.DataFrame:
    """Say of each row what it is of, in the columns of `cup_assets.classify.board.KEYS`."""
    marks = {
        "model": model, "scheme": scheme, "strategy": parameters.strategy, "features": "betas",
    }  # fmt: skip
    named = [pl.lit(value).alias(name) for name, value in marks.items()]
    return table.select(*named, *table.columns)


def _others(not_used: pl.DataFrame, schemes: Sequence[str]) -> list[str]:
    """Return the schemes that could not be carried out at all."""
    return sorted(set(not_used["scheme"]) - set(schemes))
