from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cup_assets.copynumber import (
    BINS_SCHEMA,
    CALLS_SCHEMA,
    SEGMENTS_SCHEMA,
    SUMMARY_SCHEMA,
    Bins,
    CnvError,
    CnvParameters,
    CnvProfile,
    ControlPool,
    make_bins,
    make_pool,
    no_call_profile,
    profile_sample,
)
from cup_assets.copynumber.fit import Fit, Refusal, fit_sample
from cup_assets.genome import chromosome_arms
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event, probes_frame

_LONG_ARMS = [
    arm
    for arm, start, end in chromosome_arms("hg19").select("arm", "start", "end").iter_rows()
    if end - start > 30_000_000 and arm[:-1] not in ("X", "Y")
]


def _profile(
    array: Array, pool: ControlPool, bins: Bins, log2: NDArray[np.float32], sex: str | None = "F"
) -> CnvProfile:
    return profile_sample("case", sex, log2, pool, bins, PARAMETERS)


def _arms(profile: CnvProfile) -> dict[str, str]:
    arms = profile.calls.filter(pl.col("kind") == "arm")
    return dict(arms.select("region", "call").iter_rows())


def _altered(profile: CnvProfile) -> dict[str, str]:
    return {a: c for a, c in _arms(profile).items() if c not in ("neutral", "no_call")}


@settings(deadline=None, max_examples=25, derandomize=True)
@given(arm=st.sampled_from(_LONG_ARMS), change=st.sampled_from([-0.35, 0.3]), seed=st.integers(0))
def test_a_planted_arm_is_found_at_its_place_and_nowhere_else(
    array: Array, pool: ControlPool, bins: Bins, arm: str, change: float, seed: int
) -> None:
    profile = _profile(array, pool, bins, array.sample(seed, "F", (arm_event(arm, change),)))
    assert _altered(profile) == {arm: "gain" if change > 0 else "loss"}
    row = profile.calls.filter(pl.col("region") == arm)
    assert row["log2"].item() == pytest.approx(change, abs=0.08)
    chrom, start, end, _ = arm_event(arm, change)
    segment = profile.segments.filter(pl.col("call").is_in(["gain", "loss"]))
    assert segment["chrom"].to_list() == [chrom]
    assert abs(segment["start"].item() - start) < 20_000_000
    assert abs(segment["end"].item() - end) < 6_000_000


@settings(deadline=None, max_examples=15, derandomize=True)
@given(quarters=st.integers(-12, 12), seed=st.integers(0, 1000))
def test_a_constant_shift_of_the_sample_changes_no_call(
    array: Array, pool: ControlPool, bins: Bins, quarters: int, seed: int
) -> None:
    sample = array.sample(seed, "F", (arm_event("7p", 0.4), arm_event("9p", -0.4)))
    here = _profile(array, pool, bins, sample)
    there = _profile(array, pool, bins, sample + np.float32(quarters / 4))
    assert there.calls["call"].to_list() == here.calls["call"].to_list()
    np.testing.assert_allclose(
        there.bins["log2"].to_numpy(), here.bins["log2"].to_numpy(), atol=1e-4
    )


def test_the_segments_of_a_chromosome_cover_its_bins_exactly(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    events = (arm_event("3p", -0.4), arm_event("8q", 0.5), ("11", 60_000_000, 80_000_000, 0.7))
    profile = _profile(array, pool, bins, array.sample(3, "M", events), "M")
    assert profile.segments.height > 25
    for (chrom,), of_chrom in profile.bins.group_by("chrom", maintain_order=True):
        segments = profile.segments.filter(pl.col("chrom") == chrom)
        starts, ends = segments["start"].to_list(), segments["end"].to_list()
        assert starts[0] == of_chrom["start"][0]
        assert ends[-1] == of_chrom["end"][-1]
        held = 0
        for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
            inside = of_chrom.filter(pl.col("start") >= start, pl.col("end") <= end)
            assert start in of_chrom["start"]
            assert end in of_chrom["end"]
            assert int(inside["n_probes"].sum()) == segments["n_probes"][i]
            held += inside.height
        assert held == of_chrom.height


def test_normals_have_no_altered_segment(array: Array, pool: ControlPool, bins: Bins) -> None:
    for seed in range(30):
        sex = "FM"[seed % 2]
        profile = _profile(array, pool, bins, array.sample(seed, sex), sex)
        assert profile.segments["call"].unique().to_list() == ["neutral"]
        assert profile.segments.height <= 25
        assert profile.altered_fraction == 0.0
        assert _altered(profile) == {}
        assert profile.calls.filter(~pl.col("call").is_in(["neutral", "no_call"])).is_empty()


def test_the_altered_fraction_is_the_altered_part_of_the_genome(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    arms = ("1q", "3p", "5q", "8q")
    profile = _profile(
        array, pool, bins, array.sample(4, "F", tuple(arm_event(a, 0.4) for a in arms))
    )
    rows = chromosome_arms("hg19").filter(~pl.col("chrom").is_in(["X", "Y"]))
    length = rows.with_columns(length=pl.col("end") - pl.col("start"))
    truth = length.filter(pl.col("arm").is_in(arms))["length"].sum() / length["length"].sum()
    assert profile.altered_fraction == pytest.approx(truth, abs=0.02)


def test_a_control_is_never_its_own_reference(array: Array, bins: Bins) -> None:
    event = (arm_event("8q", 0.5),)
    odd = array.sample(90, "F", event)
    log2 = np.stack([odd, *(array.sample(1000 + i) for i in range(8))])
    ids = ["odd", *(f"n{i}" for i in range(8))]
    pool = make_pool("test", ids, ["F"] * 9, log2, bins, PARAMETERS)
    for name in ("odd", "the same array under another name"):
        profile = profile_sample(name, "F", odd, pool, bins, PARAMETERS)
        assert profile.n_controls == 8
        assert _altered(profile) == {"8q": "gain"}


def test_a_control_is_not_its_own_reference_even_for_want_of_others(array: Array) -> None:
    quiet = Array(array.probes, noise=0.02, seed=array.seed)
    strict = CnvParameters(max_control_correlation=0.9)
    bins, pool = quiet.bins(strict), quiet.pool(5, strict)
    for name, own in (("normal02", pool.log2[2]), ("a copy of normal02", pool.log2[2])):
        fit = fit_sample(name, "F", own, pool, bins, strict)
        assert isinstance(fit, Fit)
        assert fit.controls == ("normal00", "normal01", "normal03", "normal04")
    four = quiet.pool(4, strict)
    another_scan = quiet.sample(77)
    for name, log2 in (("normal02", another_scan), ("a copy of normal02", four.log2[2])):
        refused = fit_sample(name, "F", log2, four, bins, strict)
        assert isinstance(refused, Refusal)
        assert refused.reason.startswith("only 3 of 4 controls can serve this sample")
    assert isinstance(fit_sample("case", "F", another_scan, four, bins, strict), Fit)


def test_controls_too_like_the_sample_are_used_only_for_want_of_others(array: Array) -> None:
    quiet = Array(array.probes, noise=0.02, seed=array.seed)
    strict = CnvParameters(max_control_correlation=0.9)
    bins, pool = quiet.bins(strict), quiet.pool(6, strict)
    profile = profile_sample("case", "F", quiet.sample(5), pool, bins, strict)
    assert profile.n_controls == 4
    assert any("used for want of others" in warning for warning in profile.warnings)


def test_male_and_female_samples_are_measured_against_their_own(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    male = _profile(array, pool, bins, array.sample(6, "M"), "M")
    female = _profile(array, pool, bins, array.sample(6, "F"), "F")
    unknown = _profile(array, pool, bins, array.sample(6, "F"), None)
    assert {_arms(male)[arm] for arm in ("Xp", "Xq", "Yq")} == {"neutral"}
    assert {_arms(female)[arm] for arm in ("Xp", "Xq")} == {"neutral"}
    assert _arms(female)["Yq"] == "no_call"
    assert "Y" not in female.bins["chrom"]
    assert {"X", "Y"}.isdisjoint(unknown.bins["chrom"])
    assert "X and Y not called: sex unknown" in unknown.warnings
    wrong = _profile(array, pool, bins, array.sample(6, "F"), "M")
    assert _arms(wrong)["Xq"] == "gain"
    lost = _profile(array, pool, bins, array.sample(6, "F", (arm_event("Xq", -0.5),)))
    assert _arms(lost)["Xq"] == "loss"


def test_a_pool_without_controls_of_the_sex_leaves_x_and_y_uncalled(
    array: Array, bins: Bins
) -> None:
    log2 = np.stack([array.sample(1000 + i, "F") for i in range(5)])
    pool = make_pool("test", [f"n{i}" for i in range(5)], ["F"] * 5, log2, bins, PARAMETERS)
    profile = _profile(array, pool, bins, array.sample(6, "M"), "M")
    assert "X and Y not called: 0 controls of sex M, at least 2 are needed" in profile.warnings
    assert _arms(profile)["Xp"] == "no_call"
    assert _arms(profile)["1p"] == "neutral"


@pytest.mark.parametrize("k", [4, 6])
def test_few_controls_still_find_arms_and_say_that_they_are_few(
    array: Array, bins: Bins, k: int
) -> None:
    pool = array.pool(k)
    events = (arm_event("3p", -0.4), arm_event("8q", 0.4))
    profile = _profile(array, pool, bins, array.sample(9, "F", events))
    assert _altered(profile) == {"3p": "loss", "8q": "gain"}
    assert any(f"only {k} normal controls" in warning for warning in profile.warnings)


def _bad(kind: str, array: Array) -> NDArray[np.float32]:
    sample = array.sample(1)
    rng = np.random.default_rng(0)
    return {
        "zero": np.zeros_like(sample),
        "flat": np.full_like(sample, 12.0),
        "saturated": np.minimum(sample, np.quantile(sample, 0.3)).astype(np.float32),
        "missing": np.where(np.arange(sample.size) % 9 == 0, np.nan, sample).astype(np.float32),
        "absent": np.full_like(sample, np.nan),
        "infinite": np.where(np.arange(sample.size) == 5, -np.inf, sample).astype(np.float32),
        "unlike": rng.permutation(sample),
        "noisy": array.sample(1, noise=1.2),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("zero", "all intensities are zero: the scan failed"),
        ("flat", r"all intensities are equal \(log2 12.00\)"),
        ("saturated", "70% of the probes are at the highest intensity"),
        (
            "missing",
            r"^11.1% of the array's probes are not in the files, at most 10% may be missing: a",
        ),
        ("absent", r"^100.0% of the array's probes are not in the files"),
        ("infinite", "intensities that are not finite"),
        ("unlike", "intensities do not resemble the controls'"),
        ("noisy", r"noise [12]\.\d+ is above 1.50"),
    ],
)
def test_intensities_that_are_no_measurement_get_no_call_with_the_reason(
    array: Array, pool: ControlPool, bins: Bins, kind: str, reason: str
) -> None:
    profile = _profile(array, pool, bins, _bad(kind, array))
    assert profile.reason is not None
    assert re.search(reason, profile.reason), profile.reason
    assert not profile.called
    assert profile.calls["call"].unique().to_list() == ["no_call"]
    assert profile.calls["log2"].null_count() == profile.calls.height
    assert profile.segments.is_empty()
    assert profile.noise is profile.altered_fraction is None
    assert profile.summary()["state"].item() == "no_call"


def test_a_pool_or_sample_of_another_array_is_refused(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    other = make_bins(probes_frame(30_000, seed=9), "hg19", PARAMETERS)
    with pytest.raises(CnvError, match=r"case: the control pool .* was made with other bins"):
        _profile(array, pool, other, array.sample(1))
    with pytest.raises(CnvError, match="an array of 30000 probes"):
        _profile(array, pool, bins, array.sample(1)[:-1])


def test_frames_have_one_schema_with_and_without_a_profile(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    full = _profile(array, pool, bins, array.sample(1))
    empty = no_call_profile("later", "hg19", "no control pool for this array yet")
    for profile in (full, empty):
        assert dict(profile.bins.schema) == BINS_SCHEMA
        assert dict(profile.segments.schema) == SEGMENTS_SCHEMA
        assert dict(profile.calls.schema) == CALLS_SCHEMA
        assert dict(profile.summary().schema) == SUMMARY_SCHEMA
    fixed = pl.col("kind") != "focal"
    regions = full.calls.filter(fixed).select("kind", "region")
    assert regions.equals(empty.calls.select("kind", "region"))
    assert empty.summary()["reason"].item() == "no control pool for this array yet"
    with pytest.raises(ValueError, match="unknown genome build"):
        no_call_profile("later", "hg17", "reason")


def test_the_same_input_gives_the_same_profile(array: Array, pool: ControlPool, bins: Bins) -> None:
    sample = array.sample(2, "F", (arm_event("8q", 0.4),))
    one, two = (_profile(array, pool, bins, sample) for _ in range(2))
    assert one.calls.equals(two.calls)
    assert one.bins.equals(two.bins)
    assert one.segments.equals(two.segments)
    assert one.summary().equals(two.summary())
