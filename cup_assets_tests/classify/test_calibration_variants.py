from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.calibrate import Calibrator, fit_calibrator, log_losses
from cup_assets.classify.calibration_variants import (
    VARIANTS,
    Isotonic,
    Variant,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    fit_variants,
)
from cup_assets.classify.nested import nested_cv, outer_folds
from cup_assets_tests.classify.leaks import assert_chance_level, signal_free
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds, with_other_rows

NAMES = sorted(VARIANTS)
# More classes than a processor adds up at once, where the order of additions shows.
CLASSES = 13


def _labelled(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, k))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, np.array([generator.choice(k, p=row) for row in true])


def _sharpened(true: np.ndarray, power: float) -> np.ndarray:
    raw = true**power
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("power", [0.25, 1.0, 4.0])
def test_a_known_temperature_is_found_again(power: float) -> None:
    true, codes = _labelled(4000, 5, 1)
    fitted = fit_temperature(_sharpened(true, power), codes, 1e-12)
    assert fitted.inverse == pytest.approx(1 / power, rel=0.05)
    found = fitted.scores(_sharpened(true, power))
    assert np.abs(found - true).max() < 0.02


def test_a_known_sigmoid_is_found_again() -> None:
    true, codes = _labelled(6000, 2, 1)
    odds = np.log(true[:, 1] / true[:, 0])
    distorted = 1 / (1 + np.exp(-(odds - 0.7) / 0.4))
    fitted = fit_platt(np.stack([1 - distorted, distorted], axis=1), codes, 1e-12)
    np.testing.assert_allclose(fitted.slope, 0.4, rtol=0.08)
    np.testing.assert_allclose(fitted.intercept, [-0.7, 0.7], atol=0.06)


def test_platt_is_the_fit_of_a_logistic_regression_to_platts_targets() -> None:
    from sklearn.linear_model import LogisticRegression

    true, codes = _labelled(90, 3, 2)
    fitted = fit_platt(_sharpened(true, 2.0), codes, 1e-9)
    own = _sharpened(true, 2.0)[:, 1]
    odds, n = np.log(own / (1 - own))[:, None], int((codes == 1).sum())
    target = np.where(codes == 1, (n + 1) / (n + 2), 1 / (90 - n + 2))
    # A sample with target t is one of weight t inside the class and one of 1 - t outside.
    solver = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    solver.fit(np.vstack([odds, odds]), np.repeat([1, 0], 90), np.concatenate([target, 1 - target]))
    assert fitted.slope[1] == pytest.approx(solver.coef_[0, 0], abs=1e-5)
    assert fitted.intercept[1] == pytest.approx(solver.intercept_[0], abs=1e-5)


def test_a_class_told_apart_without_a_mistake_gets_a_finite_sigmoid() -> None:
    codes = np.arange(40) % 2
    raw = np.where(codes[:, None] == np.arange(2), 0.9, 0.1)
    own = fit_platt(raw, codes, 1e-9).scores(raw)[np.arange(40), codes]
    np.testing.assert_allclose(own, 21 / 22, atol=1e-6)  # Platt's own target for 20 samples


def test_no_class_becomes_less_likely_as_its_score_rises() -> None:
    true, codes = _labelled(200, 2, 3)
    upside_down = true[:, ::-1]
    assert (fit_platt(upside_down, codes, 1e-9).slope == 0).all()
    assert fit_temperature(upside_down, codes, 1e-9).inverse == 0


def test_scores_that_hardly_differ_are_sharpened_as_far_as_they_are_right() -> None:
    true, codes = _labelled(4000, 5, 1)
    found = fit_temperature(_sharpened(true, 1e-9), codes, 1e-12)
    assert found.inverse == pytest.approx(1e9, rel=0.05)
    assert fit_temperature(np.full((40, 4), 0.25), np.arange(40) % 4, 1e-9).inverse == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(5, 60))
def test_isotonic_rises_and_is_the_rising_function_of_least_squares(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    raw = np.round(generator.dirichlet([0.5] * 3, n), 2)
    codes = generator.integers(3, size=n)
    for code, (at, value) in enumerate(fit_isotonic(raw, codes, 0.0).knots):
        assert (np.diff(at) > 0).all()
        assert (np.diff(value) >= 0).all()
        assert (value >= 0).all()
        assert (value <= 1).all()
        # Of equal scores the mean is taken; no rising step function comes closer.
        found = np.interp(raw[:, code], at, value)
        best = _pooled(raw[:, code], (codes == code).astype(float))
        np.testing.assert_allclose(found, best, atol=1e-9)


def _pooled(score: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Return the rising function by its formula: over starts the largest least mean to an end."""
    levels, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    sums = np.bincount(place, weights=answer)
    values = [
        max(
            min(
                sums[start : end + 1].sum() / counts[start : end + 1].sum()
                for end in range(i, len(levels))
            )
            for start in range(i + 1)
        )
        for i in range(len(levels))
    ]
    return np.array(values)[place]


def test_where_no_class_has_a_chance_all_have_the_same() -> None:
    nothing = (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.0, 1.0]))
    raw = np.array([[0.3, 0.3, 0.4], [0.9, 0.05, 0.05]])
    found = Isotonic((nothing,) * 3).scores(raw)
    np.testing.assert_allclose(found, [[1 / 3] * 3, [1, 0, 0]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("power", [4.0, 0.3])
def test_over_and_underconfident_scores_improve(name: str, power: float) -> None:
    true, codes = _labelled(3000, 4, 1)
    fitted = VARIANTS[name](_sharpened(true, power), codes, 1e-9)
    fresh, answers = _labelled(1000, 4, 2)
    raw = _sharpened(fresh, power)
    best = log_losses(fresh, answers).mean()
    before, after = (
        log_losses(scores, answers).mean() - best for scores in (raw, fitted.scores(raw))
    )
    assert after < before / 3


@pytest.fixture(scope="module")
def variants() -> dict[str, Variant]:
    true, codes = _labelled(150, CLASSES, 1)
    return fit_variants(_sharpened(true, 2.0), codes, 1e-9)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 20))
def test_rows_sum_to_one_and_keep_their_bits_in_any_batch(
    variants: dict[str, Variant], name: str, seed: int, n: int
) -> None:
    fresh = np.random.default_rng(seed).dirichlet([0.05] * CLASSES, n)
    scores = variants[name].scores(fresh)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    assert (scores >= 0).all()
    for row in range(n):
        assert variants[name].scores(fresh[row : row + 1]).tobytes() == scores[row].tobytes()
    assert variants[name].scores(fresh[:0]).shape == (0, CLASSES)


def test_a_used_calibrator_is_rebuilt_from_its_json_to_the_last_bit() -> None:
    true, codes = _labelled(150, CLASSES, 1)
    calibrator = fit_calibrator(true, codes, np.arange(150) % 3, QUICK, 1e-9)
    names = np.array([f"class {i}" for i in range(CLASSES)])
    classes, again = Calibrator.from_json(calibrator.to_json(names))
    assert classes.tolist() == names.tolist()
    for key, values in calibrator.arrays().items():
        assert again.arrays()[key].tobytes() == values.tobytes()
    fresh = np.random.default_rng(1).dirichlet([0.05] * CLASSES, 50)
    assert again.scores(fresh).tobytes() == calibrator.scores(fresh).tobytes()


def test_each_fold_tells_what_the_other_calibrators_make_of_its_raw_scores() -> None:
    data = cohort(n=64, p=200)
    result = nested_cv(data, "svm", folds(data), QUICK)
    keys = ["repeat", "outer_fold", "sample_id", "class"]
    for name in NAMES:
        own = result.calibrations.filter(pl.col("calibrator") == name)
        assert own.select(keys).equals(result.scores.select(keys))
        sums = own.group_by("sample_id").agg(pl.col("score").sum())["score"]
        np.testing.assert_allclose(sums.to_numpy(), 1, atol=1e-12)
    assert result.calibrations["calibrator"].unique().sort().to_list() == NAMES
    # The stored calibrator makes the recorded score of the recorded raw score.
    first = result.scores.filter(pl.col("outer_fold") == 0)
    classes, calibrator = Calibrator.from_json(result.choices["calibrator"][0])
    raw, score = (first[name].to_numpy().reshape(-1, 4) for name in ("raw_score", "score"))
    assert classes.tolist() == np.unique(data.y).tolist()
    assert calibrator.scores(raw).tobytes() == score.tobytes()


def test_a_class_that_the_training_part_lacks_scores_zero_in_every_variant() -> None:
    data = cohort(n=64, p=200)
    rare = data.sample_ids[data.y == "class 1"].tolist()
    inner = pl.when(pl.col("sample_id").is_in(rare)).then(None).otherwise(pl.col("inner_fold"))
    plan = folds(data).filter(pl.col("outer_fold") == 0).with_columns(inner_fold=inner)
    result = nested_cv(data, "svm", plan, QUICK)
    zero = result.calibrations.filter(pl.col("class") == "class 1")
    assert zero["score"].to_list() == [0.0] * zero.height
    classes, _ = Calibrator.from_json(result.choices["calibrator"][0])
    assert classes.tolist() == ["class 0", "class 2", "class 3"]


def test_no_variant_reads_a_test_sample() -> None:
    data = cohort(n=64, p=200)
    plan = folds(data).filter(pl.col("outer_fold") == 0)
    (split,) = outer_folds(data, plan)
    # The first test sample stays as it is, but for its label; the others become somebody else.
    first, *others = split.test.tolist()
    other = with_other_rows(data, np.array(others), seed=9)
    y, family = other.y.copy(), other.family.copy()
    swap = int(np.flatnonzero(data.y != data.y[first])[0])
    y[first], family[first] = data.y[swap], data.family[swap]
    other = replace(other, y=y, family=family)
    one, two = (
        nested_cv(of, "logistic_regression", plan, QUICK).calibrations.filter(
            pl.col("sample_id") == data.sample_ids[first]
        )
        for of in (data, other)
    )
    assert one["score"].to_numpy().tobytes() == two["score"].to_numpy().tobytes()


def test_no_variant_knows_shuffled_labels() -> None:
    data = signal_free()
    found = nested_cv(data, "svm", folds(data), QUICK).calibrations
    for name in NAMES:
        assert_chance_level(data, found.filter(pl.col("calibrator") == name))
