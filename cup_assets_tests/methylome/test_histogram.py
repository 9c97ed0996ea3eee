"""Estimates from histograms equal those from the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cup_assets.methylome.histogram import (
    N_LEVELS,
    counts_of,
    huber,
    median,
    median_and_sd,
    quantiles,
    upper_tail,
)
from cup_assets_tests.methylome import textbook

samples = st.lists(st.integers(0, 65535), min_size=1, max_size=200).map(
    lambda values: np.array(values, dtype=np.uint16)
)
law = settings(deadline=None, max_examples=50)


@law
@given(samples)
def test_median_and_spread_equal_numpys(values: np.ndarray) -> None:
    centre, sd = median_and_sd(counts_of(values))
    assert centre == median(counts_of(values)) == np.median(values)
    assert sd == pytest.approx(1.4826 * np.median(np.abs(values - np.median(values))))


@law
@given(samples)
def test_huber_equals_its_definition_on_the_values(values: np.ndarray) -> None:
    if median_and_sd(counts_of(values))[1] == 0:
        with pytest.raises(ValueError, match="no spread"):
            huber(counts_of(values))
        return
    assert huber(counts_of(values)) == pytest.approx(textbook.huber(values.astype(float)))


def test_huber_resists_outliers() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(1000, 50, 9000), np.full(1000, 60000)]).astype(np.uint16)
    location, scale = huber(counts_of(values))
    assert abs(location - 1000) < 20
    assert scale == pytest.approx(50, rel=0.25)


def test_an_empty_histogram_has_no_estimate() -> None:
    with pytest.raises(ValueError, match="no values"):
        huber(np.zeros(65536, dtype=np.int64))


@law
@given(samples)
def test_the_upper_tail_is_the_share_of_larger_values(values: np.ndarray) -> None:
    tail = upper_tail(counts_of(values))
    for level in (0, int(values[0]), 65535):
        assert tail[level] == pytest.approx(np.mean(values > level))


corrected = st.lists(
    st.tuples(st.floats(0.01, 50.0), st.integers(0, 9)), min_size=3, max_size=40
).filter(lambda drawn: sum(count for _, count in drawn) >= 3)


@settings(deadline=None, max_examples=50)
@given(steps=corrected, share=st.floats(0, 1))
def test_quantiles_of_corrected_levels_equal_those_of_the_values(
    steps: list[tuple[float, int]], share: float
) -> None:
    values = np.cumsum([step for step, _ in steps])
    counts = np.array([count for _, count in steps])
    spread = np.repeat(values, counts)
    found = quantiles(counts, np.array([share, 0.5, 1.0]), values)
    np.testing.assert_allclose(found, np.quantile(spread, [share, 0.5, 1.0]), rtol=1e-9)
    centre, sd = median_and_sd(counts, values)
    assert centre == pytest.approx(np.median(spread))
    assert sd == pytest.approx(1.4826 * stats.median_abs_deviation(spread), abs=1e-9)


def test_huber_of_corrected_levels_equals_the_textbook() -> None:
    levels = np.random.default_rng(8).normal(400, 90, 3_000).clip(0).astype(np.uint16)
    counts = counts_of(levels)
    table = np.arange(N_LEVELS) ** 0.9 + 3.5
    location, scale = huber(counts, table)
    expected = textbook.huber(table[levels])
    assert (location, scale) == pytest.approx(expected, rel=1e-9)
    assert huber(counts, np.arange(N_LEVELS, dtype=float)) == pytest.approx(huber(counts))


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="of no values"):
        quantiles(np.zeros(N_LEVELS, dtype=np.int64), np.array([0.5]))
