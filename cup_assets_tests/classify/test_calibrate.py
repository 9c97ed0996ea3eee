from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.calibrate import Calibrator, fit_calibrator, log_losses
from cup_assets.classify.errors import ClassifyError
from cup_assets_tests.classify.synthetic import QUICK


def _scores(n: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from true probabilities, and scores whose confidence is off by a power."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = np.array([generator.choice(4, p=row) for row in true])
    raw = true**temperature
    return raw / raw.sum(axis=1, keepdims=True), codes


@pytest.mark.parametrize(("temperature", "gain"), [(5.0, 0.5), (0.15, 0.1)])
def test_calibration_lowers_the_log_loss_of_over_and_underconfident_scores(
    temperature: float, gain: float
) -> None:
    raw, codes = _scores(300, temperature, 1)
    calibrator = fit_calibrator(raw, codes, np.arange(300) % 3, QUICK, 1e-9)
    fresh, answers = _scores(300, temperature, 2)
    before = log_losses(fresh, answers).mean()
    assert log_losses(calibrator.scores(fresh), answers).mean() < before - gain


def test_scores_that_are_right_already_are_hardly_changed() -> None:
    raw, codes = _scores(2000, 1.0, 1)
    calibrator = fit_calibrator(raw, codes, np.arange(2000) % 3, QUICK, 1e-9)
    fresh, answers = _scores(2000, 1.0, 2)
    change = (
        log_losses(calibrator.scores(fresh), answers).mean() - log_losses(fresh, answers).mean()
    )
    assert abs(change) < 0.02


@pytest.fixture(scope="module")
def calibrator() -> Calibrator:
    raw, codes = _scores(60, 2.0, 1)
    return fit_calibrator(raw, codes, np.arange(60) % 2, QUICK, 1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_calibrated_scores_sum_to_one_and_keep_their_bits_in_any_batch(
    calibrator: Calibrator, seed: int, n: int
) -> None:
    fresh = np.random.default_rng(seed).dirichlet([0.05] * 4, n)
    scores = calibrator.scores(fresh)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    assert (scores >= 0).all()
    assert calibrator.scores(fresh[-1:]).tobytes() == scores[-1].tobytes()


def test_scores_that_know_nothing_are_not_turned_upside_down() -> None:
    generator = np.random.default_rng(4)
    raw, codes = generator.dirichlet([1] * 4, 60), generator.integers(4, size=60)
    calibrator = fit_calibrator(raw, codes, np.arange(60) % 3, QUICK, 1e-9)
    assert calibrator.log_loss < log_losses(raw, codes).mean()
    assert calibrator.scores(raw).max() < 0.8


def test_perfect_held_out_scores_do_not_make_certainty() -> None:
    codes = np.arange(40) % 4
    raw = np.full((40, 4), 0.01)
    raw[np.arange(40), codes] = 0.97
    calibrator = fit_calibrator(raw, codes, np.arange(40) // 4 % 2, QUICK, 1e-9)
    top = calibrator.scores(raw).max(axis=1)
    assert (top > 0.9).all()
    assert (top < 0.9999).all()


def test_a_score_of_zero_is_read_as_the_floor() -> None:
    raw, codes = _scores(60, 1.0, 1)
    calibrator = fit_calibrator(raw, codes, np.arange(60) % 2, QUICK, 1e-3)
    zero, floor = np.array([[0.0, 0.5, 0.4, 0.1]]), np.array([[1e-3, 0.5, 0.4, 0.1]])
    assert np.array_equal(calibrator.scores(zero), calibrator.scores(floor))


def test_a_stored_calibrator_gives_the_same_bits() -> None:
    raw, codes = _scores(60, 2.0, 1)
    calibrator = fit_calibrator(raw, codes, np.arange(60) % 2, QUICK, 1e-9)
    again = Calibrator.load(calibrator.arrays())
    assert again.scores(raw).tobytes() == calibrator.scores(raw).tobytes()
    assert again.penalty == calibrator.penalty


def test_one_fold_alone_or_one_class_alone_is_refused() -> None:
    raw, codes = _scores(20, 1.0, 1)
    with pytest.raises(ClassifyError, match="at least two folds"):
        fit_calibrator(raw, codes, np.zeros(20, dtype=int), QUICK, 1e-9)
    with pytest.raises(ClassifyError, match="fewer than two classes"):
        fit_calibrator(raw, (np.arange(20) < 10).astype(int), np.arange(20) // 10, QUICK, 1e-9)
