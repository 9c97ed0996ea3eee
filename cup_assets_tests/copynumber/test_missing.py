"""Probes that an array file does not carry (NaN): left out, and nothing else changes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cup_assets.copynumber import (
    Bins,
    CnvParameters,
    ControlPool,
    make_pool,
    profile_sample,
)
from cup_assets.copynumber.fit import Fit, fit_sample
from cup_assets.copynumber.moments import moments
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event

_EVENTS = (arm_event("3p", -0.4), arm_event("8q", 0.4))


def _without(
    log2: NDArray[np.float32], share: float, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    gone = np.random.default_rng([99, seed]).random(log2.size) < share
    return np.where(gone, np.float32(np.nan), log2), gone


@settings(deadline=None, max_examples=40)
@given(k=st.integers(1, 6), n=st.integers(2, 60), seed=st.integers(0, 10_000), data=st.data())
def test_moments_without_some_probes_are_those_of_the_others(
    k: int, n: int, seed: int, data: st.DataObject
) -> None:
    values = (12 + np.random.default_rng(seed).normal(0, 1, (k, n))).astype(np.float32)
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    gone[0] = False
    found = moments(values).without(values[:, gone])
    direct = moments(values[:, ~gone])
    assert found.n == direct.n
    np.testing.assert_allclose(found.mean, direct.mean, rtol=1e-12)
    np.testing.assert_allclose(found.gram, direct.gram, atol=1e-9)


@pytest.mark.parametrize("share", [0.0005, 0.09])
def test_the_fit_is_that_of_the_remaining_probes_alone(
    array: Array, pool: ControlPool, bins: Bins, share: float
) -> None:
    sample, gone = _without(array.sample(11, "M", _EVENTS), share)
    fit = fit_sample("case", "M", sample, pool, bins, PARAMETERS)
    assert isinstance(fit, Fit)
    assert fit.controls == pool.sample_ids
    rows = pool.rows[~gone[pool.rows]]
    x = np.column_stack([np.ones(rows.size), pool.log2[:, rows].T]).astype(np.float64)
    weights = np.linalg.lstsq(x, sample[rows].astype(np.float64), rcond=None)[0]
    np.testing.assert_allclose(fit.ratio[rows], sample[rows] - x @ weights, atol=2e-5)
    assert np.isnan(fit.ratio).tolist() == gone.tolist()
    assert fit.warnings == (f"{gone.sum()} of 30000 probes are not in the sample's files",)


def test_a_sample_and_a_pool_that_lack_the_same_probes_agree(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    sample, gone = _without(array.sample(12, "M", _EVENTS), 0.05)
    log2 = pool.log2.copy()
    log2[3, gone] = np.nan
    poorer = make_pool("test", pool.sample_ids, pool.sexes, log2, bins, PARAMETERS)
    profiles = [
        profile_sample("case", "M", log2_total, of, bins, PARAMETERS)
        for log2_total, of in (
            (sample, pool),
            (sample, poorer),
            (array.sample(12, "M", _EVENTS), poorer),
        )
    ]
    assert [p.reason for p in profiles] == [None] * 3
    for other in profiles[1:]:
        assert other.calls["call"].to_list() == profiles[0].calls["call"].to_list()
        assert other.bins["n_probes"].to_list() == profiles[0].bins["n_probes"].to_list()
        np.testing.assert_allclose(
            other.bins["log2"].to_numpy(), profiles[0].bins["log2"].to_numpy(), atol=1e-5
        )
        assert other.noise == pytest.approx(profiles[0].noise, abs=1e-5)
    assert "are left out for all samples" in profiles[2].summary()["warnings"].item()
    assert "not in the sample's files" in profiles[0].summary()["warnings"].item()


def test_a_twentieth_of_the_probes_missing_changes_no_arm_call(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    full = array.sample(13, "F", _EVENTS)
    arms = [
        profile_sample("case", "F", log2_total, pool, bins, PARAMETERS).calls.filter(
            pl.col("kind") == "arm"
        )
        for log2_total in (full, _without(full, 0.05)[0])
    ]
    assert arms[0]["call"].to_list() == arms[1]["call"].to_list()
    assert {"gain", "loss"} <= set(arms[1]["call"])


def test_segments_count_the_probes_that_are_left(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    sample, gone = _without(array.sample(14, "F", _EVENTS), 0.08)
    profile = profile_sample("case", "F", sample, pool, bins, PARAMETERS)
    autosomal = pl.col("chrom").is_in(["X", "Y"]).not_()
    counted = int(profile.bins.filter(autosomal)["n_probes"].sum())
    assert counted == int(profile.segments.filter(autosomal)["n_probes"].sum())
    assert counted == (~gone[pool.rows]).sum()


def test_a_gene_has_the_probes_that_are_left(array: Array, pool: ControlPool, bins: Bins) -> None:
    place = bins.genes["MYC"]
    event = (place.chrom, place.centre - 20_000, place.centre + 20_000, 1.2)
    sample = array.sample(7, "F", (event,))
    called = []
    for left in (12, 6, 3, 2):
        poor = sample.copy()
        poor[place.rows[left:]] = np.nan
        profile = profile_sample("case", "F", poor, pool, bins, PARAMETERS)
        called += profile.calls.filter(pl.col("region") == "MYC")["call"].to_list()
    assert called == ["amplification", "amplification", "amplification", "no_call"]


def test_y_without_any_probe_is_not_called(array: Array, pool: ControlPool, bins: Bins) -> None:
    sample = array.sample(15, "M")
    sample[bins.sex_probes["Y"]] = np.nan
    profile = profile_sample("case", "M", sample, pool, bins, PARAMETERS)
    assert "Y" not in profile.bins["chrom"]
    assert profile.calls.filter(pl.col("region") == "Yq")["call"].item() == "no_call"
    assert profile.calls.filter(pl.col("region") == "Xq")["call"].item() == "neutral"


def test_too_few_autosomal_probes_get_no_call_with_the_reason(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    lenient = CnvParameters(max_missing_fraction=1)
    sample = array.sample(16)
    none, few = sample.copy(), sample.copy()
    none[pool.rows] = np.nan
    few[pool.rows] = np.nan
    few[bins.probes[bins.offsets[:-1]]] = sample[bins.probes[bins.offsets[:-1]]]
    reasons = [
        profile_sample("case", "F", log2_total, pool, bins, lenient).reason
        for log2_total in (none, few)
    ]
    assert reasons == [
        "no autosomal probe is measured in the sample and in all controls",
        "no autosomal bin has enough measured probes: scan the array again",
    ]


def test_missing_probes_give_the_same_bytes_each_time(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    sample, _ = _without(array.sample(17), 0.03)
    one, two = (fit_sample("case", "F", sample, pool, bins, PARAMETERS) for _ in range(2))
    assert isinstance(one, Fit)
    assert isinstance(two, Fit)
    assert one.ratio.tobytes() == two.ratio.tobytes()
