"""Files for genome browsers: their headers, and which base is the first."""

from __future__ import annotations

import polars as pl

from cup_assets.copynumber.export import bed_text, bedgraph_text, seg_text

SEGMENTS = pl.DataFrame(
    {
        "sample_id": ["one", "one", "two"],
        "chrom": ["1", "X", "1"],
        "start": [0, 50_000, 100_000],
        "end": [50_000, 150_000, 200_000],
        "n_probes": [15, 30, 45],
        "log2": [0.123456, -1.0, 0.0],
        "call": ["gain", "loss", "neutral"],
    }
)


def test_a_seg_file_has_igvs_header_and_counts_from_one() -> None:
    lines = seg_text(SEGMENTS).splitlines()
    assert lines[0] == "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean"
    assert lines[1] == "one\t1\t1\t50000\t15\t0.1235"
    assert lines[2] == "one\tX\t50001\t150000\t30\t-1.0"
    assert len(lines) == 4


def test_neighbouring_segments_neither_overlap_nor_leave_a_base_out_in_a_seg_file() -> None:
    pair = pl.DataFrame(
        {"sample_id": ["s", "s"], "chrom": ["1", "1"], "start": [0, 50], "end": [50, 80],
         "n_probes": [1, 1], "log2": [0.0, 0.0]}
    )  # fmt: skip
    _, first, second = (line.split("\t") for line in seg_text(pair).splitlines())
    assert int(second[2]) == int(first[3]) + 1


def test_a_bedgraph_counts_from_zero_and_names_sample_and_build() -> None:
    bins = pl.DataFrame(
        {"chrom": ["1", "X"], "start": [0, 50_000], "end": [50_000, 100_000], "log2": [0.25, -0.5]}
    )
    track, *lines = bedgraph_text(bins, 'a "case"', "hg38").splitlines()
    assert track.startswith("track type=bedGraph name=\"a 'case' log2 (hg38)\" db=hg38 ")
    assert lines == ["chr1\t0\t50000\t0.25", "chrX\t50000\t100000\t-0.5"]


def test_a_bed_file_counts_from_zero_and_leaves_out_what_is_neutral() -> None:
    track, *lines = bed_text(SEGMENTS, "all", "hg19").splitlines()
    assert track == 'track name="all gains and losses (hg19)" db=hg19 itemRgb=On'
    assert lines == [
        "chr1\t0\t50000\tone:gain\t123\t.\t0\t50000\t239,59,44",
        "chrX\t50000\t150000\tone:loss\t1000\t.\t50000\t150000\t66,146,198",
    ]
