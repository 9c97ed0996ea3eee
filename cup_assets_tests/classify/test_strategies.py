"""Balancing strategies: what each does to a training part, and that another slots in."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify import strategies
from cup_assets.classify.data import Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS
from cup_assets.classify.models.base import TrainingSet
from cup_assets.classify.parameters import STRATEGIES as CONFIGURABLE
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import STRATEGIES, balanced
from cup_assets.cohort.balance import Strategy as Planned
from cup_assets_tests.classify.synthetic import QUICK


def part(sizes: list[int], n_classes: int | None = None) -> TrainingSet:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    features = np.random.default_rng(1).normal(size=(len(codes), 5)) + codes[:, None]
    return TrainingSet(features.astype(np.float32), codes, n_classes or len(sizes))


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(sorted(STRATEGIES)),
    sizes=st.lists(st.integers(0, 12), min_size=2, max_size=5).filter(any),
    seed=st.integers(0, 9),
)
def test_every_strategy_keeps_its_promises(name: str, sizes: list[int], seed: int) -> None:
    training = part(sizes)
    before = training.features.copy()
    found, weights = balanced(training, name, seed)
    assert weights.shape == found.codes.shape == found.features.shape[:1]
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()
    assert found.n_classes == training.n_classes
    assert set(found.codes) == set(training.codes), "no class appears or is lost"
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


def _between_neighbours(training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
    """Fill every class up to the largest with points between two of its samples."""
    generator = np.random.default_rng(seed)
    sizes = np.bincount(training.codes)
    features, codes = [training.features], [training.codes]
    for code, size in enumerate(sizes):
        rows = np.flatnonzero(training.codes == code)
        pairs = generator.choice(rows, (int(sizes.max()) - size, 2))
        features.append(training.features[pairs].mean(axis=1))
        codes.append(np.full(len(pairs), code))
    made = TrainingSet(np.vstack(features), np.concatenate(codes), training.n_classes)
    return made, np.ones(len(made.codes))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_strategy_that_makes_new_samples_slots_in(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        strategies, "STRATEGIES", {**STRATEGIES, "class_weight": _between_neighbours}
    )
    parameters = EvaluationParameters(
        **{**{f: getattr(QUICK, f) for f in ("trees", "svm_c", "logistic_c")}, "n_probes": 5}
    )
    training = part([12, 3, 6])
    spec = MODELS[model]
    (fitted,) = spec.fit(training, spec.candidates(parameters)[:1], parameters, 1)
    scores = fitted.scores(training.features)
    assert scores.shape == (21, 3)
    assert (scores.argmax(axis=1) == training.codes).mean() > 0.6
