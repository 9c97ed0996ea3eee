from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.linear import LinearModel, row_space
from cup_assets.classify.models.random_forest import _flatten
from cup_assets.classify.strategies import balanced
from cup_assets_tests.classify.synthetic import QUICK, cohort

NAMES = sorted(MODELS)


def _training(n: int = 120, p: int = 500) -> TrainingSet:
    data = cohort(n=n, p=p, missing=0)
    return TrainingSet(data.X, np.unique(data.y, return_inverse=True)[1], 4)


@pytest.mark.parametrize("name", NAMES)
def test_scores_sum_to_one_and_find_separable_classes(name: str) -> None:
    training = _training()
    rows = np.arange(120) % 3 > 0
    part = TrainingSet(training.features[rows], training.codes[rows], 4)
    spec = MODELS[name]
    for model in spec.fit(part, spec.candidates(QUICK), QUICK, 1):
        scores = model.scores(training.features[~rows])
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
        assert (scores.argmax(axis=1) == training.codes[~rows]).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_a_score_has_the_same_bits_alone_in_a_batch_and_after_storage(name: str) -> None:
    training, spec = _training(), MODELS[name]
    models = spec.fit(training, spec.candidates(QUICK), QUICK, 1)
    shared = spec.scores(models, training.features)
    assert spec.scores(models, training.features[:0]).shape == (len(models), 0, 4)
    for model, expected in zip(models, shared, strict=True):
        together = model.scores(training.features)
        assert together.tobytes() == expected.tobytes()
        again = spec.load(model.arrays()).scores(training.features[::-1])[::-1]
        assert together.tobytes() == again.tobytes()
        for row in range(0, 120, 17):
            alone = model.scores(training.features[row : row + 1])
            assert alone.tobytes() == together[row].tobytes()
        assert model.scores(training.features[:0]).shape == (0, 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_left", [3, 2])
def test_a_class_without_training_samples_scores_exactly_zero(name: str, n_left: int) -> None:
    training, spec = _training(), MODELS[name]
    kept = np.isin(training.codes, [1, 2, 3][:n_left])
    part = TrainingSet(training.features[kept], training.codes[kept], 4)
    (model,) = spec.fit(part, spec.candidates(QUICK)[-1:], QUICK, 1)
    scores = model.scores(training.features)
    assert (scores[:, 0] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    assert (scores[kept].argmax(axis=1) == training.codes[kept]).mean() > 0.95


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strategy", ["none", "class_weight", "down_sample"])
def test_the_same_seed_gives_the_same_model_under_every_strategy(name: str, strategy: str) -> None:
    training, spec = _training(), MODELS[name]
    parameters = replace(QUICK, strategy=strategy)
    fits = [spec.fit(training, spec.candidates(QUICK)[:1], parameters, 5)[0] for _ in range(2)]
    one, other = (fit.arrays() for fit in fits)
    assert all(one[key].tobytes() == other[key].tobytes() for key in one)


@pytest.mark.parametrize(("n", "p"), [(60, 300), (120, 40)])
def test_the_row_space_gives_the_probabilities_of_the_direct_logistic_fit(n: int, p: int) -> None:
    from sklearn.linear_model import LogisticRegression

    training, spec = _training(n, p), MODELS["logistic_regression"]
    weights = balanced(training, "class_weight", 0)[1]
    centred = training.features.astype(np.float64) - training.features.mean(axis=0, dtype=float)
    centred /= np.sqrt((centred**2).sum() / n)
    candidates = [{"C": c} for c in (1.0, 100.0, 10_000.0)]
    for candidate, model in zip(candidates, spec.fit(training, candidates, QUICK, 1), strict=True):
        direct = LogisticRegression(C=candidate["C"], tol=1e-9, max_iter=20_000)
        direct.fit(centred, training.codes, sample_weight=weights)
        difference = model.scores(training.features) - direct.predict_proba(centred)
        assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize(("n", "p"), [(60, 300), (120, 40)])
def test_the_inner_products_give_the_margins_of_the_direct_support_vector_fit(
    n: int, p: int
) -> None:
    from sklearn.svm import LinearSVC

    training, spec = _training(n, p), MODELS["svm"]
    weights = balanced(training, "class_weight", 0)[1]
    centred = training.features.astype(np.float64) - training.features.mean(axis=0, dtype=float)
    centred /= np.sqrt((centred**2).sum() / n)
    candidates = [{"C": c} for c in (0.1, 10.0, 100.0)]
    for candidate, model in zip(candidates, spec.fit(training, candidates, QUICK, 1), strict=True):
        direct = LinearSVC(C=candidate["C"], dual=False, tol=1e-10, max_iter=50_000)
        direct.fit(centred, training.codes, sample_weight=weights)
        assert isinstance(model, LinearModel)
        margins = training.features.astype(np.float64) @ model.coefficients + model.intercept
        np.testing.assert_allclose(margins, direct.decision_function(centred), atol=1e-6)


def test_the_rotated_rows_keep_all_inner_products() -> None:
    training = _training(60, 300)
    space = row_space(training.features)
    centred = training.features.astype(np.float64) - training.features.mean(axis=0, dtype=float)
    scale = (centred**2).sum() / 60
    np.testing.assert_allclose(
        space.rotated @ space.rotated.T, centred @ centred.T / scale, atol=1e-9
    )
    assert space.rotated.shape[1] == 59


def test_the_flat_forest_scores_as_the_trees_it_was_made_of() -> None:
    from sklearn.tree import DecisionTreeClassifier

    training = _training()
    generator = np.random.default_rng(2)
    trees = []
    for seed in range(5):
        rows = generator.integers(120, size=60)
        tree = DecisionTreeClassifier(max_features=5, random_state=seed, max_depth=4)
        trees.append(tree.fit(training.features[rows], training.codes[rows]))
    flat = _flatten([(tree.tree_, tree.classes_) for tree in trees], 4)
    expected = np.mean([tree.predict_proba(training.features) for tree in trees], axis=0)
    np.testing.assert_allclose(flat.scores(training.features), expected, atol=1e-12)


def _unequal() -> TrainingSet:
    training = _training()
    sizes = {0: 30, 1: 20, 2: 10, 3: 4}
    rows = np.concatenate([np.flatnonzero(training.codes == c)[:n] for c, n in sizes.items()])
    return TrainingSet(training.features[rows], training.codes[rows], 4)


def test_every_tree_sees_the_classes_in_equal_numbers() -> None:
    spec, training = MODELS["random_forest"], _unequal()
    (forest,) = spec.fit(training, [{"features": 1.0}], QUICK, 1)
    arrays = forest.arrays()
    np.testing.assert_allclose(arrays["value"][arrays["roots"]], 0.25)
    (plain,) = spec.fit(training, [{"features": 1.0}], replace(QUICK, strategy="none"), 1)
    arrays = plain.arrays()
    shares = arrays["value"][arrays["roots"]].mean(axis=0)
    np.testing.assert_allclose(shares, np.array([30, 20, 10, 4]) / 64, atol=0.05)


def test_class_weights_give_every_class_the_same_total() -> None:
    training, weights = balanced(_unequal(), "class_weight", 1)
    np.testing.assert_allclose(np.bincount(training.codes, weights), 16)


def test_down_sampling_leaves_every_class_the_size_of_the_smallest() -> None:
    training, weights = balanced(_unequal(), "down_sample", 1)
    assert np.bincount(training.codes).tolist() == [4, 4, 4, 4]
    assert weights.tolist() == [1.0] * 16
