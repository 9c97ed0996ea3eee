"""Learning curves: nested parts of the training, errors that are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cup_assets.classify.data import Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.learners import tuned_learner
from cup_assets.classify.learning_curve import POINT_SCHEMA, learning_curve, nested_part
from cup_assets.classify.nested import outer_folds
from cup_assets.cohort.folds import assign_folds
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.compute import local
from cup_assets_tests.classify.medulloblastoma import medulloblastomas
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds


def lawful(
    y: Strings, train: Ints, inner: Ints, test: Ints, seed: int, above: float = 2.0
) -> tuple[Strings, Floats]:
    """Err with a chance of .05 + above / training rows, whatever the betas."""
    classes = np.unique(y)
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(test)) < 0.05 + above / len(train)
    codes = np.searchsorted(classes, y[test])
    codes = np.where(wrong, (codes + 1) % len(classes), codes)
    return classes, np.eye(len(classes))[codes]


def remembering(
    y: Strings, seen: list[Ints], train: Ints, inner: Ints, test: Ints, seed: int
) -> tuple[Strings, Floats]:
    assert inner.shape == train.shape
    seen.append(train)
    return lawful(y, train, inner, test, seed)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 99),
    one=st.floats(0.01, 1),
    other=st.floats(0.01, 1),
    outer=st.integers(2, 4),
)
def test_parts_are_nested_stratified_and_whole_by_patient(
    seed: int, one: float, other: float, outer: int
) -> None:
    data = cohort(n=96, p=2)
    split = outer_folds(data, folds(data, outer=outer))[0]
    small, large = (nested_part(data, split, f, seed) for f in sorted((one, other)))
    assert set(small) <= set(large) <= set(split.train)
    np.testing.assert_array_equal(nested_part(data, split, 1.0, seed), split.train)
    for part, fraction in ((small, min(one, other)), (large, max(one, other))):
        assert not set(data.patient[part]) & set(data.patient[np.setdiff1d(split.train, part)])
        for name in np.unique(data.y):
            of_class = data.y == name
            whole = len(np.unique(data.patient[split.train][of_class[split.train]]))
            kept = len(np.unique(data.patient[part][of_class[part]]))
            assert kept == max(2, int(np.ceil(fraction * whole - 1e-9)))
            inner = dict(zip(split.train.tolist(), split.inner.tolist(), strict=True))
            assert len({inner[row] for row in part[of_class[part]].tolist()}) >= 2


def test_another_seed_draws_other_patients() -> None:
    data = cohort(n=96, p=2)
    split = outer_folds(data, folds(data))[0]
    parts = {tuple(nested_part(data, split, 0.3, seed)) for seed in range(4)}
    assert len(parts) == 4


def test_the_error_at_each_size_is_that_of_the_learner() -> None:
    data = cohort(n=800, p=2)
    curve = learning_curve(data, folds(data, repeats=2), partial(lawful, data.y, above=20.0), 1)
    assert curve.points.schema == POINT_SCHEMA
    assert curve.points["n_train_samples"].to_list()[-1] == 600
    assert curve.n_patients == 400
    truth = 0.05 + 20 / curve.points["n_train_samples"]
    inside = (curve.points["low"] <= truth) & (truth <= curve.points["high"])
    assert inside.sum() >= len(inside) - 1
    np.testing.assert_allclose(curve.draws[0], curve.points["error"])
    assert (
        curve.points["n_train_patients"].to_list()
        == (curve.points["n_train_samples"] / 2).to_list()
    )


def test_no_test_patient_is_ever_learnt_from() -> None:
    data = cohort(n=96, p=2)
    seen: list[Ints] = []
    plan = folds(data)
    learning_curve(data, plan, partial(remembering, data.y, seen), 1, fractions=[0.3, 1])
    assert len(seen) == 8
    for index, train in enumerate(seen):
        test = outer_folds(data, plan)[index % 4].test
        assert not set(data.patient[train]) & set(data.patient[test])


def test_sizes_that_hold_the_same_patients_are_passed_over() -> None:
    data = cohort(n=48, p=2)
    learner = partial(lawful, data.y)
    curve = learning_curve(data, folds(data, outer=3), learner, 1, fractions=[0.1, 0.2, 0.3, 1])
    assert curve.points["fraction"].to_list() == [0.1, 1.0]


def test_a_real_classifier_learns_and_processes_give_the_same_curve() -> None:
    data = cohort(n=96, p=60, signal=1.2)
    quick = replace(QUICK, logistic_c=(30.0,), calibration_c=(1.0,))
    learner = tuned_learner(data, "logistic_regression", quick)
    plan = folds(data, outer=2)
    one = learning_curve(data, plan, learner, 1, fractions=[0.2, 1.0], bootstraps=50)
    two = learning_curve(
        data, plan, learner, 1, fractions=[0.2, 1.0], bootstraps=50, mapper=local(2)
    )
    assert_frame_equal(one.points, two.points, check_exact=True)
    np.testing.assert_array_equal(one.draws, two.draws)
    assert one.points["error"][1] < one.points["error"][0]


def test_real_tumours_are_told_apart_better_with_more_patients(reference_data: Path) -> None:
    data = medulloblastomas(reference_data)
    plan = assign_folds(data.truth(), CohortParameters())
    quick = replace(QUICK, n_probes=400, logistic_c=(30.0,), calibration_c=(1.0,))
    learner = tuned_learner(data, "logistic_regression", quick)
    curve = learning_curve(data, plan, learner, 1, fractions=[0.03, 1.0], bootstraps=100)
    few, all_of_them = curve.points["error"]
    assert all_of_them < 0.04
    assert all_of_them < few < 0.2


@pytest.mark.parametrize("fractions", [[], [0.0, 1.0], [0.5, 1.2]])
def test_impossible_fractions_are_refused(fractions: list[float]) -> None:
    data: TrainingData = cohort(n=48, p=2)
    with pytest.raises(ClassifyError, match="must lie in"):
        learning_curve(data, folds(data), partial(lawful, data.y), 1, fractions=fractions)


def test_the_intervals_are_over_patients() -> None:
    data = cohort(n=96, p=2)
    curve = learning_curve(
        data, folds(data), partial(lawful, data.y, above=20.0), 1, bootstraps=300
    )
    assert curve.draws.shape == (301, curve.points.height)
    assert curve.points["n_test_patients"].to_list() == [48] * curve.points.height
    assert (curve.points["low"] <= curve.points["error"]).all()
