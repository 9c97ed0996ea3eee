"""The same panel in two genome builds."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.places import places_by_build
from cup_assets.panels.assay import AssayPanel, assay_panel
from cup_assets.panels.assay_builds import best_build, laid_in
from cup_assets.panels.assay_files import panel_files
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import technologies

Place = tuple[str, int]
NAMES = [f"cg{at:08d}" for at in range(6)]
PLACES = pl.DataFrame(
    {
        "probe_id": NAMES,
        # Two CpGs an amplicon: the second pair drifts apart, the third loses its place.
        "hg19": ["1:500", "1:540", "2:100", "2:900", "3:100", None],
        "hg38": ["1:1500", "1:1540", "2:100", "2:140", "3:100", "3:140"],
        "genes": ["TP53", "TP53", None, None, None, None],
    }
)


@pytest.fixture
def panel() -> AssayPanel:
    effects = pl.DataFrame({"probe_id": NAMES, "class": "acinic", "difference": 0.5})
    order = pl.DataFrame({"probe_id": NAMES})
    return assay_panel(
        order, PLACES, effects, {}, technologies()["pyrosequencing"], 6, "hg38", "FFPE"
    )


def test_amplicons_are_laid_anew_and_those_that_cannot_be_are_named(panel: AssayPanel) -> None:
    assert panel.windows["amplicon"].to_list() == ["A001", "A002", "A003"]
    same, none = laid_in(panel, PLACES, "hg38")
    assert (same, none) == (panel, {})
    other, notes = laid_in(panel, PLACES, "hg19")
    assert other.build == "hg19"
    assert other.windows.rows() == [("A001", "1", 499, 541, NAMES[:2], "TP53")]
    assert other.targets["start"].to_list() == [499, 539]
    assert notes == {
        "A002": "its CpGs lie 802 bp apart there, at most 80 can be covered",
        "A003": "cg00000005 has no certain place there",
    }


def test_every_build_has_its_files_and_what_it_lacks_stands_in_them(panel: AssayPanel) -> None:
    files = panel_files(panel, PLACES)
    assert set(files) == {"left_out.csv"} | {
        f"{what}_{build}.{kind}"
        for build in ("hg19", "hg38")
        for what, kind in (("targets", "bed"), ("windows", "bed"), ("order", "csv"))
    }
    bed = files["windows_hg19.bed"].decode().splitlines()
    assert [line for line in bed if not line.startswith("#")] == ["chr1\t499\t541\tA001"]
    assert "# amplicon A003 is not laid in hg19: cg00000005 has no certain place there" in bed
    assert not any("is not laid" in line for line in files["windows_hg38.bed"].decode().split("\n"))
    orders = {build: read_order(files[f"order_{build}.csv"]) for build in ("hg19", "hg38")}
    # An order for the other build has a line for what cannot be ordered there, too.
    assert orders["hg19"]["amplicon", "chrom", "start", "note"].rows() == [
        ("A001", "chr1", 499, None),
        ("A002", None, None, "its CpGs lie 802 bp apart there, at most 80 can be covered"),
        ("A003", None, None, "cg00000005 has no certain place there"),
    ]
    assert orders["hg38"]["note"].null_count() == orders["hg38"].height == 3
    assert {build for each in orders.values() for build in each["build"]} == {"hg19", "hg38"}
    assert orders["hg19"]["build"].unique().to_list() == ["hg19"]


def read_order(content: bytes) -> pl.DataFrame:
    kinds = {"note": pl.String, "chrom": pl.String, "start": pl.Int64, "genes": pl.String}
    return pl.read_csv(content, schema_overrides=kinds)


def manifests(old: Mapping[str, Place], new: Mapping[str, Place], first: str) -> pl.DataFrame:
    """Return the probes of an array on hg19, and of one on hg38 that has every probe twice."""
    rows = [("450k", name, name, *place, "hg19") for name, place in old.items()] + [
        ("EPICv2", f"{name}_TC2{copy}", name, *place, "hg38")
        for name, place in new.items()
        for copy in (1, 2)
    ]
    columns = ("array", "probe_id", "name", "chrom", "pos", "build")
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        genes=pl.lit(None, pl.String)
    )
    return frame.sort(pl.col("array") != first, maintain_order=True)


def laid_lines(content: bytes) -> list[tuple[str, int, int, str]]:
    lines = [line.split("\t") for line in content.decode().splitlines() if line[0] != "#"]
    return [(chrom, int(start), int(end), name) for chrom, start, end, name in lines]


# So near to each other that windows hold several, and that they meet in another build.
places = st.tuples(st.sampled_from(["1", "2"]), st.integers(1, 400))


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_cohort_on_two_builds_gives_every_build_its_own_places_and_loses_nothing_in_silence(
    data: st.DataObject,
) -> None:
    old = dict(zip(NAMES, data.draw(st.lists(places, min_size=6, max_size=6)), strict=True))
    new = dict(zip(NAMES, data.draw(st.lists(places, min_size=6, max_size=6)), strict=True))
    truth = {"hg19": old, "hg38": new}
    found = places_by_build(manifests(old, new, "450k"), NAMES)
    assert found.equals(places_by_build(manifests(old, new, "EPICv2"), NAMES))
    technology = technologies()["pyrosequencing"]
    effects = pl.DataFrame({"probe_id": NAMES, "class": "acinic", "difference": 0.5})
    order = pl.DataFrame({"probe_id": NAMES})
    designed = data.draw(st.sampled_from(["hg19", "hg38"]))
    panel = assay_panel(order, found, effects, {}, technology, 6, designed, "FFPE")
    # One name for both arrays, whatever each calls its probes.
    chosen = dict(panel.targets["probe_id", "amplicon"].iter_rows())
    assert set(chosen) <= set(NAMES)
    files = panel_files(panel, found)
    for build in ("hg19", "hg38"):
        targets, windows = (
            laid_lines(files[f"{what}_{build}.bed"]) for what in ("targets", "windows")
        )
        for chrom, start, end, name in targets:
            own_chrom, position = truth[build][name]
            assert (chrom, start, end) == (f"chr{own_chrom}", position - 1, position + 1)
        laid = {name: (chrom, start, end) for chrom, start, end, name in windows}
        assert {chosen[name] for *_, name in targets} == set(laid)
        for amplicon, (chrom, start, end) in laid.items():
            own = [each for each in targets if chosen[each[3]] == amplicon]
            assert len(own) == list(chosen.values()).count(amplicon)
            assert {each[0] for each in own} == {chrom}
            assert (start, end) == (min(e[1] for e in own), max(e[2] for e in own))
            assert end - start <= technology.window("FFPE")
            assert not any(
                chrom == other[0] and start < other[2] and other[1] < end
                for name, other in laid.items()
                if name != amplicon
            )
        assert len({each[:3] for each in targets}) == len(targets)
        ordered = read_order(files[f"order_{build}.csv"])
        assert set(ordered["amplicon"]) == set(chosen.values())
        assert ordered["start"].is_null().equals(ordered["note"].is_not_null())
        assert set(ordered.drop_nulls("start")["amplicon"]) == set(laid)


def test_amplicons_are_designed_in_the_build_that_places_most_cpgs() -> None:
    assert best_build(PLACES, NAMES) == "hg38"
    assert best_build(PLACES, NAMES[:5]) == "hg38"  # of equals the newest
    assert best_build(PLACES.with_columns(hg38=pl.lit(None)), NAMES) == "hg19"
    with pytest.raises(PanelError, match="no genome build"):
        best_build(PLACES.select("probe_id", "genes"), NAMES)
