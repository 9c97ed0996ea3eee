from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber.segment import (
    JumpRule,
    join_similar,
    segment_means,
    smooth_outliers,
)
from cup_assets.copynumber.segment import (
    change_points as change_points_of_all,
)


def change_points(x: np.ndarray, w: np.ndarray, penalty: float, least: int) -> np.ndarray:
    (found,) = change_points_of_all([(x, w)], penalty, least)
    return found


def _plain_change_points(x: np.ndarray, w: np.ndarray, penalty: float, least: int) -> list[int]:
    """Optimal partitioning as the textbook has it: one chromosome, one end after the other."""
    x = x - np.average(x, weights=w)
    w_sum, wx_sum = np.cumsum([0.0, *w]), np.cumsum([0.0, *(w * x)])
    best = [-penalty, *[np.inf] * x.size]
    last = [0] * (x.size + 1)
    for end in range(least, x.size + 1):
        for start in range(end - least + 1):
            gain = (wx_sum[end] - wx_sum[start]) ** 2 / (w_sum[end] - w_sum[start])
            if best[start] - gain + penalty < best[end]:
                best[end], last[end] = best[start] - gain + penalty, start
    starts, end = [], x.size
    while end > 0:
        end = last[end]
        starts.append(end)
    return starts[::-1]


def _cost(starts: tuple[int, ...], x: np.ndarray, w: np.ndarray, penalty: float) -> float:
    total = -penalty
    for low, high in zip(starts, (*starts[1:], x.size), strict=True):
        mean = np.average(x[low:high], weights=w[low:high])
        total += float((w[low:high] * (x[low:high] - mean) ** 2).sum()) + penalty
    return total


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 9), st.integers(1, 3), st.integers(0, 10_000), st.floats(0.1, 8))
def test_no_partition_costs_less_than_the_one_found(
    n: int, least: int, seed: int, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(0, 2, n), rng.uniform(0.2, 3, n)
    found = tuple(change_points(x, w, penalty, least).tolist())
    possible = [
        (0, *cuts)
        for k in range(n)
        for cuts in combinations(range(1, n), k)
        if k == 0 or min(np.diff((0, *cuts, n))) >= least
    ]
    assert found in possible
    assert _cost(found, x, w, penalty) <= min(_cost(p, x, w, penalty) for p in possible) + 1e-9


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 60), max_size=6),
    st.integers(1, 4),
    st.integers(0, 10_000),
    st.floats(0.1, 15),
)
def test_chromosomes_side_by_side_are_partitioned_as_each_by_itself(
    sizes: list[int], least: int, seed: int, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    stretches = [
        (rng.normal(0, 1, n) + 3 * rng.integers(0, 2, n // 7 + 1).repeat(7)[:n], rng.gamma(2, 1, n))
        for n in sizes
    ]
    found = change_points_of_all(stretches, penalty, least)
    assert [f.tolist() for f in found] == [
        _plain_change_points(x, w, penalty, least) for x, w in stretches
    ]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(20, 180), st.floats(-1, 1), st.integers(0, 1000))
def test_a_step_is_found_where_it_is_whatever_the_baseline(
    at: int, baseline: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(baseline, 0.05, 200)
    x[at:] += 0.5
    assert change_points(x, np.full(200, 400.0), 20.0, 2).tolist() == [0, at]


def test_noise_alone_has_no_change_points() -> None:
    rng = np.random.default_rng(5)
    found = [
        change_points(rng.normal(0, 1, 500), np.ones(500), 2 * np.log(12_000), 2).size
        for _ in range(100)
    ]
    assert sum(found) == 100


def test_a_noisy_bin_counts_for_less() -> None:
    x = np.zeros(60)
    x[30:34] = 1.0
    sure, unsure = np.full(60, 100.0), np.full(60, 100.0)
    unsure[30:34] = 1.0
    assert change_points(x, sure, 15.0, 2).tolist() == [0, 30, 34]
    assert change_points(x, unsure, 15.0, 2).tolist() == [0]


def test_a_lone_outlier_is_drawn_in_and_two_neighbours_are_not() -> None:
    x = np.zeros(20)
    x[[0, 5, 19]] = 2.0
    x[10:12] = 2.0
    smooth = smooth_outliers(x, np.full(20, 0.1), 3.0)
    np.testing.assert_allclose(smooth[[0, 5, 19]], 0.3)
    np.testing.assert_allclose(smooth[10:12], 2.0)
    assert smooth_outliers(x[:2], np.ones(2), 3.0).tolist() == [2.0, 0.0]


def test_chromosomes_of_one_or_no_bin_are_segmented_too() -> None:
    one = np.array([0.3])
    assert change_points(one, np.ones(1), 5.0, 2).tolist() == [0]
    assert change_points(np.empty(0), np.empty(0), 5.0, 2).tolist() == []
    assert change_points_of_all([], 5.0, 2) == []


_LENGTHS = np.full(30, 100_000.0)


def test_neighbours_of_nearly_one_level_are_joined() -> None:
    x = np.repeat([0.0, 0.03, 0.5], 10)
    rule = JumpRule(least=0.06, z=3.0, wave_sd=0.0, wave_length=10e6)
    starts = join_similar(np.array([0, 10, 20]), x, np.full(30, 1e4), _LENGTHS, rule)
    assert starts.tolist() == [0, 20]
    np.testing.assert_allclose(segment_means(starts, x, np.ones(30)), [0.015, 0.5])


def test_a_step_that_noise_could_make_is_no_step() -> None:
    x = np.repeat([0.0, 0.3], 15)
    starts = np.array([0, 15])
    rule = JumpRule(least=0.06, z=3.0, wave_sd=0.0, wave_length=10e6)
    for variance, kept in ((0.1, 1), (0.05, 2)):  # 3 standard errors are .35 and .24
        found = join_similar(starts, x, np.full(30, 1 / variance), _LENGTHS, rule)
        assert found.size == kept


def test_a_step_that_a_wave_could_make_is_one_only_between_long_stretches() -> None:
    x = np.repeat([0.0, 0.2], 15)
    starts, sure = np.array([0, 15]), np.full(30, 1e6)
    rule = JumpRule(least=0.06, z=3.0, wave_sd=0.05, wave_length=10e6)
    assert join_similar(starts, x, sure, _LENGTHS, rule).tolist() == [0]
    assert join_similar(starts, x, sure, 10 * _LENGTHS, rule).tolist() == [0, 15]
    still = replace(rule, wave_sd=0.02)
    assert join_similar(starts, x, sure, _LENGTHS, still).tolist() == [0, 15]
