"""Which CpGs a heat map shows, and in which order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cup_assets.landscape import LandscapeParameters, fit_space
from cup_assets.landscape.heat import heat_table


def test_the_most_variable_cpgs_are_shown_with_likes_side_by_side() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 1, (2, 20))
    X = rng.uniform(0.49, 0.51, (20, 30)).astype(np.float32)
    X[:, [3, 11, 25]] = one[:, None]
    X[:, [7, 18]] = other[:, None]
    X[4, 3] = np.nan
    space = fit_space(X, LandscapeParameters(n_components=5))
    table = heat_table(X, space, 5)
    assert set(table.columns.tolist()) == {3, 7, 11, 18, 25}
    groups = ["one" if column in (3, 11, 25) else "other" for column in table.columns]
    assert sum(a != b for a, b in pairwise(groups)) == 1
    assert np.array_equal(table.betas, X[:, table.columns].T, equal_nan=True)
