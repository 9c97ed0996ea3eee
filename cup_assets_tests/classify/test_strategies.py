"""Balancing strategies: what each does to a training part, and that another slots in."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify import strategies
from cup_assets.classify.data import Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS, neural_network
from cup_assets.classify.models.base import TrainingSet
from cup_assets.classify.parameters import STRATEGIES as CONFIGURABLE
from cup_assets.classify.strategies import STRATEGIES, balanced
from cup_assets.cohort.balance import Strategy as Planned
from cup_assets_tests.classify.synthetic import QUICK


def part(sizes: list[int], *, patients: bool = False) -> TrainingSet:
    """Return classes of these sizes; with patients, each has two samples in a row."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    features = np.random.default_rng(1).normal(size=(len(codes), 5)) + codes[:, None]
    groups = np.arange(len(codes)) // 2 if patients else None
    return TrainingSet(features.astype(np.float32), codes, len(sizes), groups)


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(sorted(STRATEGIES)),
    sizes=st.lists(st.integers(0, 12), min_size=2, max_size=5).filter(any),
    seed=st.integers(0, 9),
    patients=st.booleans(),
)
def test_every_strategy_keeps_its_promises(
    name: str, sizes: list[int], seed: int, patients: bool
) -> None:
    training = part(sizes, patients=patients)
    before = training.features.copy()
    found, weights = balanced(training, name, seed)
    assert weights.shape == found.codes.shape == found.features.shape[:1]
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()
    assert found.n_classes == training.n_classes
    assert set(found.codes) == set(training.codes), "no class appears or is lost"
    assert found.features.dtype == np.float32
    if found.groups is not None:
        assert found.groups.shape == found.codes.shape
    np.testing.assert_array_equal(training.features, before)
    again, same = balanced(training, name, seed)
    np.testing.assert_array_equal(found.features, again.features)
    np.testing.assert_array_equal(weights, same)


def test_class_weights_make_classes_equal_and_down_sampling_makes_them_equally_large() -> None:
    training = part([12, 3, 6])
    _, weights = balanced(training, "class_weight", 1)
    assert np.bincount(training.codes, weights) == pytest.approx([7, 7, 7])
    smaller, ones = balanced(training, "down_sample", 1)
    assert np.bincount(smaller.codes).tolist() == [3, 3, 3]
    assert set(ones) == {1.0}
    rows = {row.tobytes() for row in training.features}
    assert all(row.tobytes() in rows for row in smaller.features)
    other, _ = balanced(training, "down_sample", 2)
    assert not np.array_equal(other.features, smaller.features)


def test_what_is_configured_planned_and_applied_are_the_same_strategies() -> None:
    assert tuple(STRATEGIES) == CONFIGURABLE == get_args(Planned)


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClassifyError, match="'magic' is unknown: use one of none, class_weight, d"):
        balanced(part([2, 2]), "magic", 1)


def synthetic(training: TrainingSet, seed: int = 1) -> TrainingSet:
    """Return what SMOTE added."""
    found, _ = balanced(training, "smote", seed)
    n = len(training.codes)
    np.testing.assert_array_equal(found.features[:n], training.features)
    groups = None if found.groups is None else found.groups[n:]
    return TrainingSet(found.features[n:], found.codes[n:], found.n_classes, groups)


def is_between(point: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    along = other - one
    at = float(np.clip((point - one) @ along / max(along @ along, 1e-12), 0, 1))
    return bool(np.abs(one + at * along - point).max() < 1e-5)


def test_smote_fills_every_class_with_points_between_neighbours_of_that_class() -> None:
    training = part([14, 3, 8])
    made = synthetic(training)
    assert np.bincount(made.codes).tolist() == [0, 11, 6]
    for point, code in zip(made.features, made.codes, strict=True):
        own = training.features[training.codes == code].astype(np.float64)
        pairs = [(a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
        assert any(is_between(point, a, b) for a, b in pairs)
    assert len(np.unique(made.features, axis=0)) == len(made.features), "no point is made twice"
    assert not np.array_equal(synthetic(training, seed=2).features, made.features)


def test_smote_takes_the_nearest_neighbours_only() -> None:
    # Two groups of six, far apart: each sample's five neighbours are of its own group.
    near = np.array([0, 1, 2, 3, 4, 5, 1000, 1001, 1002, 1003, 1004, 1005.0])
    features = np.concatenate([near, np.full(30, -50.0)])[:, None].astype(np.float32)
    codes = np.repeat([0, 1], [12, 30])
    made = synthetic(TrainingSet(features, codes, 2)).features.ravel()
    assert len(made) == 18
    assert not ((made > 5) & (made < 1000)).any()


def test_a_class_of_one_sample_has_no_neighbours_and_is_repeated() -> None:
    training = part([6, 1, 2])
    made = synthetic(training)
    assert np.bincount(made.codes).tolist() == [0, 5, 4]
    (alone,) = training.features[training.codes == 1]
    assert (made.features[made.codes == 1] == alone).all()


def test_no_division_by_patients_parts_a_synthetic_sample_from_what_it_was_made_of() -> None:
    # 9 samples of class 0 (patients 0 to 4), 3 of class 1 (4, whose other tumour is of class 0, and
    # 5), 2 of class 2 (6): the classes that are filled up are one group each, the large one is not.
    training = part([9, 3, 2], patients=True)
    found, _ = balanced(training, "smote", 1)
    assert found.groups is not None
    groups = {code: set(found.groups[found.codes == code]) for code in range(3)}
    assert len(groups[1]) == len(groups[2]) == 1
    assert groups[1].isdisjoint(groups[2])
    assert len(groups[0]) == 5, "patients of the largest class stay apart"
    assert len(groups[0] & groups[1]) == 1, "patient 4 is in the group of class 1 with both tumours"


def test_early_stopping_watches_no_sample_that_a_synthetic_one_was_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network balances what is left after it set patients aside."""
    training = part([14, 6, 8], patients=True)
    watched = neural_network.watched_rows(training, 1)
    assert watched.any()
    seen = []

    def spying(balanced_part: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
        seen.append(balanced_part.features)
        return STRATEGIES["smote"](balanced_part, seed)

    monkeypatch.setattr(strategies, "STRATEGIES", {"smote": spying})
    quick = replace(QUICK, strategy="smote", network_epochs=2, network_hidden=(4,))
    spec = MODELS["neural_network"]
    spec.fit(training, spec.candidates(quick), quick, 1)
    first, *_ = seen
    np.testing.assert_array_equal(first, training.features[~watched])


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_learns_from_synthetic_samples(model: str) -> None:
    training = part([12, 3, 6], patients=True)
    parameters = replace(QUICK, strategy="smote", n_probes=5)
    spec = MODELS[model]
    (fitted,) = spec.fit(training, spec.candidates(parameters)[:1], parameters, 1)
    scores = fitted.scores(training.features)
    assert scores.shape == (21, 3)
    assert (scores.argmax(axis=1) == training.codes).mean() > 0.6
