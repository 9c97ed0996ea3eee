from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.models.squared_hinge import squared_hinge


def _rows(seed: int, n: int, p: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    codes = np.append(np.arange(k), generator.integers(k, size=n - k))
    rows = generator.normal(size=(n, p)) + generator.normal(size=(k, p))[codes] * 0.5
    return rows, codes, generator.uniform(0.2, 3, n)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(6, 60),
    p=st.integers(1, 80),
    penalty=st.sampled_from([1e-3, 0.1, 1.0, 100.0, 1e4]),
)
def test_no_slope_is_left_at_the_solution(seed: int, n: int, p: int, penalty: float) -> None:
    rows, codes, weights = _rows(seed, n, p, 3)
    ((coefficients, intercept),) = squared_hinge(rows @ rows.T, codes, 3, [penalty], weights)
    for code in range(3):
        signs = np.where(codes == code, 1.0, -1.0)
        w, b = rows.T @ coefficients[:, code], intercept[code]
        slack = np.maximum(1 - signs * (rows @ w + b), 0)
        pull = 2 * penalty * weights * slack * signs
        scale = np.abs(rows).T @ np.abs(pull) + 1
        assert (np.abs(w - rows.T @ pull) < 1e-6 * scale).all()
        assert b == pytest.approx(pull.sum(), abs=1e-6 * (np.abs(pull).sum() + 1))


@pytest.mark.parametrize("p", [5, 200])
def test_margins_are_those_of_the_library(p: int) -> None:
    from sklearn.svm import LinearSVC

    rows, codes, weights = _rows(1, 80, p, 4)
    penalties = (0.01, 1.0, 30.0)
    fits = squared_hinge(rows @ rows.T, codes, 4, penalties, weights)
    for penalty, (coefficients, intercept) in zip(penalties, fits, strict=True):
        library = LinearSVC(C=penalty, dual=False, tol=1e-11, max_iter=100_000)
        library.fit(rows, codes, sample_weight=weights)
        margins = rows @ (rows.T @ coefficients) + intercept
        np.testing.assert_allclose(margins, library.decision_function(rows), atol=1e-5)


def test_the_path_ends_where_a_fit_by_itself_does() -> None:
    rows, codes, weights = _rows(2, 60, 100, 3)
    gram = rows @ rows.T
    path = squared_hinge(gram, codes, 3, (0.01, 1.0, 100.0), weights)
    (alone,) = squared_hinge(gram, codes, 3, (100.0,), weights)
    np.testing.assert_allclose(path[-1][0], alone[0], atol=1e-8)


def test_two_classes_are_one_question() -> None:
    rows, codes, weights = _rows(3, 30, 10, 2)
    ((coefficients, intercept),) = squared_hinge(rows @ rows.T, codes + 1, 4, [1.0], weights)
    assert np.array_equal(coefficients[:, 1], -coefficients[:, 2])
    assert intercept.tolist() == [-np.inf, -intercept[2], intercept[2], -np.inf]
    assert not coefficients[:, [0, 3]].any()


def test_a_sample_twice_is_a_sample_of_twice_the_weight() -> None:
    rows, codes, _ = _rows(4, 40, 60, 3)
    twice = np.append(np.arange(40), [7, 7])
    weights = np.ones(40)
    weights[7] = 3
    one = squared_hinge(rows @ rows.T, codes, 3, [1.0], weights)[0]
    repeated = rows[twice]
    two = squared_hinge(repeated @ repeated.T, codes[twice], 3, [1.0], np.ones(42))[0]
    np.testing.assert_allclose(rows.T @ one[0], repeated.T @ two[0], atol=1e-9)
