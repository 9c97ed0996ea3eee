from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber import Bins, CnvError, CnvParameters, make_bins
from cup_assets.copynumber.bins import _merge_tiles
from cup_assets.genome import chromosome_arms
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, probes_frame


def test_the_smallest_tile_joins_its_smaller_neighbour() -> None:
    assert _merge_tiles(np.array([16, 3, 20]), 15).tolist() == [0, 2, 3]
    assert _merge_tiles(np.array([20, 3, 16]), 15).tolist() == [0, 1, 3]
    assert _merge_tiles(np.array([3, 4]), 15).tolist() == [0, 2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_merging_stops_as_soon_as_every_bin_has_enough_probes(counts: list[int]) -> None:
    edges = _merge_tiles(np.array(counts), 15)
    sums = np.add.reduceat(counts, edges[:-1])
    assert edges[0] == 0
    assert edges[-1] == len(counts)
    assert (sums >= 15).all() or len(sums) == 1
    # A tile that had enough is only ever joined by smaller ones.
    assert len(sums) >= min(1, sum(n >= 15 for n in counts))
    assert int(sums.sum()) == sum(counts)


def test_bins_hold_enough_probes_of_one_arm_in_genome_order(array: Array, bins: Bins) -> None:
    frame = bins.frame
    assert int(frame["n_probes"].min()) >= PARAMETERS.min_probes  # type: ignore[arg-type]
    assert np.diff(bins.offsets).tolist() == frame["n_probes"].to_list()
    arm_bounds = frame.join(chromosome_arms("hg19"), on="arm", suffix="_arm")
    tile = PARAMETERS.tile_size
    assert (arm_bounds["start"] > arm_bounds["start_arm"] - tile).all()
    assert (arm_bounds["end"] < arm_bounds["end_arm"] + tile).all()
    same = frame["chrom"].to_numpy()[1:] == frame["chrom"].to_numpy()[:-1]
    assert (frame["start"].to_numpy()[1:] >= frame["end"].to_numpy()[:-1])[same].all()
    probes = array.probes[bins.probes].with_columns(
        bin=pl.Series(np.repeat(np.arange(frame.height), np.diff(bins.offsets)))
    )
    lying = probes.join(frame.with_row_index("bin").with_columns(pl.col("bin").cast(int)), on="bin")
    assert (lying["chrom"] == lying["chrom_right"]).all()
    assert lying.select((pl.col("pos") >= pl.col("start")) & (pl.col("pos") < pl.col("end")))[
        "pos"
    ].all()


def test_no_bin_bridges_an_excluded_region(array: Array, bins: Bins) -> None:
    probes = array.probes[bins.probes]
    for build, chrom, start, end in PARAMETERS.excluded_regions:
        if build == "hg19":
            here = pl.col("chrom") == chrom
            assert probes.filter(here, pl.col("pos").is_between(start, end - 1)).is_empty()
            over = bins.frame.filter(here, pl.col("start") < start, pl.col("end") > end)
            assert over.is_empty()


@pytest.mark.parametrize("n", [12_000, 60_000])
def test_sparse_and_dense_arrays_cover_nine_tenths_of_the_genome(n: int) -> None:
    frame = make_bins(probes_frame(n), "hg19", PARAMETERS).frame
    covered = int((frame["end"] - frame["start"]).sum())
    arms = chromosome_arms("hg19").filter(pl.col("arm").is_in(frame["arm"].unique().to_list()))
    assert covered > 0.9 * int((arms["end"] - arms["start"]).sum())


def test_a_bin_over_a_gap_is_dropped() -> None:
    pos = [*range(1_000_000, 1_100_000, 5_000), *range(30_000_000, 30_100_000, 5_000)]
    probes = pl.DataFrame(
        {"probe_id": map(str, pos), "chrom": "1", "pos": pos, "genes": None, "kind": "cg"},
        schema_overrides={"genes": pl.String},
    )
    dense = CnvParameters(max_bin_size=5_000_000, max_bin_spread=0)
    assert make_bins(probes, "hg19", dense).frame["end"].to_list() == [1_100_000, 30_100_000]
    with pytest.raises(CnvError, match="no copy-number bins on hg19"):
        make_bins(probes, "hg19", CnvParameters(max_bin_size=10_000, max_bin_spread=0))


def test_snp_probes_and_probes_without_a_place_are_left_out(array: Array) -> None:
    odd = array.probes.with_row_index("row").with_columns(
        kind=pl.when(pl.col("row") % 7 == 0).then(pl.lit("rs")).otherwise(pl.col("kind")),
        pos=pl.when(pl.col("row") % 11 == 0).then(None).otherwise(pl.col("pos")),
    )
    used = make_bins(odd, "hg19", PARAMETERS).probes
    assert not (used % 7 == 0).any()
    assert not (used % 11 == 0).any()


def test_a_manifest_without_positions_is_refused() -> None:
    bare = probes_frame(500).with_columns(pos=pl.lit(None, pl.Int64))
    with pytest.raises(CnvError, match="0 of 500 probes have a usable position"):
        make_bins(bare, "hg19", PARAMETERS)


def test_genes_are_where_the_manifest_puts_them_without_far_off_namesakes() -> None:
    probes = probes_frame(12_000, genes=("MYC",))
    seat = probes.with_row_index("row").filter(pl.col("genes") == "MYC;OTHER")
    stray = int(probes.with_row_index("row").filter(pl.col("genes").is_null())["row"][0])
    names = probes["genes"].to_list()
    names[stray] = "MYC"
    place = make_bins(probes.with_columns(genes=pl.Series(names)), "hg19", PARAMETERS).genes["MYC"]
    assert sorted(place.rows.tolist()) == seat["row"].to_list()
    assert place.chrom == seat["chrom"][0]
    assert place.arm.startswith(place.chrom)
    assert seat["pos"].min() <= place.centre <= seat["pos"].max()  # type: ignore[operator]


def test_the_key_tells_other_probes_from_these(array: Array, bins: Bins) -> None:
    moved = array.probes.with_columns(pos=pl.col("pos") + 1)
    assert make_bins(array.probes, "hg19", PARAMETERS).key == bins.key
    assert make_bins(moved, "hg19", PARAMETERS).key != bins.key
