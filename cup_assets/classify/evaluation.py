"""Several models judged side by side, in one go and without the platform around them.

Belongs here: from labelled samples and their folds to every table that a leaderboard is read from.
Does not belong here: folds (cohort), the cross-validation and the measures that are put together
here, pictures and files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cup_assets.classify.comparison import COMPARISON_SCHEMA, compare
from cup_assets.classify.data import TrainingData
from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.metrics import family_metrics, metrics
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
_CALIBRATION = ("brier", "log_loss", "ece")
USED = "multinomial_ridge"
"""The calibrator whose scores count, among its alternatives."""


@dataclass(frozen=True)
class Evaluation:
    """What came of it: tables with the columns ``scheme`` and, but for the last two, ``model``.

    Attributes
    ----------
    leaderboard
        A row for each scheme and model, the lowest calibrated log loss first: ``<metric>``,
        ``<metric>_low``, ``<metric>_high`` and the same with raw_ for each of `BOARD`.
    metrics
        Every metric, of classes too; families' where classes lie in families.
    scores, choices, calibrations
        As `cup_assets.classify.nested.CvResult` has them.
    calibration_metrics
        (scheme, model, calibrator, metric, value, low, high): brier, log_loss and ece with each
        calibrator, with that in use (`USED`) and with ``none``.
    reliability, confusions, rejects
        As `cup_assets.classify.reliability` gives them.
    comparisons
        Of every two models, as `cup_assets.classify.comparison.compare` gives them; no rows for
        one model.
    doubts
        Labels that every model contradicts, by the scores of the first scheme.
    """

    leaderboard: pl.DataFrame
    metrics: pl.DataFrame
    scores: pl.DataFrame
    choices: pl.DataFrame
    calibrations: pl.DataFrame
    calibration_metrics: pl.DataFrame
    reliability: pl.DataFrame
    confusions: pl.DataFrame
    rejects: pl.DataFrame
    comparisons: pl.DataFrame
    doubts: pl.DataFrame


def evaluate(
    data: TrainingData,
    plans: Mapping[str, pl.DataFrame],
    models: Sequence[str],
    parameters: EvaluationParameters,
    run: Run | None = None,
) -> Evaluation:
    """Cross-validate every model under every scheme and judge the scores.

    Parameters
    ----------
    plans
        Scheme -> its folds, as `cup_assets.classify.nested.nested_cv` takes them; at least one.
    models
        Names in `cup_assets.classify.models.MODELS`.
    run
        Makes one cross-validation; default: `nested_cv` in this process. A caller's can report,
        work in parallel and take finished folds over.

    Raises
    ------
    ClassifyError
        As `nested_cv` and `metrics`.
    """

    def here(model: str, folds: pl.DataFrame) -> CvResult:
        return nested_cv(data, model, folds, parameters)

    made = run or here
    parts = [
        _judged(made(model, folds), scheme, data, parameters)
        for scheme, folds in plans.items()
        for model in models
    ]
    joined = {
        name: pl.concat([part[name] for part in parts], how="diagonal_relaxed") for name in parts[0]
    }
    scores, truth = joined["scores"], data.truth()
    by_scheme = {scheme: scores.filter(pl.col("scheme") == scheme) for scheme in plans}
    compared = [
        _marked(compare(part, truth, parameters.seed), scheme)
        for scheme, part in by_scheme.items()
        if part["model"].n_unique() > 1
    ]
    nothing = pl.DataFrame(schema={"scheme": pl.String, **COMPARISON_SCHEMA})
    deciding = next(iter(plans))
    return Evaluation(
        leaderboard=leaderboard(joined["metrics"]),
        comparisons=pl.concat(compared) if compared else nothing,
        doubts=_marked(label_doubts(by_scheme[deciding], truth, parameters), deciding),
        **joined,
    )


def leaderboard(table: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each scheme and model of a table of metrics (see `Evaluation`)."""
    overall = table.filter(pl.col("class").is_null())
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


def _judged(
    result: CvResult, scheme: str, data: TrainingData, parameters: EvaluationParameters
) -> dict[str, pl.DataFrame]:
    """Return every table of one cross-validation, by its name in `Evaluation`."""
    truth, seed, draws = data.truth(), parameters.seed, parameters.bootstraps
    family_of = data.family_of()
    # A class that is its own family adds nothing, one that shares it does.
    in_families = len(set(family_of.values())) < len(family_of)
    found = metrics(result.scores, truth, seed, draws)
    if in_families:
        found = pl.concat([found, family_metrics(result.scores, truth, family_of, seed, draws)])
    tables = {
        "metrics": found,
        "scores": result.scores,
        "choices": result.choices,
        "calibrations": result.calibrations,
        "calibration_metrics": calibration_metrics(result, truth, parameters),
        "reliability": reliability_table(result.scores, truth, seed, draws),
        "confusions": confusion_table(result.scores, truth, family_of if in_families else None),
        "rejects": reject_curve(result.scores, truth, seed, draws),
    }
    return {name: _marked(table, scheme, result.model) for name, table in tables.items()}


def calibration_metrics(
    result: CvResult, truth: pl.DataFrame, parameters: EvaluationParameters
) -> pl.DataFrame:
    """Hold the ways to calibrate against each other (see `Evaluation`)."""
    own = metrics(result.scores, truth, parameters.seed, parameters.bootstraps)
    raw = own.filter(pl.col("metric").str.starts_with("raw_")).with_columns(
        pl.col("metric").str.strip_prefix("raw_")
    )
    tables = {"none": raw, USED: own}
    for (name,), part in result.calibrations.group_by("calibrator", maintain_order=True):
        scores = part.with_columns(raw_score="score")
        tables[str(name)] = metrics(scores, truth, parameters.seed, parameters.bootstraps)
    wanted = pl.col("metric").is_in(_CALIBRATION) & pl.col("class").is_null()
    return pl.concat(
        [
            table.filter(wanted).select(pl.lit(name).alias("calibrator"), pl.exclude("class"))
            for name, table in tables.items()
        ]
    )


def _marked(table: pl.DataFrame, scheme: str, model: str | None = None) -> pl.DataFrame:
    marks = [pl.lit(scheme).alias("scheme")]
    marks += [pl.lit(model).alias("model")] if model is not None else []
    return table.select(*marks, pl.all())
