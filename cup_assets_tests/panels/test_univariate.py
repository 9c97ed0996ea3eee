"""Tests and effects of single CpGs against scipy and against planted differences."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from cup_assets.panels.parameters import PanelError
from cup_assets.panels.univariate import class_effects, class_tests

CODES = np.repeat([0, 1, 2], [10, 14, 6])
NAMES = [f"cg{column}" for column in range(8)]


def betas(seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.2, 0.6, (30, 8))
    X[CODES == 2, 3] += 0.3
    X[:, 5] = np.round(X[:, 5], 1)  # ties
    X[:, 7] = 0.5
    return X.astype(np.float32)


def test_statistics_and_p_values_are_those_of_scipy() -> None:
    X = betas()
    table = class_tests(X, CODES, NAMES)
    for column in range(7):
        groups = [X[code == CODES, column].astype(np.float64) for code in range(3)]
        for method, found in (
            ("anova", stats.f_oneway(*groups)), ("kruskal", stats.kruskal(*groups)),
        ):  # fmt: skip
            row = table.row(
                by_predicate=(pl.col("probe_id") == NAMES[column]) & (pl.col("method") == method),
                named=True,
            )
            assert row["statistic"] == pytest.approx(found.statistic, rel=1e-9)
            assert row["p"] == pytest.approx(found.pvalue, rel=1e-9)


def test_the_false_discovery_rate_is_benjamini_and_hochbergs_and_constants_have_none() -> None:
    table = class_tests(betas(), CODES, NAMES).filter(pl.col("method") == "kruskal")
    assert table.filter(probe_id="cg7").select("statistic", "p", "fdr").row(0) == (None,) * 3
    p = table["p"].drop_nulls().to_numpy()
    assert table["fdr"].drop_nulls().to_list() == pytest.approx(
        stats.false_discovery_control(p).tolist()
    )
    assert table.sort("fdr")["probe_id"][1] == "cg3"  # the null of cg7 comes first


def test_effects_tell_the_class_the_direction_and_the_size() -> None:
    table = class_effects(betas(), CODES, ["a", "b", "c"], NAMES)
    row = table.row(
        by_predicate=(pl.col("probe_id") == "cg3") & (pl.col("class") == "c"), named=True
    )
    X = betas()[:, 3].astype(np.float64)
    others = (X[CODES == 0].mean() + X[CODES == 1].mean()) / 2
    assert row["difference"] == pytest.approx(X[CODES == 2].mean() - others)
    assert row["direction"] == "hyper"
    assert row["n"] == 6
    mann_whitney = stats.mannwhitneyu(X[CODES == 2], X[CODES != 2]).statistic / (6 * 24)
    assert row["separation"] == pytest.approx(mann_whitney)


def test_a_single_class_is_refused() -> None:
    with pytest.raises(PanelError, match="1 classes"):
        class_tests(betas(), np.zeros(30, np.int64), NAMES)
