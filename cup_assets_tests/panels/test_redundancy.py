"""Clusters of CpGs that tell the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.panels import PanelError, redundancy


def test_one_of_a_perfectly_correlated_block_is_kept_whatever_the_direction() -> None:
    rng = np.random.default_rng(0)
    own = rng.random((30, 4)).astype(np.float32)
    block = np.stack([own[:, 0], 1 - own[:, 0], own[:, 0] * 0.5 + 0.2], axis=1)
    features = np.hstack([own[:, 1:2], block, own[:, 2:]])
    table = redundancy(features, ["a", "b1", "b2", "b3", "c", "d"], 0.9)
    assert table["representative"].to_list() == ["a", "b1", "b1", "b1", "c", "d"]
    assert table["cluster"].to_list() == [1, 2, 2, 2, 3, 4]
    assert table.filter(pl.col("cluster") == 2)["correlation"].to_list() == pytest.approx([1] * 3)


def test_perfectly_correlated_cpgs_are_joined_even_at_the_strictest_threshold() -> None:
    values = np.random.default_rng(1).random((50, 1)).astype(np.float32)
    table = redundancy(np.hstack([values, values, 1 - values]), ["a", "b", "c"], 1.0)
    assert table["representative"].n_unique() == 1


def test_a_single_cpg_represents_itself() -> None:
    table = redundancy(np.array([[0.1], [0.9]], dtype=np.float32), ["a"], 0.9)
    assert table.rows() == [("a", 1, "a", pytest.approx(1))]


def test_a_constant_cpg_is_refused_with_its_name() -> None:
    features = np.random.default_rng(0).random((5, 2)).astype(np.float32)
    features[:, 1] = 0.5
    with pytest.raises(PanelError, match="'b' does not vary"):
        redundancy(features, ["a", "b"], 0.9)
    with pytest.raises(PanelError, match="1 names for 2 CpGs"):
        redundancy(features, ["a"], 0.9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 0.99), st.integers(2, 25))
def test_members_correlate_with_each_other_and_the_first_represents(
    seed: int, correlated: float, q: int
) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(0, 1, (12, 3))
    features = (hidden @ rng.normal(0, 1, (3, q)) + rng.normal(0, 0.3, (12, q))).astype(np.float32)
    names = [f"cg{i}" for i in range(q)]
    table = redundancy(features, names, correlated)
    assert table["probe_id"].to_list() == names
    correlation = np.abs(np.corrcoef(features.T))
    for (cluster,), part in table.group_by("cluster"):
        members = [names.index(name) for name in part["probe_id"]]
        assert part["representative"].unique().to_list() == [names[min(members)]], cluster
        assert correlation[np.ix_(members, members)].min() >= correlated - 1e-4
    firsts = table.unique("cluster", keep="first").sort("cluster")["representative"].to_list()
    assert firsts == sorted(firsts, key=names.index)
