from __future__ import annotations

import numpy as np

from cup_assets.classify.models.screening import f_statistics, largest_f
from cup_assets_tests.classify.synthetic import cohort


def test_the_statistic_is_that_of_the_analysis_of_variance() -> None:
    from sklearn.feature_selection import f_classif

    data, unequal = cohort(missing=0), np.arange(120) % 5 > 0
    features, codes = data.X[unequal], np.unique(data.y[unequal], return_inverse=True)[1]
    expected = f_classif(features.astype(np.float64), codes)[0]
    np.testing.assert_allclose(f_statistics(features, codes), expected, rtol=1e-6)


def test_a_constant_column_tells_nothing_and_a_perfect_one_everything() -> None:
    codes = np.array([0, 0, 1, 1])
    features = np.array([[0.5, 0.1, 0.3], [0.5, 0.1, 0.9], [0.5, 0.7, 0.2], [0.5, 0.7, 0.8]])
    constant, perfect, noise = f_statistics(features.astype(np.float32), codes)
    assert constant == 0
    assert perfect > 1e6 > noise


def test_columns_are_chosen_by_the_statistic_and_keep_their_order() -> None:
    codes = np.arange(40) % 2
    features = np.random.default_rng(1).random((40, 6)).astype(np.float32)
    features[:, 4] += 3 * codes
    features[:, 1] += codes
    assert largest_f(features, codes, 2).tolist() == [1, 4]
    assert largest_f(features, codes, 99).tolist() == list(range(6))
