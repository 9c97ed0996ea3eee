"""How good the scores of a cross-validation are, with 95 % intervals.

Belongs here: the metrics of the leaderboard and their bootstrap. Does not belong here: how the
scores were made, pictures, the comparison of models.

Definitions (the prediction is the class of the highest score, the first in alphabetical order of
equals; raw_ metrics are computed from raw instead of calibrated scores):

- accuracy, error = 1 - accuracy; balanced_accuracy: mean recall over classes that occur.
- recall, precision, f1 per class; macro_f1 and weighted_f1: their mean, plain and by class size.
- auc_hand_till: mean over pairs of classes of the mean of A(i|j) and A(j|i), Hand and Till 2001.
- brier: mean over samples of the sum over classes of (score - truth)^2; from 0 to 2.
- log_loss: mean of -log(score of the true class), clipped at 1e-15.
- ece: expected calibration error over 10 bins of equal width of the highest score: the mean,
  weighted by the samples in a bin, of |mean score - accuracy|.
- coverage_at_99: the largest share of samples that a threshold on the highest score keeps with an
  accuracy of at least .99 among them; 0 where no threshold does.
- precision_at_90, coverage_at_90: accuracy among, and share of, samples whose highest score is at
  least .9.

Undefined values (the precision of a class never predicted, precision_at_90 of no sample) are null.
Each sample counts once per repeat; a metric is the mean over repeats. Intervals are percentiles
over bootstrap samples of patients, because samples of one patient are not independent; they are
null where the metric is undefined in more than a fifth of those, as for a class of one patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.calibrate import log_losses
from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.errors import ClassifyError

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
CLASS_METRICS = ("recall", "precision", "f1")
METRIC_SCHEMA = {
    "metric": pl.String,
    "class": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_BINS = 10
_LEAST_DEFINED = 0.8

Named = tuple[str, str | None, Floats]


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scores float64[n, k] of one repeat, true codes int64[n] and weights float64[draws, n].

    The first row of weights is the data itself, the others are bootstrap samples, so that every
    metric is written once, for weighted samples.
    """

    classes: list[str]
    scores: Floats
    codes: Ints
    weights: Floats


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
    Frame (metric, class, value, low, high); class is null but for recall, precision and f1.

    Raises
    ------
    ClassifyError
        Where a sample has no truth, its class no score, or scores are missing or doubled.
    """
    classes = sorted(scores["class"].unique().to_list())
    tables = [
        _table(part, truth, classes)
        for _, part in scores.sort("repeat").group_by("repeat", maintain_order=True)
    ]
    draws = _patient_draws(tables, bootstraps, seed)
    named: dict[tuple[str, str | None], list[Floats]] = {}
    for prefix, which in (("", 1), ("raw_", 0)):
        for table, weights in zip(tables, draws, strict=True):
            scored = _Scored(classes, table.scores[which], table.codes, weights)
            for name, of, values in _all_metrics(scored):
                named.setdefault((prefix + name, of), []).append(values)
    rows = [
        (name, of, *_summary(np.mean(repeats, axis=0))) for (name, of), repeats in named.items()
    ]
    return pl.DataFrame(rows, schema=METRIC_SCHEMA, orient="row")


@dataclass(frozen=True, eq=False)
class _Table:
    """Raw and calibrated scores float64[2, n, k], codes int64[n] and patients of one repeat."""

    scores: Floats
    codes: Ints
    patients: list[str]


def _table(part: pl.DataFrame, truth: pl.DataFrame, classes: list[str]) -> _Table:
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
    return _Table(
        np.array(both).reshape(2, len(samples), len(classes)),
        codes.astype(np.int64),
        joined["patient_id"].to_list(),
    )


def _patient_draws(tables: list[_Table], bootstraps: int, seed: int) -> list[Floats]:
    """Return weights float64[1 + bootstraps, n] per repeat, the same patients in all repeats."""
    patients = sorted({name for table in tables for name in table.patients})
    generator = np.random.default_rng(seed)
    chances = np.full(len(patients), 1 / len(patients))
    drawn = generator.multinomial(len(patients), chances, size=bootstraps)
    counts: Floats = np.vstack([np.ones(len(patients)), drawn])
    position = {name: index for index, name in enumerate(patients)}
    return [counts[:, [position[name] for name in table.patients]] for table in tables]


def _summary(values: Floats) -> tuple[float | None, float | None, float | None]:
    if np.isnan(values[0]):
        return None, None, None
    draws = values[1:][~np.isnan(values[1:])]
    if len(draws) == 0 or len(draws) < _LEAST_DEFINED * (len(values) - 1):
        return float(values[0]), None, None
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(values[0]), float(low), float(high)


def _all_metrics(scored: _Scored) -> Iterator[Named]:
    predicted, top = scored.scores.argmax(axis=1), scored.scores.max(axis=1)
    correct = (predicted == scored.codes).astype(np.float64)
    weights, total = scored.weights, scored.weights.sum(axis=1)

    def mean(values: Floats) -> Floats:
        return _ratio(weights @ values, total)

    yield "accuracy", None, mean(correct)
    yield "error", None, mean(1 - correct)
    yield from _per_class(scored, predicted)
    yield "auc_hand_till", None, _hand_till(scored)
    truth = np.eye(len(scored.classes))[scored.codes]
    yield "brier", None, mean(((scored.scores - truth) ** 2).sum(axis=1))
    yield "log_loss", None, mean(log_losses(scored.scores, scored.codes))
    bins = np.minimum((top * _BINS).astype(np.int64), _BINS - 1)
    in_bin = (bins[:, None] == np.arange(_BINS)).astype(np.float64)
    gaps = weights @ (in_bin * (top - correct)[:, None])
    yield "ece", None, _ratio(np.abs(gaps).sum(axis=1), total)
    yield "coverage_at_99", None, _coverage(weights, top, correct, 0.99)
    kept = (top >= 0.9).astype(np.float64)
    yield "precision_at_90", None, _ratio(weights @ (kept * correct), weights @ kept)
    yield "coverage_at_90", None, mean(kept)


def _per_class(scored: _Scored, predicted: Ints) -> Iterator[Named]:
    codes = np.arange(len(scored.classes))
    is_true = (scored.codes[:, None] == codes).astype(np.float64)
    is_predicted = (predicted[:, None] == codes).astype(np.float64)
    hits = scored.weights @ (is_true * is_predicted)
    actual, called = scored.weights @ is_true, scored.weights @ is_predicted
    found: dict[str, Floats] = {
        "recall": _ratio(hits, actual),
        "precision": _ratio(hits, called),
        "f1": _ratio(2 * hits, actual + called),
    }
    yield "balanced_accuracy", None, _mean_defined(found["recall"])
    yield "macro_f1", None, _mean_defined(found["f1"])
    weighted = np.where(actual > 0, found["f1"], 0.0) * actual
    yield "weighted_f1", None, _ratio(weighted.sum(axis=1), actual.sum(axis=1))
    for name in CLASS_METRICS:
        for index, of in enumerate(scored.classes):
            yield name, of, found[name][:, index]


def _hand_till(scored: _Scored) -> Floats:
    """Mean over pairs of classes that both occur; NaN where no pair does."""
    pairs = []
    members = [np.flatnonzero(scored.codes == code) for code in range(len(scored.classes))]
    half: Callable[[int, int], Floats] = lambda i, j: _separation(  # noqa: E731
        scored.scores[:, i], members[i], members[j], scored.weights
    )
    for i in range(len(members)):
        for j in range(i):
            if members[i].size and members[j].size:
                pairs.append((half(i, j) + half(j, i)) / 2)
    if not pairs:
        return np.full(len(scored.weights), np.nan)
    return _mean_defined(np.array(pairs).T)


def _separation(score: Floats, of: Ints, other: Ints, weights: Floats) -> Floats:
    """Chance that a sample of a class scores higher than one of another, ties counting half."""
    above = (np.sign(score[of][:, None] - score[other][None, :]) + 1) / 2
    favourable = ((weights[:, of] @ above) * weights[:, other]).sum(axis=1)
    return _ratio(favourable, weights[:, of].sum(axis=1) * weights[:, other].sum(axis=1))


def _coverage(weights: Floats, top: Floats, correct: Floats, accuracy: float) -> Floats:
    order = np.argsort(-top, kind="stable")
    kept = weights[:, order].cumsum(axis=1)
    hits = (weights[:, order] * correct[order]).cumsum(axis=1)
    # A threshold keeps all samples of equal score or none of them.
    last_of_ties = np.append(np.diff(top[order]) != 0, True)
    # The margin forgives rounding: 99 of 100 is .99.
    reached = (hits >= (accuracy - 1e-12) * kept) & (kept > 0) & last_of_ties
    return _ratio(np.where(reached, kept, 0.0).max(axis=1), weights.sum(axis=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    result = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _mean_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined: NDArray[np.bool_] = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))
