"""The metrics of the leaderboard, each written once, for weighted samples.

Belongs here: from scores, codes and weights to values. Does not belong here: tables, repeats and
intervals (`metrics`); definitions for readers stand there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.calibrate import log_losses
from cup_assets.classify.data import Floats, Ints

BINS = 10
HIGH_SCORE = 0.9
Rows = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores float64[n, k] of one repeat, true codes int64[n] and weights float64[draws, n].

    The first row of weights is the data itself, the others are bootstrap samples.
    """

    classes: list[str]
    scores: Floats
    codes: Ints
    weights: Floats


@dataclass(frozen=True, eq=False)
class Measured:
    """One metric.

    Attributes
    ----------
    name, of
        Metric, and the class it belongs to (None: all).
    values : float64[draws]
        NaN where undefined.
    among : bool[n] or None
        Where the metric is a share of samples: those among which it is counted.
    """

    name: str
    of: str | None
    values: Floats
    among: Rows | None = None


def measure(scored: Scored) -> Iterator[Measured]:
    """Yield every metric, the overall ones first."""
    predicted, top = scored.scores.argmax(axis=1), scored.scores.max(axis=1)
    correct = (predicted == scored.codes).astype(np.float64)
    weights = scored.weights
    yield from measure_hits(scored)
    yield from measure_averages(scored)
    yield Measured("auc_hand_till", None, _hand_till(scored))
    yield from measure_belief(scored)
    yield measure_coverage(scored)
    high = top >= HIGH_SCORE
    kept = weights @ high.astype(np.float64)
    yield Measured("precision_at_90", None, ratio(weights @ (high * correct), kept), high)
    everyone = np.ones_like(high)
    yield Measured("coverage_at_90", None, ratio(kept, weights.sum(axis=1)), everyone)
    yield from _of_classes(scored, predicted, top)


def measure_hits(scored: Scored) -> Iterator[Measured]:
    """Yield how often the class of the highest score is right, and how often wrong."""
    right = scored.scores.argmax(axis=1) == scored.codes
    total, everyone = scored.weights.sum(axis=1), np.ones_like(right)
    for name, hits in (("accuracy", right), ("error", ~right)):
        values = ratio(scored.weights @ hits.astype(np.float64), total)
        yield Measured(name, None, values, everyone)


def measure_belief(scored: Scored) -> Iterator[Measured]:
    """Yield the metrics of how far scores can be believed: what calibration is to better."""
    predicted, top = scored.scores.argmax(axis=1), scored.scores.max(axis=1)
    correct = (predicted == scored.codes).astype(np.float64)
    weights, total = scored.weights, scored.weights.sum(axis=1)
    squares = ((scored.scores - np.eye(len(scored.classes))[scored.codes]) ** 2).sum(axis=1)
    yield Measured("brier", None, ratio(weights @ squares, total))
    losses = log_losses(scored.scores, scored.codes)
    yield Measured("log_loss", None, ratio(weights @ losses, total))
    in_bin = (bins_of(top)[:, None] == np.arange(BINS)).astype(np.float64)
    gaps = weights @ (in_bin * (top - correct)[:, None])
    yield Measured("ece", None, ratio(np.abs(gaps).sum(axis=1), total))


def measure_coverage(scored: Scored) -> Measured:
    """Return the share of samples that a threshold can keep with an accuracy of .99."""
    top = scored.scores.max(axis=1)
    correct = (scored.scores.argmax(axis=1) == scored.codes).astype(np.float64)
    return Measured("coverage_at_99", None, _coverage(scored.weights, top, correct, 0.99))


def bins_of(top: Floats) -> Ints:
    """Return the bin of equal width, int64[n] in 0..BINS-1, that each score lies in."""
    return np.minimum((top * BINS).astype(np.int64), BINS - 1)


def measure_averages(scored: Scored) -> Iterator[Measured]:
    """Yield recall and F1, averaged over the classes."""
    predicted, codes = scored.scores.argmax(axis=1), np.arange(len(scored.classes))
    is_true = (scored.codes[:, None] == codes).astype(np.float64)
    is_predicted = (predicted[:, None] == codes).astype(np.float64)
    hits = scored.weights @ (is_true * is_predicted)
    actual, called = scored.weights @ is_true, scored.weights @ is_predicted
    f1 = ratio(2 * hits, actual + called)
    yield Measured("balanced_accuracy", None, mean_defined(ratio(hits, actual)))
    yield Measured("macro_f1", None, mean_defined(f1))
    weighted = np.where(actual > 0, f1, 0.0) * actual
    yield Measured("weighted_f1", None, ratio(weighted.sum(axis=1), actual.sum(axis=1)))


def _of_classes(scored: Scored, predicted: Ints, top: Floats) -> Iterator[Measured]:
    codes, weights = np.arange(len(scored.classes)), scored.weights
    true, called = scored.codes[:, None] == codes, predicted[:, None] == codes
    high = (top >= HIGH_SCORE)[:, None]
    losses = log_losses(scored.scores, scored.codes)[:, None]
    found: list[tuple[str, Floats, NDArray[np.bool_] | None]] = []

    def sums(values: NDArray[np.bool_] | Floats) -> Floats:
        return weights @ values.astype(np.float64)

    def share(metric: str, part: NDArray[np.bool_], among: NDArray[np.bool_]) -> None:
        found.append((metric, ratio(sums(part & among), sums(among)), among))

    share("recall", called, true)
    share("precision", true, called)
    share("specificity", ~called, ~true)
    found.append(("f1", ratio(2 * sums(true & called), sums(true) + sums(called)), None))
    squares = (scored.scores - true) ** 2
    found.append(("class_brier", ratio(sums(squares), sums(np.ones_like(true))), None))
    found.append(("class_log_loss", ratio(sums(losses * true), sums(true)), None))
    share("class_precision_at_90", true, called & high)
    share("class_coverage_at_90", np.broadcast_to(high, true.shape), true)
    for code, name in enumerate(scored.classes):
        for metric, values, among in found:
            yield Measured(metric, name, values[:, code], None if among is None else among[:, code])


def _hand_till(scored: Scored) -> Floats:
    """Mean over pairs of classes that both occur; NaN where no pair does."""
    weights, k = scored.weights, len(scored.classes)
    is_true = (scored.codes[:, None] == np.arange(k)).astype(np.float64)
    sizes = weights @ is_true
    separation = np.full((len(weights), k, k), np.nan)
    for code in np.unique(scored.codes):
        rows, score = np.flatnonzero(scored.codes == code), scored.scores[:, code]
        # Chance that a sample of the class scores higher than one of another, ties counting half.
        above = (np.sign(score[rows][:, None] - score) + 1) / 2
        favourable = ((weights[:, rows] @ above) * weights) @ is_true
        separation[:, code] = ratio(favourable, sizes[:, code, None] * sizes)
    first, second = np.triu_indices(k, 1)
    return mean_defined((separation[:, first, second] + separation[:, second, first]) / 2)


def _coverage(weights: Floats, top: Floats, correct: Floats, accuracy: float) -> Floats:
    order = np.argsort(-top, kind="stable")
    kept = weights[:, order].cumsum(axis=1)
    hits = (weights[:, order] * correct[order]).cumsum(axis=1)
    # A threshold keeps all samples of equal score or none of them.
    last_of_ties = np.append(np.diff(top[order]) != 0, True)
    # The margin forgives rounding: 99 of 100 is .99.
    reached = (hits >= (accuracy - 1e-12) * kept) & (kept > 0) & last_of_ties
    return ratio(np.where(reached, kept, 0.0).max(axis=1), weights.sum(axis=1))


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, giving NaN where the whole is not positive."""
    result = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def mean_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined: Rows = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))
