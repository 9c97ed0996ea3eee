"""The same panel in two genome builds."""

from __future__ import annotations

import polars as pl
import pytest

from cup_assets.panels.assay import AssayPanel, assay_panel
from cup_assets.panels.assay_builds import best_build, laid_in
from cup_assets.panels.assay_files import panel_files
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import technologies

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
    assert (same, none) == (panel, [])
    other, notes = laid_in(panel, PLACES, "hg19")
    assert other.build == "hg19"
    assert other.windows.rows() == [("A001", "1", 499, 541, NAMES[:2], "TP53")]
    assert other.targets["start"].to_list() == [499, 539]
    assert notes == [
        "amplicon A002 is not laid in hg19: its CpGs lie 802 bp apart there, at most 80 can be"
        " covered",
        "amplicon A003 is not laid in hg19: cg00000005 has no certain place there",
    ]


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


def test_amplicons_are_designed_in_the_build_that_places_most_cpgs() -> None:
    assert best_build(PLACES, NAMES) == "hg38"
    assert best_build(PLACES, NAMES[:5]) == "hg38"  # of equals the newest
    assert best_build(PLACES.with_columns(hg38=pl.lit(None)), NAMES) == "hg19"
    with pytest.raises(PanelError, match="no genome build"):
        best_build(PLACES.select("probe_id", "genes"), NAMES)
