"""Random forest whose every tree sees the classes in equal numbers.

Belongs here: drawing the samples of a tree, growing the trees and scoring with them. Does not
belong here: importance or explanation of the trees.

Balancing as in the Heidelberg brain classifier (Capper et al. 2018), which draws for each tree as
many samples from every class as the smallest class has: under ``class_weight``, a tree is grown on
d samples drawn with replacement from each class, d being the size of the smallest class but at
least ``forest_draws``, because a handful of samples makes no tree. Under the other strategies
(``none``, ``down_sample``, ``smote``) a tree gets an ordinary bootstrap sample of what they leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.base import (
    Arrays,
    Candidate,
    Model,
    ModelSpec,
    TrainingSet,
)
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced

_ARRAYS = ("roots", "feature", "threshold", "left", "right", "value", "cover")


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as flat arrays over all their nodes.

    Attributes
    ----------
    roots : int64[t]
        First node of each tree.
    feature : int64[nodes]
        Column compared at a node; -1 at a leaf.
    threshold : float64[nodes]
        A value at most this goes left.
    left, right : int64[nodes]
        Children.
    value : float64[nodes, k]
        Share of each class among a node's drawn samples.
    cover : int32[nodes]
        Drawn samples that reached a node: no score needs them, but explanations do.
    """

    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    cover: NDArray[np.int32]

    def scores(self, features: Features) -> Floats:
        """Return the mean over trees of the leaves' class shares, float64[n, k]."""
        node = np.tile(self.roots, (len(features), 1))
        row = np.arange(len(features))[:, None]
        while (inner := self.feature[node] >= 0).any():
            goes_left = features[row, self.feature[node]] <= self.threshold[node]
            child = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(inner, child, node)
        # Summed sample by sample: the order of additions must not depend on the batch.
        votes = [self.value[leaves].sum(axis=0) for leaves in node]
        return np.array(votes).reshape(-1, self.value.shape[1]) / len(self.roots)

    def arrays(self) -> Arrays:
        """Return the flat arrays."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """Rebuild from `arrays`."""
        return cls(**{name: arrays[name] for name in _ARRAYS})


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    training, _ = balanced(training, parameters.strategy, seed)
    draws = None
    if parameters.strategy == "class_weight":
        sizes = np.bincount(training.codes)
        draws = max(int(sizes[sizes > 0].min()), parameters.forest_draws)
    p = training.features.shape[1]
    return [
        _grow(
            training,
            parameters.trees,
            draws,
            max(1, min(p, round(candidate["features"] * p**0.5))),
            seed,
        )
        for candidate in candidates
    ]


def _grow(training: TrainingSet, trees: int, draws: int | None, tried: int, seed: int) -> Forest:
    from sklearn import config_context
    from sklearn.tree import DecisionTreeClassifier

    members = [
        rows
        for code in range(training.n_classes)
        if (rows := np.flatnonzero(training.codes == code)).size
    ]
    generator = np.random.default_rng(seed)
    grown = []
    # The features are known to be finite float32; checking them takes as long as the tree.
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for _ in range(trees):
            if draws is None:
                rows = generator.integers(len(training.codes), size=len(training.codes))
            else:
                rows = np.concatenate([generator.choice(of, draws) for of in members])
            tree = DecisionTreeClassifier(
                max_features=tried, random_state=int(generator.integers(2**31))
            )
            tree.fit(training.features[rows], training.codes[rows], check_input=False)
            grown.append((tree.tree_, tree.classes_))
    return _flatten(grown, training.n_classes)


def _flatten(grown: list[tuple[Any, Ints]], n_classes: int) -> Forest:
    roots = np.cumsum([0, *(tree.node_count for tree, _ in grown)])
    value = np.zeros((roots[-1], n_classes))
    for start, (tree, classes) in zip(roots, grown, strict=False):
        value[start : start + tree.node_count, classes] = tree.value[:, 0, :]
    leaf = np.concatenate([tree.children_left for tree, _ in grown]) < 0
    offset = np.repeat(roots[:-1], np.diff(roots))
    joined = {
        name: np.concatenate([getattr(tree, name) for tree, _ in grown])
        for name in ("feature", "threshold", "children_left", "children_right")
    }
    return Forest(
        roots=roots[:-1].astype(np.int64),
        feature=np.where(leaf, -1, joined["feature"]).astype(np.int64),
        threshold=joined["threshold"].astype(np.float64),
        left=np.where(leaf, 0, joined["children_left"] + offset).astype(np.int64),
        right=np.where(leaf, 0, joined["children_right"] + offset).astype(np.int64),
        value=value / value.sum(axis=1, keepdims=True),
        cover=np.concatenate([tree.n_node_samples for tree, _ in grown]).astype(np.int32),
    )


RANDOM_FOREST = ModelSpec(
    name="random_forest",
    candidates=lambda parameters: tuple(
        {"features": m} for m in sorted(parameters.forest_features)
    ),
    fit=_fit,
    load=Forest.load,
    # Half a tree's vote: what no tree voted for is not impossible, only rarer than one in t.
    floor=lambda parameters: 0.5 / parameters.trees,
)
