"""Contributions of features to ensembles of trees: exact, path-dependent TreeSHAP.

Belongs here: Shapley values of boosted trees (by XGBoost itself) and of the forest. Does not belong
here: growing trees, models of other kinds.

The value of a set S of known features is what a tree gives where a split on a feature of S is
followed and any other is followed both ways, in the shares of the training samples that went there
(Lundberg et al. 2020). The Shapley value is the integral over q from 0 to 1 of what a feature adds
when each other one is known with probability q (Owen 1972). For a leaf of d different features on
its path that is a polynomial of degree d - 1 in q, which Gauss and Legendre's rule with d / 2 nodes
integrates exactly; all its factors are positive, so that nothing is lost to cancellation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cup_assets.classify.calibrate import Calibrator
from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain_linear import CalibratedLogits
from cup_assets.classify.models.random_forest import Forest
from cup_assets.classify.models.xgboost import BoostedTrees


@dataclass(frozen=True, eq=False)
class BoostedExplainer:
    """Shapley values of the trees' sums, turned into those of calibrated logits.

    XGBoost computes them in single precision.
    """

    booster: Any
    model: BoostedTrees
    base: Floats
    decision: CalibratedLogits
    method: str = "tree_shap"
    quantity: str = "calibrated_logit"

    def contributions(self, row: Features) -> Floats:
        """Return what each feature adds for each class, float64[p, k]."""
        result = np.zeros((len(row), self.model.n_classes))
        result[self.model.columns] = self._margins(row)[:, :-1].T @ self.decision.matrix
        return result

    def _margins(self, row: Features) -> Floats:
        return _booster_contributions(self.booster, row[self.model.columns])

    def output(self, row: Features) -> Floats:
        """Return the calibrated logits float64[k] by way of the model's own scores."""
        return self.decision.output(row)


def explain_boosted_trees(model: BoostedTrees, calibrator: Calibrator) -> BoostedExplainer:
    """Explain boosted trees by the samples that went each way in training."""
    import xgboost

    if len(model.present) < model.n_classes:
        raise ClassifyError("a class without samples in training cannot be explained")
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(model.booster))
    decision = CalibratedLogits.of(model, calibrator)
    # What is left where nothing is known does not depend on the sample.
    nothing = np.zeros(len(model.columns), dtype=np.float32)
    margins = _booster_contributions(booster, nothing)[:, -1]
    return BoostedExplainer(booster, model, decision.logits(margins), decision)


def _booster_contributions(booster: Any, row: Features) -> Floats:
    """Return float64[k, q + 1]: the columns' contributions to each margin, then the rest."""
    import xgboost

    rows = xgboost.DMatrix(np.ascontiguousarray(row[None]), nthread=1)
    return np.asarray(booster.predict(rows, pred_contribs=True)[0], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Paths:
    """The leaves of a forest and what leads to them.

    Attributes
    ----------
    starts : int64[leaves + 1]
        Where the conditions of each leaf begin; there is one for each different feature.
    feature : int64[conditions]
    low, high : float64[conditions]
        The leaf is reached by values above ``low`` that are at most ``high``.
    share : float64[conditions]
        Share of the training samples that went the leaf's way at the splits on the feature.
    value : float64[leaves, k]
    """

    starts: Ints
    feature: Ints
    low: Floats
    high: Floats
    share: Floats
    value: Floats


@dataclass(frozen=True, eq=False)
class ForestExplainer:
    """Shapley values of the share of votes."""

    model: Forest
    paths: Paths
    rules: tuple[Floats, Floats]
    base: Floats
    method: str = "tree_shap"
    quantity: str = "raw_score"

    def contributions(self, row: Features) -> Floats:
        """Return what each feature adds for each class, float64[p, k]."""
        paths, result = self.paths, np.zeros((len(row), self.model.value.shape[1]))
        _compiled()(
            row.astype(np.float64), paths.starts, paths.feature, paths.low, paths.high,
            paths.share, paths.value, *self.rules, result,
        )  # fmt: skip
        return result / len(self.model.roots)

    def output(self, row: Features) -> Floats:
        """Return the shares of votes float64[k]."""
        return np.asarray(self.model.scores(row[None])[0])


def explain_forest(model: Forest) -> ForestExplainer:
    """Explain a forest by the samples that went each way in training."""
    paths = forest_paths(model)
    reached = np.ones(len(paths.value))
    on_way = np.diff(paths.starts) > 0
    # A leaf that is a whole tree has no conditions and is always reached.
    if on_way.any():
        reached[on_way] = np.multiply.reduceat(paths.share, paths.starts[:-1][on_way])
    base = (reached[:, None] * paths.value).sum(axis=0) / len(model.roots)
    longest = int(np.diff(paths.starts).max(initial=1))
    return ForestExplainer(model, paths, _rules(longest), base)


def forest_paths(model: Forest) -> Paths:
    """Follow every leaf up to its root, and join the splits on the same feature."""
    inner = np.flatnonzero(model.feature >= 0)
    parent = np.full(len(model.feature), -1, dtype=np.int64)
    parent[model.left[inner]] = inner
    parent[model.right[inner]] = inner
    leaves = np.flatnonzero(model.feature < 0)
    number, node = np.arange(len(leaves)), leaves
    steps: list[tuple[Ints, Ints, Ints]] = []
    while len(node):
        above = parent[node]
        number, node, above = number[above >= 0], node[above >= 0], above[above >= 0]
        steps.append((number, node, above))
        node = above
    leaf, below, split = (np.concatenate([step[part] for step in steps]) for part in range(3))
    feature, threshold = model.feature[split], model.threshold[split]
    goes_left = model.left[split] == below
    share = model.cover[below] / model.cover[split]
    # The stable sort keeps the order of the splits, and with it the last bit of the products.
    order = np.lexsort((feature, leaf))
    leaf, feature = leaf[order], feature[order]
    first = np.flatnonzero(np.diff(leaf, prepend=-1) | np.diff(feature, prepend=-1))

    def joined(function: np.ufunc, values: Floats) -> Floats:
        return np.asarray(function.reduceat(values[order], first)) if len(first) else np.empty(0)

    return Paths(
        starts=np.searchsorted(leaf[first], np.arange(len(leaves) + 1)).astype(np.int64),
        feature=feature[first],
        low=joined(np.maximum, np.where(goes_left, -np.inf, threshold)),
        high=joined(np.minimum, np.where(goes_left, threshold, np.inf)),
        share=joined(np.multiply, share),
        value=model.value[leaves],
    )


def _rules(longest: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on 0..1, float64[g + 1, g]: row i is the rule of i nodes."""
    most = (longest + 1) // 2
    nodes, weights = np.zeros((most + 1, most)), np.zeros((most + 1, most))
    for number in range(1, most + 1):
        at, share = np.polynomial.legendre.leggauss(number)
        nodes[number, :number], weights[number, :number] = (at + 1) / 2, share / 2
    return nodes, weights


@cache
def _compiled() -> Callable[..., None]:
    """Compile the loops on first use; it takes seconds, and few processes explain forests."""
    import numba

    return numba.njit(_add_leaves)  # type: ignore[no-any-return]


def _add_leaves(
    row: Floats, starts: Ints, feature: Ints, low: Floats, high: Floats, share: Floats,
    value: Floats, nodes: Floats, weights: Floats, result: Floats,
) -> None:  # fmt: skip
    """Add each leaf's Shapley values to ``result`` float64[p, k].

    With the features of S known, a leaf counts with the product of the shares of the features
    outside S, if the sample meets its conditions on all features of S, and else not at all. A
    condition that is not met thus takes away, whatever is known beside it, all that is left.
    """
    longest = 2 * nodes.shape[1]
    met, gain = np.zeros(longest, dtype=np.bool_), np.zeros(longest)
    for leaf in range(len(starts) - 1):
        start, d = starts[leaf], starts[leaf + 1] - starts[leaf]
        failed, unmet = 0, 1.0
        for i in range(d):
            at = row[feature[start + i]]
            met[i] = low[start + i] < at and at <= high[start + i]
            gain[i] = 0.0
            if not met[i]:
                failed += 1
                unmet *= share[start + i]
        loss, number = 0.0, (d + 1) // 2
        for node in range(number):
            q = nodes[number, node]
            product = weights[number, node] * unmet * (1.0 - q) ** failed
            for i in range(d):
                if met[i]:
                    product *= q + (1.0 - q) * share[start + i]
            for i in range(d):
                if met[i]:
                    gain[i] += product / (q + (1.0 - q) * share[start + i])
            if failed:
                loss += product / (1.0 - q)
        for i in range(d):
            own = (1.0 - share[start + i]) * gain[i] if met[i] else -loss
            for code in range(value.shape[1]):
                if value[leaf, code] != 0.0:
                    result[feature[start + i], code] += own * value[leaf, code]
