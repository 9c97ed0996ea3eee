"""The choice of CpGs that a technology can measure, on places and effects of which all is known."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.panels.assay import AssayPanel, assay_panel
from cup_assets.panels.assay_files import order_csv, targets_bed, windows_bed
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import Technology, technologies

SEQ = technologies()["bisulfite_amplicon_seq"]
MSP = technologies()["msp_qpcr"]
# Name: place on hg38, difference of mean beta, class.
Cpgs = dict[str, tuple[str | None, float | None, str]]


def choose(
    cpgs: Cpgs,
    technology: Technology = SEQ,
    size: int = 10,
    excluded: dict[str, str] | None = None,
    material: str = "FFPE",
) -> AssayPanel:
    """Choose from CpGs in the order given; the window of `SEQ` on FFPE is 100 bp."""
    places = pl.DataFrame(
        {
            "probe_id": list(cpgs),
            "hg38": [place for place, _, _ in cpgs.values()],
            "genes": [f"G{at};SHARED" for at in range(len(cpgs))],
        },
        schema={"probe_id": pl.String, "hg38": pl.String, "genes": pl.String},
    )
    known = {name: row for name, row in cpgs.items() if row[1] is not None}
    # Each CpG tells less of another class, which must not count.
    effects = pl.DataFrame(
        [(name, "weak", 0.01) for name in known]
        + [(name, label, difference) for name, (_, difference, label) in known.items()],
        schema={"probe_id": pl.String, "class": pl.String, "difference": pl.Float64},
        orient="row",
    )
    ordered = pl.DataFrame({"probe_id": list(cpgs)}, schema={"probe_id": pl.String})
    return assay_panel(
        ordered, places, effects, excluded or {}, technology, size, material=material
    )


def groups(panel: AssayPanel) -> list[list[str]]:
    return [list(cpgs) for cpgs in panel.windows["cpgs"]]


def why(panel: AssayPanel) -> dict[str, str]:
    return dict(panel.left_out.select("probe_id", "reason").iter_rows())


def test_the_best_cpgs_are_taken_and_neighbours_share_an_amplicon() -> None:
    panel = choose(
        {
            "cg1": ("1:1000", 0.5, "a"),
            "cg2": ("2:5000", -0.4, "b"),
            "cg3": ("1:1098", 0.3, "a"),
            "cg4": ("1:903", 0.3, "b"),
        }
    )
    # 1000..1099 is 100 bp and fits; 903 would make 197.
    assert groups(panel) == [["cg1", "cg3"], ["cg2"], ["cg4"]]
    spans = panel.windows.select("chrom", "start", "end").rows()
    assert spans == [("1", 999, 1099), ("2", 4999, 5001), ("1", 902, 904)]
    assert panel.targets["order"].to_list() == [1, 2, 3, 4]
    assert panel.targets["class"].to_list() == ["a", "b", "a", "b"]
    assert panel.targets["difference"].to_list() == [0.5, -0.4, 0.3, 0.3]
    assert panel.windows["genes"][0] == "G0;G2;SHARED"
    assert panel.left_out.is_empty()


def test_one_base_more_than_the_window_needs_a_second_amplicon() -> None:
    cpgs: Cpgs = {"cg1": ("1:1000", 0.5, "a"), "cg2": ("1:1099", 0.5, "a")}
    assert groups(choose(cpgs)) == [["cg1"], ["cg2"]]
    assert groups(choose(cpgs, material="frozen")) == [["cg1", "cg2"]]


def test_nobody_is_dropped_in_silence() -> None:
    panel = choose(
        {
            "cg1": ("1:1000", 0.5, "a"),
            "cg2": ("2:1000", 0.5, "a"),
            "rs3": ("3:1000", 0.5, "a"),
            "cg4": (None, 0.5, "a"),
            "cg5": ("1:5 / 2:9", 0.5, "a"),
            "cg6": ("0:0", 0.5, "a"),
            "cg7": ("7:1000", None, "a"),
            "cg8": ("8:1000", -0.0499, "a"),
            "cg9": ("1:1000", 0.5, "a"),
            "cg10": ("10:1000", -0.05, "a"),
            "cg11": ("11:1000", 0.9, "a"),
            "cg12": ("12", 0.9, "a"),
        },
        size=2,
        excluded={"cg2": "SNP under the probe"},
    )
    assert panel.targets["probe_id"].to_list() == ["cg1", "cg10"]
    assert why(panel) == {
        "cg2": "excluded: SNP under the probe",
        "rs3": "measures no CpG",
        "cg4": "its place in hg38 is unknown",
        "cg5": "its place in hg38 is not certain: 1:5 / 2:9",
        "cg6": "0:0 in hg38 is no place on a chromosome",
        "cg7": "its effect is unknown",
        "cg8": "its largest difference of mean beta is 0.049,"
        " multiplex bisulfite amplicon sequencing needs 0.05",
        "cg9": "is the same CpG as cg1",
        "cg11": "the panel has its 2 CpGs",
        "cg12": "12 in hg38 is no place on a chromosome",
    }
    assert panel.left_out["order"].to_list() == [2, 3, 4, 5, 6, 7, 8, 9, 11, 12]


def test_pcr_without_sequence_needs_a_quarter_of_a_beta() -> None:
    cpgs: Cpgs = {"cg1": ("1:1000", 0.2499, "a"), "cg2": ("2:1000", -0.25, "a")}
    for name in ("msp_qpcr", "ddpcr"):
        assert groups(choose(cpgs, technologies()[name])) == [["cg2"]]
    assert groups(choose(cpgs)) == [["cg1"], ["cg2"]]


def test_a_cpg_in_a_chosen_window_goes_before_a_slightly_better_one() -> None:
    cpgs: Cpgs = {
        "cg1": ("1:1000", 0.5, "a"),
        "cg2": ("2:1000", 0.5, "a"),
        "cg3": ("3:1000", 0.5, "a"),
        "cg4": ("1:1050", 0.5, "a"),
    }
    for look_ahead, expected in ((2, ["cg1", "cg4"]), (1, ["cg1", "cg2"]), (0, ["cg1", "cg2"])):
        panel = choose(cpgs, replace(SEQ, look_ahead=look_ahead), size=2)
        assert panel.targets["probe_id"].to_list() == expected


def test_with_all_amplicons_used_only_their_windows_are_filled() -> None:
    cpgs: Cpgs = {
        "cg1": ("1:1000", 0.5, "a"),
        "cg2": ("2:1000", 0.5, "a"),
        "cg3": ("3:1000", 0.5, "a"),
        "cg4": ("2:1010", 0.5, "a"),
    }
    panel = choose(cpgs, replace(SEQ, max_amplicons=2, look_ahead=0))
    assert groups(panel) == [["cg1"], ["cg2", "cg4"]]
    assert why(panel) == {"cg3": "needs an amplicon of its own, and all 2 are used"}


def test_one_value_is_never_the_mean_of_cpgs_that_say_different_things() -> None:
    cpgs: Cpgs = {
        "cg1": ("1:1000", 0.5, "a"),
        "cg2": ("1:1050", -0.5, "a"),
        "cg3": ("1:1060", 0.5, "b"),
        "cg4": ("1:1040", 0.5, "a"),
        "cg5": ("1:1020", 0.5, "b"),
    }
    panel = choose(cpgs, replace(MSP, look_ahead=0))
    assert groups(panel) == [["cg1", "cg4"], ["cg2"], ["cg3"]]
    assert why(panel) == {
        "cg5": "has no room beside amplicon A001, which gives one value for: a, hypermethylated"
    }
    # A sequencer reads each CpG by itself.
    assert groups(choose(cpgs)) == [["cg1", "cg5", "cg4", "cg2", "cg3"]]


def test_input_that_does_not_fit_is_refused_in_a_line() -> None:
    cpgs: Cpgs = {"cg1": ("1:1000", 0.01, "a"), "cg2": (None, 0.5, "a"), "cg3": (None, 0.5, "a")}
    with pytest.raises(
        PanelError, match=r"none of 3 CpGs can be .*often: its place in hg38 is unk"
    ):
        choose(cpgs)
    with pytest.raises(PanelError, match="size is 0"):
        choose(cpgs, size=0)
    with pytest.raises(PanelError, match="is not for FFPE"):
        choose(cpgs, technologies()["nanopore_adaptive"])
    places = pl.DataFrame({"probe_id": ["cg1"], "hg19": ["1:1"], "genes": [None]})
    effects = pl.DataFrame({"probe_id": ["cg1"], "class": ["a"], "difference": [0.5]})
    with pytest.raises(PanelError, match="no place is known in hg38: use hg19"):
        assay_panel(places.select("probe_id"), places, effects, {}, SEQ, 1)
    with pytest.raises(PanelError, match="cg1 is twice in the ordered list"):
        assay_panel(pl.concat([places, places]), places, effects, {}, SEQ, 1, "hg19")


def test_files_are_zero_based_sorted_by_the_genome_and_name_the_build() -> None:
    panel = choose(
        {
            "cg1": ("10:1000", 0.5, "a"),
            "cg2": ("2:7000", 0.5, "a"),
            "cg3": ("10:1010", 0.5, "a"),
            "cg4": ("X:5", 0.5, "a"),
        }
    )
    head, *lines = targets_bed(panel).splitlines()
    assert head.startswith("# CpGs of multiplex bisulfite")
    assert "genome build hg38, 0-based" in head
    assert lines == [
        "chr2\t6999\t7001\tcg2",
        "chr10\t999\t1001\tcg1",
        "chr10\t1009\t1011\tcg3",
        "chrX\t4\t6\tcg4",
    ]
    assert windows_bed(panel).splitlines()[1:] == [
        "chr2\t6999\t7001\tA002",
        "chr10\t999\t1011\tA001",
        "chrX\t4\t6\tA003",
    ]
    rows = order_csv(panel).splitlines()
    assert rows[0] == (
        "amplicon,chrom,start,end,build,technology,material,longest_amplicon,cpgs,genes,note"
    )
    assert rows[1] == (
        "A001,chr10,999,1011,hg38,bisulfite_amplicon_seq,FFPE,150,cg1;cg3,G0;G2;SHARED,"
    )


def test_flanks_of_targets_stay_on_their_chromosome() -> None:
    nanopore = technologies()["nanopore_adaptive"]
    cpgs: Cpgs = {"cg1": ("1:1000", 0.5, "a"), "cg2": ("21:46709000", 0.5, "a")}
    panel = choose(cpgs, nanopore, material="frozen")
    assert windows_bed(panel).splitlines() == [
        "# windows with 10000 bp on each side of nanopore sequencing with adaptive sampling,"
        " frozen, genome build hg38, 0-based half-open",
        "chr1\t0\t11001\tA001",
        "chr21\t46698999\t46709983\tA002",
    ]


PLACES = st.tuples(st.sampled_from(["1", "X"]), st.integers(1, 900))


@settings(max_examples=150, deadline=None)
@given(
    places=st.lists(PLACES, min_size=1, max_size=40),
    says=st.lists(st.tuples(st.sampled_from([0.4, -0.4]), st.sampled_from("ab")), min_size=40),
    size=st.integers(1, 30),
    most=st.integers(1, 8),
    look_ahead=st.integers(0, 5),
    technology=st.sampled_from([SEQ, MSP]),
)
def test_any_choice_keeps_the_limits_and_accounts_for_every_cpg(
    places: list[tuple[str, int]],
    says: list[tuple[float, str]],
    size: int,
    most: int,
    look_ahead: int,
    technology: Technology,
) -> None:
    cpgs: Cpgs = {
        f"cg{at}": (f"{chrom}:{pos}", *say)
        for at, ((chrom, pos), say) in enumerate(zip(places, says, strict=False))
    }
    limits = replace(technology, max_amplicons=most, look_ahead=look_ahead)
    panel = choose(cpgs, limits, size)
    chosen, left = panel.targets["probe_id"].to_list(), panel.left_out["probe_id"].to_list()
    assert sorted(chosen + left) == sorted(cpgs)
    assert len(chosen) <= size
    assert panel.windows.height <= most
    assert chosen[0] == "cg0"
    assert sorted(name for group in groups(panel) for name in group) == sorted(chosen)
    longest = technology.window("FFPE")
    assert (panel.windows["end"] - panel.windows["start"]).max() <= longest  # type: ignore[operator]
    for _, some in panel.windows.sort("start").group_by("chrom"):
        assert (some["start"] >= some["end"].shift(1)).fill_null(True).all()
    joined = panel.targets.join(panel.windows, on="amplicon", suffix="_window")
    assert (joined["start"] >= joined["start_window"]).all()
    assert (joined["end"] <= joined["end_window"]).all()
    assert not panel.targets.select("chrom", "start").is_duplicated().any()
    if technology is MSP:
        said = panel.targets.with_columns(pl.col("difference") > 0).group_by("amplicon")
        assert (said.agg(pl.struct("class", "difference").n_unique())["class"] == 1).all()
    # A CpG left out for want of amplicons fits in none of those there are.
    for name, reason in why(panel).items():
        if "amplicon of its own" in reason:
            chrom, pos = cpgs[name][0].split(":")  # type: ignore[union-attr]
            assert panel.windows.height == most
            if technology is SEQ:
                for row in panel.windows.filter(pl.col("chrom") == chrom).iter_rows(named=True):
                    start, end = min(row["start"], int(pos) - 1), max(row["end"], int(pos) + 1)
                    others = panel.windows.filter(
                        (pl.col("chrom") == chrom)
                        & (pl.col("amplicon") != row["amplicon"])
                        & (pl.col("start") < end)
                        & (pl.col("end") > start)
                    )
                    assert end - start > longest or others.height
