"""What varies slowly along the genome without being copy number makes no event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from cup_assets.copynumber import Bins, CnvProfile, ControlPool, profile_sample
from cup_assets.genome import CHROMOSOMES
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, Event, arm_event

_WAVE_SD = 0.08


def _wavy(array: Array, seed: int, events: tuple[Event, ...] = ()) -> NDArray[np.float32]:
    """Draw a sample whose level changes every 10 Mb."""
    rng = np.random.default_rng([77, seed])
    chrom = array.probes["chrom"].replace_strict({c: i for i, c in enumerate(CHROMOSOMES)})
    place = chrom.to_numpy() * 100 + array.probes["pos"].to_numpy() // 10_000_000
    wave = _WAVE_SD * rng.standard_normal(place.max() + 1)
    return array.sample(seed, "F", events) + wave[place].astype(np.float32)


def _altered(profile: CnvProfile) -> pl.DataFrame:
    return profile.calls.filter(~pl.col("call").is_in(["neutral", "no_call"]))


def test_waves_alone_make_hardly_any_call(array: Array, pool: ControlPool, bins: Bins) -> None:
    profiles = [
        profile_sample("case", "F", _wavy(array, seed), pool, bins, PARAMETERS)
        for seed in range(10)
    ]
    calls = sum(_altered(p).filter(pl.col("kind").is_in(["arm", "focal"])).height for p in profiles)
    assert calls <= 3
    assert np.mean([p.segments.height - 23 for p in profiles]) < 6


def test_without_regard_to_waves_many_would_be_segments(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    blind = replace(PARAMETERS, jump_z=0.0)
    profile = profile_sample("case", "F", _wavy(array, 1), pool, bins, blind)
    assert profile.segments.height > 45


@pytest.mark.parametrize("change", [-0.45, 0.4])
def test_arms_and_focal_events_are_found_among_waves(
    array: Array, pool: ControlPool, bins: Bins, change: float
) -> None:
    focal = ("11", 68_000_000, 76_000_000, 1.4)
    state = "gain" if change > 0 else "loss"
    for seed in range(5):
        events = (arm_event("3p", change), arm_event("8q", change), focal)
        profile = profile_sample("case", "F", _wavy(array, seed, events), pool, bins, PARAMETERS)
        arms = dict(profile.calls.filter(kind="arm")["region", "call"].iter_rows())
        assert (arms["3p"], arms["8q"]) == (state, state)
        found = profile.calls.filter(kind="focal", call="amplification")["region"].to_list()
        assert [region.partition(":")[0] for region in found] == ["11"]
