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
    weights, total = scored.weights, scored.weights.sum(axis=1)
    everyone = np.ones(len(correct), dtype=np.bool_)

    def mean(values: Floats) -> Floats:
        return ratio(weights @ values, total)

    yield Measured("accuracy", None, mean(correct), everyone)
    yield Measured("error", None, mean(1 - correct), everyone)
    yield from _averages(scored, predicted)
    yield Measured("auc_hand_till", None, _hand_till(scored))
    truth = np.eye(len(scored.classes))[scored.codes]
    yield Measured("brier", None, mean(((scored.scores - truth) ** 2).sum(axis=1)))
    yield Measured("log_loss", None, mean(log_losses(scored.scores, scored.codes)))
    in_bin = (bins_of(top)[:, None] == np.arange(BINS)).astype(np.float64)
    gaps = weights @ (in_bin * (top - correct)[:, None])
    yield Measured("ece", None, ratio(np.abs(gaps).sum(axis=1), total))
    yield Measured("coverage_at_99", None, _coverage(weights, top, correct, 0.99))
    kept = (top >= HIGH_SCORE).astype(np.float64)
    among = kept > 0
    yield Measured(
        "precision_at_90", None, ratio(weights @ (kept * correct), weights @ kept), among
    )
    yield Measured("coverage_at_90", None, mean(kept), everyone)
    for code in range(len(scored.classes)):
        yield from _of_class(scored, code, predicted, top)


def bins_of(top: Floats) -> Ints:
    """Return the bin of equal width, int64[n] in 0..BINS-1, that each score lies in."""
    return np.minimum((top * BINS).astype(np.int64), BINS - 1)


def _averages(scored: Scored, predicted: Ints) -> Iterator[Measured]:
    codes = np.arange(len(scored.classes))
    is_true = (scored.codes[:, None] == codes).astype(np.float64)
    is_predicted = (predicted[:, None] == codes).astype(np.float64)
    hits = scored.weights @ (is_true * is_predicted)
    actual, called = scored.weights @ is_true, scored.weights @ is_predicted
    f1 = ratio(2 * hits, actual + called)
    yield Measured("balanced_accuracy", None, mean_defined(ratio(hits, actual)))
    yield Measured("macro_f1", None, mean_defined(f1))
    weighted = np.where(actual > 0, f1, 0.0) * actual
    yield Measured("weighted_f1", None, ratio(weighted.sum(axis=1), actual.sum(axis=1)))


def _of_class(scored: Scored, code: int, predicted: Ints, top: Floats) -> Iterator[Measured]:
    name, score = scored.classes[code], scored.scores[:, code]
    true, called, high = scored.codes == code, predicted == code, top >= HIGH_SCORE

    def share(metric: str, part: Rows, among: Rows) -> Measured:
        counted = (part & among).astype(np.float64), among.astype(np.float64)
        values = ratio(scored.weights @ counted[0], scored.weights @ counted[1])
        return Measured(metric, name, values, among)

    def mean(metric: str, values: Floats, among: Rows) -> Measured:
        weights = scored.weights * among
        return Measured(metric, name, ratio(weights @ values, weights.sum(axis=1)))

    yield share("recall", called, true)
    yield share("precision", true, called)
    yield share("specificity", ~called, ~true)
    counts = [scored.weights @ part.astype(np.float64) for part in (true & called, true, called)]
    yield Measured("f1", name, ratio(2 * counts[0], counts[1] + counts[2]))
    yield mean("class_brier", (score - true) ** 2, np.ones_like(true))
    yield mean("class_log_loss", log_losses(scored.scores, scored.codes), true)
    yield share("class_precision_at_90", true, called & high)
    yield share("class_coverage_at_90", high, true)


def _hand_till(scored: Scored) -> Floats:
    """Mean over pairs of classes that both occur; NaN where no pair does."""
    pairs = []
    members = [np.flatnonzero(scored.codes == code) for code in range(len(scored.classes))]
    for i in range(len(members)):
        for j in range(i):
            if members[i].size and members[j].size:
                halves = [
                    _separation(scored.scores[:, a], members[a], members[b], scored.weights)
                    for a, b in ((i, j), (j, i))
                ]
                pairs.append((halves[0] + halves[1]) / 2)
    if not pairs:
        return np.full(len(scored.weights), np.nan)
    return mean_defined(np.array(pairs).T)


def _separation(score: Floats, of: Ints, other: Ints, weights: Floats) -> Floats:
    """Chance that a sample of a class scores higher than one of another, ties counting half."""
    above = (np.sign(score[of][:, None] - score[other][None, :]) + 1) / 2
    favourable = ((weights[:, of] @ above) * weights[:, other]).sum(axis=1)
    return ratio(favourable, weights[:, of].sum(axis=1) * weights[:, other].sum(axis=1))


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
