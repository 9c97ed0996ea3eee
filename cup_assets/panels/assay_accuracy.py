"""How often a panel would be right if a technology measured it instead of an array.

Belongs here: the metrics of measured panels. Does not belong here: the choice of CpGs
(assay_folds), measuring and scoring (assay_scores), the noise itself (noise).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.measures import (
    HIGH_SCORE,
    Measured,
    Scored,
    measure_averages,
    measure_belief,
    measure_hits,
    ratio,
)
from cup_assets.classify.metrics import METRIC_SCHEMA, some_metrics
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay_folds import used_splits
from cup_assets.panels.assay_scores import Judge, of_panels
from cup_assets.panels.masked import Simulation
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import ARRAY, Technology

OF_CLASSES = ("recall", "precision")
ACCURACY_SCHEMA = {
    "technology": pl.String,
    "measured_by": pl.String,
    "measured": pl.Int64,
    "metric": pl.String,
    "class": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def measured_counts(panels: pl.DataFrame, shares: Sequence[float]) -> tuple[int, ...]:
    """Return the numbers of CpGs to judge: shares of the smallest panel of an outer fold."""
    outer = panels.filter(pl.col("inner_fold").is_null())
    least = int(outer.group_by("repeat", "outer_fold").len()["len"].min())  # type: ignore[arg-type]
    return tuple(sorted({max(1, math.floor(share * least + 1e-9)) for share in shares}))


def expected_accuracy(
    data: TrainingData,
    folds: pl.DataFrame,
    panels: pl.DataFrame,
    technology: Technology,
    measured: tuple[int, ...],
    parameters: PanelParameters,
    simulation: Simulation | None = None,
    evaluation: EvaluationParameters | None = None,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Judge the panels of the folds when only some of their CpGs are measured, and with noise.

    In each outer fold a light classifier learns from the clean betas of the training part, and from
    copies with CpGs hidden at random (`fit_masked`); its scores are calibrated on groups of the
    training part, each measured by the technology and scored by a panel chosen and a classifier
    fitted without it. The test samples are measured by the technology (`measured_by`), and of their
    panel only k CpGs, drawn anew for each sample, are used. A missing CpG is filled in by its mean
    in the training part.

    Parameters
    ----------
    data, folds, parameters
        As for `panel_curve`.
    panels
        (repeat, outer_fold, inner_fold, order, probe_id, amplicon), chosen in the training part of
        each fold, inner ones too, by `cup_assets.panels.assay_folds.fold_panels`.
    technology
    measured
        Numbers k of CpGs that are measured; some of these still give no value, by the technology's
        dropout.
    simulation, evaluation
        Default: `Simulation()`; of the calibrators, default: `EvaluationParameters()`.
    mapper, progress
        Run and report the outer folds.

    Returns
    -------
    pl.DataFrame
        (technology, measured_by, measured, metric, class, value, low, high): metrics pooled over
        folds and draws (`cup_assets.classify.metrics`), with 95 % bootstrap intervals over
        patients, measured by the technology and, as ``array``, of the same CpGs without its noise.
        Class is null but for `OF_CLASSES`.

    Raises
    ------
    PanelError
        Where a part has no panel, its panel fewer CpGs than are to be measured, or a CpG that its
        training samples do not know.
    ClassifyError
        Where folds and data do not fit.
    """
    if not measured or min(measured) < 1 or list(measured) != sorted(set(measured)):
        raise PanelError(f"measured is {measured}: give distinct numbers from 1, ascending")
    judge = Judge(
        of_panels(data, panels), panels, technology, measured, parameters,
        simulation or Simulation(), evaluation or EvaluationParameters(),
    )  # fmt: skip
    scores = pl.concat(mapper(judge.outer, used_splits(data, folds, parameters), progress))
    truth, frames = data.truth(), []
    for name in dict.fromkeys((ARRAY.name, technology.name)):
        for k in measured:
            some = scores.filter((pl.col("measured_by") == name) & (pl.col("measured") == k))
            frames.append(
                _metrics(some, truth, parameters).select(
                    pl.lit(technology.name).alias("technology"),
                    pl.lit(name).alias("measured_by"),
                    pl.lit(k, pl.Int64).alias("measured"),
                    *METRIC_SCHEMA,
                )
            )
    return pl.concat(frames)


def _metrics(
    scores: pl.DataFrame, truth: pl.DataFrame, parameters: PanelParameters
) -> pl.DataFrame:
    """Return the metrics of calibrated scores, and the log loss of those before calibration."""
    given = (parameters.seed, parameters.bootstraps)
    raw = some_metrics(scores.with_columns(score="raw_score"), truth, measure_belief, *given)
    raw = raw.filter(pl.col("metric") == "log_loss").with_columns(metric=pl.lit("raw_log_loss"))
    return pl.concat([some_metrics(scores, truth, _measure, *given), raw])


def _measure(scored: Scored) -> Iterator[Measured]:
    """Yield what decides about a panel; all metrics of the leaderboard would take minutes."""
    yield from measure_hits(scored)
    yield from measure_averages(scored)
    yield from measure_belief(scored)
    weights, called = scored.weights, scored.scores.argmax(axis=1)
    high, right = scored.scores.max(axis=1) >= HIGH_SCORE, called == scored.codes
    kept = weights @ high.astype(np.float64)
    sure = weights @ (high & right).astype(np.float64)
    yield Measured("precision_at_90", None, ratio(sure, kept), high)
    yield Measured("coverage_at_90", None, ratio(kept, weights.sum(axis=1)), np.ones_like(high))
    for code, name in enumerate(scored.classes):
        true, given = scored.codes == code, called == code
        hits = weights @ (true & given).astype(np.float64)
        for metric, among in zip(OF_CLASSES, (true, given), strict=True):
            yield Measured(metric, name, ratio(hits, weights @ among.astype(np.float64)), among)
