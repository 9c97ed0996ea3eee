"""Bins and arms follow the genome build, and a chromosome without probes is not called."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.copynumber import Bins, ControlPool, make_bins, make_pool, profile_sample
from cup_assets.genome import chromosome_arms
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event, probes_frame


@pytest.mark.parametrize("build", ["hg19", "hg38"])
def test_no_bin_lies_in_the_excluded_regions_or_over_the_centromeres_of_its_build(
    build: str,
) -> None:
    frame = make_bins(probes_frame(60_000), build, PARAMETERS).frame
    excluded = [region[1:] for region in PARAMETERS.excluded_regions if region[0] == build]
    assert len(excluded) == 3
    tile = PARAMETERS.tile_size
    for chrom, start, end in excluded:
        inside = (pl.col("start") >= start) & (pl.col("end") <= end)
        bridging = (pl.col("start") < start - tile) & (pl.col("end") > end + tile)
        assert frame.filter(pl.col("chrom") == chrom, inside | bridging).is_empty()
    arms = frame.join(chromosome_arms(build), on="arm", suffix="_arm")
    assert arms.height == frame.height
    assert (arms["start"] > arms["start_arm"] - tile).all()
    assert (arms["end"] < arms["end_arm"] + tile).all()


def test_the_same_probes_have_other_bins_in_another_build() -> None:
    probes = probes_frame(12_000)
    keys = [make_bins(probes, build, PARAMETERS).key for build in ("hg19", "hg38")]
    assert keys[0] != keys[1]
    with pytest.raises(ValueError, match="unknown genome build"):
        make_bins(probes, "hg17", PARAMETERS)


def test_a_chromosome_that_the_array_does_not_cover_is_not_called(array: Array) -> None:
    poor = Array(array.probes.with_columns(pl.col("chrom").replace("21", "20")))
    bins, pool = poor.bins(), poor.pool(8)
    profile = profile_sample("case", "F", poor.sample(3), pool, bins, PARAMETERS)
    assert profile.called
    calls = profile.calls.filter(pl.col("region").is_in(["21p", "21q"]))
    assert calls["call"].to_list() == ["no_call", "no_call"]
    assert "21" not in profile.segments["chrom"]


def test_a_chromosome_that_a_scan_lacks_is_not_called_and_the_others_are(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    sample = array.sample(4, "F", (arm_event("8q", 0.5),))
    sample[(array.probes["chrom"] == "21").to_numpy()] = np.nan
    profile = profile_sample("case", "F", sample, pool, bins, PARAMETERS)
    calls = dict(profile.calls.filter(kind="arm")["region", "call"].iter_rows())
    assert (calls["21q"], calls["8q"], calls["1p"]) == ("no_call", "gain", "neutral")


def test_a_single_sample_is_profiled_as_it_is_among_others(array: Array, bins: Bins) -> None:
    """Nothing but the pool is shared: the order and number of samples cannot matter."""
    log2 = np.stack([array.sample(1000 + i, "FM"[i % 2]) for i in range(8)])
    ids = [f"n{i}" for i in range(8)]
    pool = make_pool("test", ids, list("FM" * 4), log2, bins, PARAMETERS)
    samples = [array.sample(i, "F", (arm_event("7p", 0.5),)) for i in range(3)]
    alone = profile_sample("case1", "F", samples[1], pool, bins, PARAMETERS)
    among = [
        profile_sample(f"case{i}", "F", sample, pool, bins, PARAMETERS)
        for i, sample in enumerate(samples)
    ]
    assert among[1].calls.equals(alone.calls)
    assert among[1].segments.equals(alone.segments)
