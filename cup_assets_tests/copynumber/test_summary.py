from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cup_assets.copynumber import Bins
from cup_assets.copynumber.summary import BinValues, baseline, noise_figure, summarise, wave_level
from cup_assets.genome import CHROMOSOMES
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array


def _summarise(ratio: NDArray[np.float32], bins: Bins) -> BinValues:
    values = summarise(ratio, bins, PARAMETERS)
    assert values is not None
    return values


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=40))
def test_no_baseline_has_a_smaller_median_distance(values: list[float]) -> None:
    x = np.array(values)

    def distance(s: float) -> float:
        return float(np.sort(np.abs(x - s))[x.size // 2])

    found = distance(baseline(x))
    assert all(found <= distance(s) + 1e-9 for s in np.linspace(-2, 2, 401))


def test_the_baseline_is_the_level_of_the_larger_part() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(0.1, 0.01, 60), rng.normal(0.6, 0.01, 40)])
    assert baseline(x) == pytest.approx(0.1, abs=0.01)


def test_the_noise_figure_of_independent_probes_is_root_two_of_their_deviation() -> None:
    ratio = np.random.default_rng(2).normal(0, 0.2, 200_000).astype(np.float32)
    assert noise_figure(ratio) == pytest.approx(0.2 * np.sqrt(2), rel=0.01)


def test_bin_values_are_the_medians_of_their_probes(array: Array, bins: Bins) -> None:
    ratio = np.random.default_rng(3).normal(0, 0.2, bins.n_array_probes).astype(np.float32)
    values = _summarise(ratio, bins)
    median = [
        np.median(ratio[bins.probes[a:b]].astype(np.float64))
        for a, b in zip(bins.offsets, bins.offsets[1:], strict=False)
    ]
    np.testing.assert_allclose(values.log2 + values.shift, median, atol=1e-12)
    assert values.probe_sd == pytest.approx(0.2, rel=0.05)


def test_the_variances_are_those_of_the_bin_values(array: Array, bins: Bins) -> None:
    scaled = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ratio = (0.2 * rng.standard_t(4, bins.n_array_probes)).astype(np.float32)
        values = _summarise(ratio, bins)
        scaled.append(values.log2 / np.sqrt(values.variance))
    assert np.std(scaled) == pytest.approx(1.0, abs=0.1)


def test_bins_without_a_reference_are_left_out(array: Array, bins: Bins) -> None:
    ratio = np.random.default_rng(4).normal(0, 0.2, bins.n_array_probes).astype(np.float32)
    ratio[bins.sex_probes["Y"]] = np.nan
    values = _summarise(ratio, bins)
    assert "Y" not in set(bins.frame["chrom"][values.rows])
    assert values.rows.size == (bins.frame["chrom"] != "Y").sum()


def test_a_bin_is_the_median_of_the_probes_that_it_has_left(array: Array, bins: Bins) -> None:
    ratio = np.random.default_rng(5).normal(0, 0.2, bins.n_array_probes).astype(np.float32)
    full = _summarise(ratio, bins)
    within = bins.probes[bins.offsets[3] : bins.offsets[4]]
    ratio[within[::3]] = np.nan
    values = _summarise(ratio, bins)
    left = np.delete(ratio[within], np.arange(0, within.size, 3)).astype(np.float64)
    assert values.n_probes[3] == left.size == within.size - len(within[::3])
    assert values.log2[3] + values.shift == pytest.approx(np.median(left), abs=1e-12)
    others = np.arange(full.rows.size) != 3
    assert (full.log2 + full.shift)[others].tolist() == (values.log2 + values.shift)[
        others
    ].tolist()
    assert values.n_probes[others].tolist() == full.n_probes[others].tolist()


def test_a_bin_with_less_than_half_of_its_probes_is_dropped(array: Array, bins: Bins) -> None:
    ratio = np.random.default_rng(6).normal(0, 0.2, bins.n_array_probes).astype(np.float32)
    size = np.diff(bins.offsets)
    for i, left in ((2, (size[2] + 1) // 2), (7, (size[7] - 1) // 2), (9, 0)):
        ratio[bins.probes[bins.offsets[i] + left : bins.offsets[i + 1]]] = np.nan
    values = _summarise(ratio, bins)
    assert set(range(size.size)) - set(values.rows.tolist()) == {7, 9}


def test_no_autosomal_bin_is_no_summary(bins: Bins) -> None:
    ratio = np.full(bins.n_array_probes, np.nan, np.float32)
    ratio[bins.sex_probes["X"]] = 0.1
    assert summarise(ratio, bins, PARAMETERS) is None


def _wave(bins: Bins, sd: float, seed: int) -> NDArray[np.float64]:
    """One level for every 10 Mb."""
    rng = np.random.default_rng(seed)
    frame = bins.frame
    number = frame["start"].to_numpy() // 10_000_000 + 1_000 * _chromosome_numbers(bins)
    _, stretch = np.unique(number, return_inverse=True)
    return np.asarray(sd * rng.standard_normal(stretch.max() + 1)[stretch])


def _chromosome_numbers(bins: Bins) -> NDArray[np.int64]:
    return np.array([CHROMOSOMES.index(c) for c in bins.frame["chrom"]])


@pytest.mark.parametrize("sd", [0.05, 0.1])
def test_the_wave_level_is_that_of_the_waves_not_of_the_noise_or_the_events(
    bins: Bins, sd: float
) -> None:
    arm = bins.frame["arm"].to_numpy()
    altered = np.isin(arm, ["1q", "3p", "8q", "17q"]) * 0.8
    found = []
    for seed in range(20):
        noise = 0.08 * np.random.default_rng(seed + 100).standard_normal(arm.size)
        values = _wave(bins, sd, seed) + noise + altered
        found.append(wave_level(values, np.full(arm.size, 0.08**2), bins.frame, PARAMETERS))
    assert np.mean(found) == pytest.approx(sd, rel=0.15)


def test_noise_without_waves_has_the_least_wave_level(bins: Bins) -> None:
    levels = []
    for seed in range(20):
        noise = 0.05 * np.random.default_rng(seed).standard_normal(bins.frame.height)
        levels.append(wave_level(noise, np.full(noise.size, 0.0025), bins.frame, PARAMETERS))
    assert np.median(levels) < 0.01
    ratio = np.random.default_rng(3).normal(0, 0.2, bins.n_array_probes).astype(np.float32)
    assert _summarise(ratio, bins).wave_sd == PARAMETERS.systematic_sd


def test_chromosomes_too_short_for_a_wave_have_no_wave_level(bins: Bins) -> None:
    few = bins.frame.filter(bins.frame["start"] < 8_000_000)
    assert wave_level(np.ones(few.height), np.ones(few.height), few, PARAMETERS) == 0.0
