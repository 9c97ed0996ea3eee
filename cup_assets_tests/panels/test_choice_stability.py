"""The figure of agreement between folds: its ends, its laws, and chance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.panels.choice_stability import choice_stability, chosen_in, nogueira


def choices(*folds: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (0, fold, rank, name)
            for fold, names in enumerate(folds)
            for rank, name in enumerate(names, start=1)
        ],
        schema=["repeat", "outer_fold", "rank", "probe_id"],
        orient="row",
    )


def test_folds_that_choose_the_same_agree_fully_and_disjoint_ones_worse_than_chance() -> None:
    same = choices(["a", "b", "c"], ["b", "a", "d"])
    found = choice_stability(same, (2, 3, 9), n_cpgs=100)
    assert found["size"].to_list() == [2, 3]
    assert found["stability"][0] == pytest.approx(1)
    assert found["low"].to_list() == [None, None], "two folds have no interval"
    assert 0 < found["stability"][1] < 1
    apart = choice_stability(choices(["a", "b"], ["c", "d"]), (2,), n_cpgs=100)
    assert apart["stability"][0] == pytest.approx(-0.0204, abs=1e-3)


def test_equal_sizes_make_it_the_mean_overlap_of_two_folds_corrected_for_chance() -> None:
    """Kuncheva's index, to which that of Nogueira reduces where all choose as many."""
    rng = np.random.default_rng(4)
    d, k, m = 40, 10, 6
    chosen = np.array([rng.permutation(d) < k for _ in range(m)], dtype=float)
    shared = [chosen[i] @ chosen[j] for i in range(m) for j in range(i)]
    kuncheva = np.mean([(s - k**2 / d) / (k - k**2 / d) for s in shared])
    index, low, high = nogueira(chosen, d)
    assert index is not None
    assert index == pytest.approx(kuncheva)
    assert low is not None
    assert high is not None
    assert low < index < high


def test_choices_by_lot_agree_in_nothing_and_the_interval_says_so() -> None:
    rng = np.random.default_rng(7)
    d, k, m = 200, 20, 10
    covered, found = 0, []
    for _ in range(200):
        chosen = np.array([rng.permutation(d) < k for _ in range(m)], dtype=float)
        index, low, high = nogueira(chosen, d)
        assert index is not None
        assert low is not None
        assert high is not None
        found.append(index)
        covered += low <= 0 <= high
    assert np.mean(found) == pytest.approx(0, abs=0.01)
    assert covered > 175


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_names_order_and_cpgs_that_nobody_chose_do_not_matter(data: st.DataObject) -> None:
    m, q = data.draw(st.integers(2, 5)), data.draw(st.integers(2, 12))
    rows = st.lists(st.booleans(), min_size=q, max_size=q)
    chosen = np.array(data.draw(st.lists(rows, min_size=m, max_size=m)), dtype=float)
    order = data.draw(st.permutations(range(q)))
    found = nogueira(chosen, 30)
    assert nogueira(chosen[:, order], 30) == pytest.approx(found)
    assert nogueira(np.hstack([chosen, np.zeros((m, 3))]), 30) == pytest.approx(found)
    if found[0] is not None:
        assert found[0] <= 1 + 1e-9


def test_five_folds_that_choose_the_same_are_sure_of_it() -> None:
    found = choice_stability(choices(*[["a", "b", "c"]] * 5), (2,), n_cpgs=50)
    assert found.row(0) == (2, pytest.approx(1), pytest.approx(1), pytest.approx(1), 5)


def test_one_fold_or_panels_of_everything_have_no_figure() -> None:
    assert choice_stability(choices(["a"]), (1,), 10)["stability"].to_list() == [None]
    assert nogueira(np.ones((3, 4)), 4) == (None, None, None)


def test_how_often_a_cpg_is_chosen_is_a_share_of_the_folds() -> None:
    found = chosen_in(choices(["a", "b"], ["a", "c"], ["b", "a"]), 2)
    assert found.rows() == [("a", 1.0), ("b", pytest.approx(2 / 3)), ("c", pytest.approx(1 / 3))]
    first = chosen_in(choices(["a", "b"], ["a", "c"], ["b", "a"]), 1)
    assert dict(first.rows()) == {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}
