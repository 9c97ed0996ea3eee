"""How good the scores of a cross-validation are, with 95 % intervals.

Belongs here: the metrics of the leaderboard, per class and per family, from tables of scores, and
their intervals. Does not belong here: how the scores were made, the arithmetic (`measures`),
pictures, the comparison of models (`comparison`).

Definitions (the prediction is the class of the highest score, the first in alphabetical order of
equals; raw_ metrics are computed from raw instead of calibrated scores):

- accuracy, error = 1 - accuracy; balanced_accuracy: mean recall over classes that occur.
- macro_f1 and weighted_f1: mean F1 over classes, plain and by class size.
- auc_hand_till: mean over pairs of classes of the mean of A(i|j) and A(j|i), Hand and Till 2001.
- brier: mean over samples of the sum over classes of (score - truth)^2; from 0 to 2, as Capper
  2018 and Maros 2020 use it (twice the Brier score of binary forecasts).
- log_loss: mean of -log(score of the true class), clipped at 1e-15.
- ece: expected calibration error over 10 bins of equal width of the highest score: the mean,
  weighted by the samples in a bin, of |mean score - accuracy|.
- coverage_at_99: the largest share of samples that a threshold on the highest score keeps with an
  accuracy of at least .99 among them; 0 where no threshold does.
- precision_at_90, coverage_at_90: accuracy among, and share of, samples whose highest score is at
  least .9.

Per class: recall, precision, specificity, f1; class_brier: mean over all samples of (score of the
class - truth)^2, from 0 to 1, so that the sum over classes is brier; class_log_loss: log_loss of
the samples of the class; class_precision_at_90: share that is right of the samples called this
class at .9 or more; class_coverage_at_90: share of the samples of the class whose highest score is
at least .9.

Per family (`family_metrics`): the same with the prefix family_, of the sums of the scores of a
family's classes, and the family's name in the place of the class.

Undefined values (the precision of a class never predicted, precision_at_90 of no sample) are null.
Each sample counts once per repeat; a metric is the mean over the repeats in which it is defined.
Intervals are percentiles over bootstrap samples of patients (`bootstrap`); a share of exactly 0 or
1 has the exact binomial interval over patients instead, because the bootstrap would call it
certain. Other intervals are null where the metric is undefined in more than a fifth of the draws,
as the F1 of a class of one patient, or the same in every draw, such as a macro F1 of exactly 1.
An interval that would leave its own value out reaches to it: the ece of a draw is that of noisier
bins, so that all but a few draws can lie above the ece of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import patient_weights, percentile_interval, share_interval
from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.measures import Measured, Scored, mean_defined, measure

Measures = Callable[[Scored], Iterator[Measured]]

METRICS = (
    "accuracy",
    "error",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "auc_hand_till",
    "brier",
    "log_loss",
    "ece",
    "coverage_at_99",
    "precision_at_90",
    "coverage_at_90",
)
CLASS_METRICS = (
    "recall",
    "precision",
    "specificity",
    "f1",
    "class_brier",
    "class_log_loss",
    "class_precision_at_90",
    "class_coverage_at_90",
)
METRIC_SCHEMA = {
    "metric": pl.String,
    "class": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
# Less than this is the rounding of one and the same number.
_NO_SPREAD = 1e-12


def metrics(
    scores: pl.DataFrame, truth: pl.DataFrame, seed: int, bootstraps: int = 500
) -> pl.DataFrame:
    """Hold scores against the truth.

    Parameters
    ----------
    scores
        Frame (repeat, sample_id, class, raw_score, score), a row for each sample and class.
    truth
        Frame (sample_id, class and, where samples share patients, patient_id); may hold samples
        that were not scored.
    seed, bootstraps
        Of the intervals.

    Returns
    -------
    Frame (metric, class, value, low, high); class is null but for `CLASS_METRICS`.

    Raises
    ------
    ClassifyError
        Where there are no scores, a sample has no truth, its class no score, or scores are missing
        or doubled.
    """
    classes, tables = scored_tables(scores, truth)
    found = _summed_up(classes, tables, seed, bootstraps, measure, {"": 1, "raw_": 0})
    return pl.DataFrame(found, schema=METRIC_SCHEMA, orient="row")


def some_metrics(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    measures: Measures,
    seed: int,
    bootstraps: int = 500,
) -> pl.DataFrame:
    """Hold the column ``score`` against the truth by some of the metrics only.

    Parameters
    ----------
    scores, truth, seed, bootstraps
        As for `metrics`; no ``raw_score`` is needed.
    measures
        Yields the metrics, such as `cup_assets.classify.measures.measure_belief`.

    Returns
    -------
    Frame (metric, class, value, low, high).

    Raises
    ------
    ClassifyError
        As `metrics`.
    """
    classes, tables = scored_tables(scores.with_columns(raw_score="score"), truth)
    found = _summed_up(classes, tables, seed, bootstraps, measures, {"": 1})
    return pl.DataFrame(found, schema=METRIC_SCHEMA, orient="row")


def family_metrics(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    seed: int,
    bootstraps: int = 500,
) -> pl.DataFrame:
    """Hold the scores of families against the truth.

    Parameters
    ----------
    scores, truth, seed, bootstraps
        As for `metrics`.
    family_of
        Family of each class.

    Returns
    -------
    Frame (metric, class, value, low, high), every metric with family_ before its name (raw_family_
    for those of raw scores); ``class`` holds the family.

    Raises
    ------
    ClassifyError
        As `metrics`, and where a class has no family.
    """
    by_family, known = to_families(scores, truth, family_of)
    found = metrics(by_family, known, seed, bootstraps)
    return found.with_columns(pl.col("metric").str.replace(r"^(raw_)?", "${1}family_"))


def to_families(
    scores: pl.DataFrame, truth: pl.DataFrame, family_of: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return scores and truth of families, in the form of those of classes.

    A family's score is the sum of its classes' scores, as in a call.
    """
    classes = {*scores["class"].unique().to_list(), *truth["class"].unique().to_list()}
    if homeless := sorted(classes - set(family_of)):
        raise ClassifyError(f"class {homeless[0]!r} has no family: add it to the taxonomy")
    family = pl.col("class").replace_strict(dict(family_of), return_dtype=pl.String)
    summed = (
        scores.sort("repeat", "sample_id", "class")
        .with_columns(family)
        .group_by("repeat", "sample_id", "class", maintain_order=True)
        .agg(pl.col("raw_score", "score").sum())
    )
    return summed, truth.with_columns(family)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Raw and calibrated scores float64[2, n, k], codes int64[n] and patients of one repeat."""

    repeat: int
    sample_ids: list[str]
    scores: Floats
    codes: Ints
    patients: list[str]


def scored_tables(scores: pl.DataFrame, truth: pl.DataFrame) -> tuple[list[str], list[ScoreTable]]:
    """Return the classes, sorted, and a table for each repeat, its samples sorted.

    Raises
    ------
    ClassifyError
        As `metrics`.
    """
    if scores.is_empty():
        raise ClassifyError("there are no scores to judge")
    classes = sorted(scores["class"].unique().to_list())
    parts = scores.sort("repeat").partition_by("repeat", maintain_order=True)
    return classes, [_table(part, truth, classes) for part in parts]


def _table(part: pl.DataFrame, truth: pl.DataFrame, classes: list[str]) -> ScoreTable:
    samples = part["sample_id"].unique().sort()
    complete = len(part) == len(samples) * len(classes)
    if not complete or part.select("sample_id", "class").is_duplicated().any():
        raise ClassifyError("scores need one row for each sample and class in each repeat")
    if "patient_id" not in truth.columns:
        truth = truth.with_columns(pl.col("sample_id").alias("patient_id"))
    known = truth.select(
        "sample_id", "class", pl.coalesce("patient_id", "sample_id").alias("patient_id")
    )
    joined = samples.to_frame().join(known, on="sample_id", how="left", maintain_order="left")
    unscored = joined.filter(~pl.col("class").is_in(classes).fill_null(False))
    if len(unscored) or len(joined) != len(samples):
        name = unscored["sample_id"][0] if len(unscored) else "more than one"
        raise ClassifyError(f"sample {name!r} has no single true class among the scored classes")
    ordered = part.sort("sample_id", "class")
    both = [ordered[column].to_numpy() for column in ("raw_score", "score")]
    codes = np.searchsorted(np.array(classes), np.array(joined["class"].to_list()))
    return ScoreTable(
        int(part["repeat"][0]),
        samples.to_list(),
        np.array(both).reshape(2, len(samples), len(classes)),
        codes.astype(np.int64),
        joined["patient_id"].to_list(),
    )


def _summed_up(
    classes: list[str],
    tables: list[ScoreTable],
    seed: int,
    bootstraps: int,
    measures: Measures,
    kinds: Mapping[str, int],
) -> list[tuple[str, str | None, float | None, float | None, float | None]]:
    """Measure scores of each kind (prefix -> place in the table) in every draw of patients."""
    draws = patient_weights([table.patients for table in tables], bootstraps, seed)
    found: dict[tuple[str, str | None], _Metric] = {}
    for prefix, which in kinds.items():
        for table, weights in zip(tables, draws, strict=True):
            patients = np.array(table.patients)
            for one in measures(Scored(classes, table.scores[which], table.codes, weights)):
                metric = found.setdefault((prefix + one.name, one.of), _Metric([], None))
                metric.repeats.append(one.values)
                if one.among is not None:
                    metric.patients = (metric.patients or set()) | set(patients[one.among])
    return [(name, of, *metric.summary()) for (name, of), metric in found.items()]


@dataclass(eq=False)
class _Metric:
    """Values float64[draws] of each repeat; of a share, the patients among whom it is counted."""

    repeats: list[Floats]
    patients: set[str] | None

    def summary(self) -> tuple[float | None, float | None, float | None]:
        values = mean_defined(np.array(self.repeats).T)
        if np.isnan(values[0]):
            return None, None, None
        value, draws = float(values[0]), values[1:]
        if self.patients is not None:
            return value, *share_interval(value, draws, len(self.patients))
        if np.nanmax(draws, initial=-np.inf) - np.nanmin(draws, initial=np.inf) < _NO_SPREAD:
            return value, None, None
        low, high = percentile_interval(draws)
        if low is None or high is None:
            return value, None, None
        return value, min(low, value), max(high, value)
