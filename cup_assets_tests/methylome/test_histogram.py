"""Estimates from histograms equal those from the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.methylome.histogram import counts_of, huber, median, median_and_sd, upper_tail

samples = st.lists(st.integers(0, 65535), min_size=1, max_size=200).map(
    lambda values: np.array(values, dtype=np.uint16)
)
law = settings(deadline=None, max_examples=50)


def huber_from_values(y: np.ndarray) -> tuple[float, float]:
    """Return the estimate written from its definition, on the values themselves."""
    mu = float(np.median(y))
    s = 1.4826 * float(np.median(np.abs(y - mu)))
    while True:
        moved = float(np.mean(np.clip(y, mu - 1.5 * s, mu + 1.5 * s)))
        if abs(mu - moved) < 1e-6 * s:
            return mu, s
        mu = moved


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
    assert huber(counts_of(values)) == pytest.approx(huber_from_values(values.astype(float)))


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
