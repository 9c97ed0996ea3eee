from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.elastic_net import elastic_net
from cup_assets_tests.classify.synthetic import QUICK, cohort

STRENGTHS = (0.5, 0.1, 0.01)


def _data(n: int = 60, p: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = cohort(n=n, p=p, missing=0)
    rows = data.X - data.X.mean(axis=0, dtype=np.float64)
    rows /= np.sqrt((rows**2).sum() / n)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, n)
    return rows, np.unique(data.y, return_inverse=True)[1], weights


def _gradient(
    rows: np.ndarray, codes: np.ndarray, weights: np.ndarray, fit: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    logits = rows @ fit[0] + fit[1]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (scores - np.eye(4)[codes]) * (weights / weights.sum())[:, None]
    return rows.T @ error, error.sum(axis=0)


@pytest.mark.parametrize("mix", [0.5, 0.9, 1.0])
@pytest.mark.parametrize(("n", "p"), [(60, 150), (60, 20)])
def test_every_fit_satisfies_the_conditions_of_the_optimum(mix: float, n: int, p: int) -> None:
    rows, codes, weights = _data(n, p)
    fits = elastic_net(rows, codes, 4, weights, STRENGTHS, mix, tolerance=1e-9)
    shares = np.bincount(codes, weights) / weights.sum()
    least = np.abs(_gradient(rows, codes, weights, (np.zeros((p, 4)), np.log(shares)))[0]).max()
    for strength, fit in zip(STRENGTHS, fits, strict=True):
        slope, of_intercept = _gradient(rows, codes, weights, fit)
        penalty, kept = strength * least / mix, fit[0] != 0
        total = slope + (1 - mix) * penalty * fit[0] + mix * penalty * np.sign(fit[0])
        assert np.abs(total[kept]).max() < 0.01 * penalty
        assert np.abs(slope[~kept]).max() < 1.01 * mix * penalty
        assert np.abs(of_intercept).max() < 0.01 * penalty


def test_the_largest_penalty_leaves_no_coefficient_and_the_class_shares() -> None:
    rows, codes, weights = _data()
    (coefficients, intercept), (some, _) = elastic_net(rows, codes, 4, weights, (1.0, 0.9), 0.9)
    assert not coefficients.any()
    assert some.any()
    shares = np.exp(intercept) / np.exp(intercept).sum()
    np.testing.assert_allclose(shares, np.bincount(codes, weights) / weights.sum(), atol=1e-6)


def test_a_weaker_penalty_keeps_more_probes() -> None:
    rows, codes, weights = _data()
    fits = elastic_net(rows, codes, 4, weights, STRENGTHS, 0.9)
    kept = [int((coefficients != 0).any(axis=1).sum()) for coefficients, _ in fits]
    assert kept == sorted(kept)
    assert 0 < kept[0] < kept[-1] < 150


def test_the_model_ignores_columns_outside_the_choice_and_scores_as_fitted() -> None:
    data = cohort(n=60, p=150, missing=0)
    codes = np.unique(data.y, return_inverse=True)[1]
    parameters = replace(QUICK, logistic_columns=20)
    part = TrainingSet(data.X, codes, 4)
    (model,) = MODELS["logistic_regression"].fit(part, [{"l1": 0.01}], parameters, 1)
    kept = (model.arrays()["coefficients"] != 0).any(axis=1)
    assert 0 < kept.sum() <= 20
    other = np.where(kept, data.X, 0.5).astype(np.float32)
    np.testing.assert_array_equal(model.scores(data.X), model.scores(other))
    assert (model.scores(data.X).argmax(axis=1) == codes).mean() > 0.95


def test_candidates_are_fitted_alike_alone_or_in_any_order() -> None:
    data = cohort(n=60, p=150, missing=0)
    part = TrainingSet(data.X, np.unique(data.y, return_inverse=True)[1], 4)
    given = [{"l1": 0.01}, {"C": 10.0}, {"l1": 0.1}]
    spec = MODELS["logistic_regression"]
    together = spec.fit(part, given, QUICK, 1)
    for candidate, model in zip(given, together, strict=True):
        (alone,) = spec.fit(part, [candidate], QUICK, 1)
        np.testing.assert_allclose(model.scores(data.X), alone.scores(data.X), atol=0.02)


def test_settings_without_meaning_are_refused() -> None:
    assert all("C" in one for one in MODELS["logistic_regression"].candidates(
        replace(QUICK, logistic_l1=())
    ))  # fmt: skip
    with pytest.raises(ClassifyError, match="must be positive"):
        replace(QUICK, logistic_l1=(0.0,))
    with pytest.raises(ClassifyError, match="logistic_mix"):
        replace(QUICK, logistic_mix=0.0)
