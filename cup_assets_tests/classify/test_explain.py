"""Contributions are held against their definition, computed by brute force."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

from cup_assets.classify.calibrate import fit_calibrator
from cup_assets.classify.data import Features, Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain import (
    EXPLAINERS,
    Background,
    Explainer,
    draw_background,
    explainer,
    kept_background,
)
from cup_assets.classify.explain_trees import BoostedExplainer, ForestExplainer
from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.kernel import KernelModel
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.models.neural_network import Network
from cup_assets.classify.models.random_forest import Forest
from cup_assets.classify.tuned import TunedClassifier
from cup_assets_tests.classify.synthetic import QUICK

P, K = 6, 3
CANDIDATES: dict[str, tuple[str, dict[str, float]]] = {
    "logistic": ("logistic_regression", {"C": 100.0}),
    "elastic net": ("logistic_regression", {"l1": 0.05}),
    "linear svm": ("svm", {"C": 1.0}),
    "rbf svm": ("svm", {"C": 1.0, "gamma": 0.5}),
    "xgboost": ("xgboost", {"rounds": 4, "depth": 3, "rate": 0.3}),
    "network": ("neural_network", {"hidden": 8, "dropout": 0.25}),
    "forest": ("random_forest", {"features": 1.0}),
}


@pytest.fixture(scope="module")
def features() -> Features:
    """Return 90 samples of three overlapping classes, so that trees grow deep."""
    generator = np.random.default_rng(5)
    centres = generator.uniform(0.3, 0.7, (K, P))
    values = centres[np.arange(90) % K] + generator.normal(0, 0.15, (90, P))
    return np.asarray(np.clip(values, 0, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def classifiers(features: Features) -> dict[str, TunedClassifier]:
    return {name: fitted(features, *CANDIDATES[name]) for name in CANDIDATES}


def fitted(features: Features, model: str, candidate: dict[str, float]) -> TunedClassifier:
    """Fit a model, and a calibrator on scores that are not held out, which is good enough here."""
    spec = MODELS[model]
    codes = np.arange(len(features)) % K
    (own,) = spec.fit(TrainingSet(features, codes, K), [candidate], QUICK, 1)
    groups = np.arange(len(features)) // K % 3
    calibrator = fit_calibrator(own.scores(features), codes, groups, QUICK, spec.floor(QUICK))
    names = np.array(["a", "b", "c"])
    return TunedClassifier(names, None, own, calibrator, candidate)  # type: ignore[arg-type]


def explained(classifier: TunedClassifier, features: Features) -> Explainer:
    return explainer(classifier, draw_background(features, seed=1, size=10))


def shapley(value: Callable[[frozenset[int]], Floats]) -> Floats:
    """Return the Shapley values float64[P, K] of a game of P players, by their definition."""
    result = np.zeros((P, K))
    for player in range(P):
        others = [other for other in range(P) if other != player]
        for size in range(P):
            weight = factorial(size) * factorial(P - size - 1) / factorial(P)
            for chosen in combinations(others, size):
                known = frozenset(chosen)
                result[player] += weight * (value(known | {player}) - value(known))
    return result


@pytest.mark.parametrize("name", sorted(CANDIDATES))
def test_contributions_add_up_to_the_score_that_is_explained(
    classifiers: dict[str, TunedClassifier], features: Features, name: str
) -> None:
    own = explained(classifiers[name], features)
    for row in features[:20]:
        whole = own.base + own.contributions(row).sum(axis=0)
        np.testing.assert_allclose(
            whole, own.output(row), atol=1e-5 if name == "xgboost" else 1e-11
        )
        raw, score = classifiers[name].scores(row[None])
        if own.quantity == "raw_score":
            np.testing.assert_allclose(whole, raw[0], atol=1e-12)
        else:  # the very score that the leaderboard judges
            powers = np.exp(whole - whole.max())
            np.testing.assert_allclose(powers / powers.sum(), score[0], atol=1e-6)


@pytest.mark.parametrize("name", ["logistic", "elastic net", "linear svm"])
def test_contributions_to_a_linear_model_are_shapley_values(
    classifiers: dict[str, TunedClassifier], features: Features, name: str
) -> None:
    classifier = classifiers[name]
    own = explained(classifier, features)
    mean = features.astype(np.float64).mean(axis=0)
    for row in features[:3]:

        def value(known: frozenset[int], row: Features = row) -> Floats:
            mixed = np.array([row[i] if i in known else mean[i] for i in range(P)])
            return own.output(mixed)

        np.testing.assert_allclose(own.contributions(row), shapley(value), atol=1e-9)


@pytest.mark.parametrize("strategy", ["class_weight", "none"])
def test_contributions_to_a_forest_are_shapley_values_of_its_trees(
    features: Features, strategy: str
) -> None:
    codes = np.arange(90) % K
    parameters = replace(QUICK, trees=5, strategy=strategy, forest_draws=30)
    (forest,) = MODELS["random_forest"].fit(
        TrainingSet(features, codes, K), [{"features": 1.0}], parameters, 2
    )
    assert isinstance(forest, Forest)
    depth = depths(forest)
    assert depth.max() > P  # so that a path asks for one feature again
    own = EXPLAINERS[Forest](forest, None, None)  # type: ignore[arg-type]
    assert isinstance(own, ForestExplainer)
    for row in features[:3]:

        def value(known: frozenset[int], row: Features = row) -> Floats:
            each = [expected(forest, int(root), row, known) for root in forest.roots]
            return np.asarray(np.mean(each, axis=0))

        np.testing.assert_allclose(own.contributions(row), shapley(value), atol=1e-12)
        np.testing.assert_allclose(own.base, value(frozenset()), atol=1e-12)


def expected(forest: Forest, node: int, row: Features, known: frozenset[int]) -> Floats:
    """Return what a tree gives where only some features are known."""
    if forest.feature[node] < 0:
        return np.asarray(forest.value[node])
    left, right = int(forest.left[node]), int(forest.right[node])
    if forest.feature[node] in known:
        goes_left = row[forest.feature[node]] <= forest.threshold[node]
        return expected(forest, left if goes_left else right, row, known)
    share = forest.cover[left] / forest.cover[node]
    ways = (expected(forest, child, row, known) for child in (left, right))
    return np.asarray(share * next(ways) + (1 - share) * next(ways))


def depths(forest: Forest) -> np.ndarray:
    depth = np.zeros(len(forest.feature), dtype=int)
    for node in np.flatnonzero(forest.feature >= 0):  # a child comes after its parent
        depth[[forest.left[node], forest.right[node]]] = depth[node] + 1
    return depth


def test_a_forest_of_leaves_only_has_nothing_to_explain() -> None:
    forest = Forest(
        roots=np.array([0]), feature=np.array([-1]), threshold=np.zeros(1),
        left=np.array([0]), right=np.array([0]), value=np.array([[0.25, 0.75]]),
        cover=np.array([4], dtype=np.int32),
    )  # fmt: skip
    own = EXPLAINERS[Forest](forest, None, None)  # type: ignore[arg-type]
    row = np.array([0.5], dtype=np.float32)
    assert own.contributions(row).tolist() == [[0.0, 0.0]]
    assert own.base.tolist() == [0.25, 0.75]


def test_a_value_on_the_threshold_goes_the_way_that_the_forest_sends_it() -> None:
    forest = Forest(
        roots=np.array([0]), feature=np.array([0, -1, -1]), threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, 0, 0]), right=np.array([2, 0, 0]),
        value=np.array([[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]]),
        cover=np.array([4, 1, 3], dtype=np.int32),
    )  # fmt: skip
    own = EXPLAINERS[Forest](forest, None, None)  # type: ignore[arg-type]
    for value, wanted in ((0.5, [0.75, -0.75]), (np.nextafter(np.float32(0.5), 1), [-0.25, 0.25])):
        row = np.array([value], dtype=np.float32)
        assert own.contributions(row).tolist() == [wanted]
        assert (own.base + wanted == forest.scores(row[None])[0]).all()


def test_contributions_to_boosted_trees_are_shapley_values_of_calibrated_logits(
    classifiers: dict[str, TunedClassifier], features: Features
) -> None:
    own = explained(classifiers["xgboost"], features)
    assert isinstance(own, BoostedExplainer)
    trees = [json.loads(tree) for tree in own.booster.get_dump(dump_format="json", with_stats=True)]
    for row in features[:3]:

        def value(known: frozenset[int], row: Features = row) -> Floats:
            margins = np.zeros(K)
            for number, tree in enumerate(trees):
                margins[number % K] += walked(tree, row[own.model.columns], known)
            return own.decision.logits(margins)

        columns = own.model.columns
        assert len(columns) == P
        found = own.contributions(row)[columns]
        np.testing.assert_allclose(found, shapley(value), atol=1e-5)


def walked(node: dict[str, Any], row: Features, known: frozenset[int]) -> float:
    """Return what one of XGBoost's trees gives where only some features are known."""
    if "leaf" in node:
        return float(node["leaf"])
    children = {child["nodeid"]: child for child in node["children"]}
    feature = int(node["split"].removeprefix("f"))
    if feature in known:
        way = "yes" if row[feature] < np.float32(node["split_condition"]) else "no"
        return walked(children[node[way]], row, known)
    ways = (
        child["cover"] / node["cover"] * walked(child, row, known) for child in children.values()
    )
    return float(sum(ways))


@pytest.mark.parametrize("name", ["rbf svm", "network"])
def test_contributions_to_a_smooth_model_are_integrated_gradients(
    classifiers: dict[str, TunedClassifier], features: Features, name: str
) -> None:
    background = draw_background(features, seed=1, size=3)
    own = explainer(classifiers[name], background)
    row = features[7].astype(np.float64)
    steps, h = 200, 1e-4
    wanted = np.zeros((P, K))
    for start in background.rows.astype(np.float64):
        for step in range(steps):
            place = start + (step + 0.5) / steps * (row - start)
            for i in range(P):
                up, down = place.copy(), place.copy()
                up[i] += h
                down[i] -= h
                gradient = (own.output(up) - own.output(down)) / (2 * h)
                wanted[i] += (row[i] - start[i]) * gradient / steps / 3
    found = own.contributions(features[7])
    # The network has kinks, which steps of this size see only roughly.
    np.testing.assert_allclose(found, wanted, atol=2e-2 * np.abs(wanted).max())


@pytest.mark.parametrize("name", sorted(CANDIDATES))
def test_what_explains_a_sample_does_not_depend_on_what_was_explained_before(
    classifiers: dict[str, TunedClassifier], features: Features, name: str
) -> None:
    first, second = (explained(classifiers[name], features) for _ in range(2))
    for row in features[:5]:
        first.contributions(row)
    assert (first.contributions(features[6]) == second.contributions(features[6])).all()


def test_every_kind_of_model_has_an_explainer() -> None:
    assert set(EXPLAINERS) >= {LinearModel, KernelModel, Network, Forest}
    with pytest.raises(ClassifyError, match="Unheard has no explainer"):
        explainer(
            TunedClassifier(np.array(["a"]), None, Unheard(), None, {}),  # type: ignore[arg-type]
            Background(np.zeros(1), np.zeros((1, 1), dtype=np.float32)),
        )


class Unheard:
    pass


def test_samples_are_kept_only_where_an_explainer_looks_at_them(
    classifiers: dict[str, TunedClassifier], features: Features
) -> None:
    background = draw_background(features, seed=1, size=10)
    kept = {
        name: len(kept_background(classifier.model, background).rows)
        for name, classifier in classifiers.items()
    }
    assert {name for name, rows in kept.items() if rows} == {"rbf svm", "network"}
