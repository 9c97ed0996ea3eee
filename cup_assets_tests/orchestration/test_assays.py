"""What the assays and the released panels store, and when they are made anew."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cup_assets.orchestration.conventions import ASSAYS, PANEL_RELEASE
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.audit import trace
from cup_assets_tests.orchestration.chain import Chain, message_of


@pytest.fixture(scope="module")
def catalogue(complete_data: Path) -> Catalogue:
    return Catalogue(complete_data / "warehouse" / "cup.duckdb")


def test_every_technology_has_targets_reasons_and_figures_that_belong_together(
    catalogue: Catalogue,
) -> None:
    panels = catalogue.query("SELECT * FROM assay_panels ORDER BY technology")
    assert panels["technology"].to_list() == ["array", "pyrosequencing"]
    assert panels["note"].null_count() == 2
    for row in panels.iter_rows(named=True):
        name = row["technology"]
        targets = catalogue.query("SELECT * FROM assay_targets WHERE technology = ?", [name])
        refused = catalogue.query("SELECT * FROM assay_refusals WHERE technology = ?", [name])
        assert targets.height == row["n_cpgs"] == 5
        assert targets["amplicon"].n_unique() == row["n_amplicons"]
        assert targets["chosen_in"].is_between(0, 1).all()
        assert targets.height + refused["n"].sum() == 100  # the candidates
        accuracy = catalogue.query(
            "SELECT DISTINCT measured_by, measured FROM assay_accuracy WHERE technology = ?", [name]
        )
        assert set(accuracy["measured_by"]) == {"array", name}
        assert set(accuracy["measured"]) == {2, 5}
        parts = catalogue.query(
            "SELECT DISTINCT outer_fold, inner_fold FROM assay_choices WHERE technology = ?", [name]
        )
        assert parts.height == 3 * (1 + 2)
        assert parts["inner_fold"].null_count() == 3


def test_no_cpg_with_a_known_snp_is_chosen_and_the_reason_is_counted(
    catalogue: Catalogue,
) -> None:
    reasons = catalogue.query("SELECT DISTINCT reason FROM assay_refusals")["reason"].to_list()
    assert "excluded: snp" in reasons
    assert "other" not in reasons


def test_the_files_lie_beside_the_reports_and_name_the_stored_targets(
    complete_data: Path, catalogue: Catalogue
) -> None:
    folder = complete_data / "reports" / "assays"
    (build,) = catalogue.query("SELECT DISTINCT build FROM assay_targets")["build"]
    assert {file.name for file in folder.iterdir()} == {
        f"{technology}_{name}"
        for technology in ("array", "pyrosequencing")
        for name in (
            *(f"targets_{build}.bed", f"windows_{build}.bed", f"order_{build}.csv"),
            "left_out.csv",
        )
    }
    named = {
        line.split("\t")[3]
        for line in (folder / f"pyrosequencing_targets_{build}.bed").read_text().splitlines()
        if not line.startswith("#")
    }
    stored = catalogue.query(
        "SELECT probe_id FROM assay_targets WHERE technology = 'pyrosequencing'"
    )
    assert named == set(stored["probe_id"])
    pictures = complete_data / "reports" / "pictures" / "panels" / "assays" / "all"
    assert {file.stem for file in pictures.iterdir()} == {"expected_accuracy", "refusals"}


def test_a_released_panel_leads_back_to_the_files_it_was_made_of(
    complete_data: Path, catalogue: Catalogue
) -> None:
    rows = catalogue.query("SELECT * FROM panel_releases ORDER BY technology")
    assert rows["is_current"].all()
    asset = catalogue.current(PANEL_RELEASE.to_user_string())
    assert asset is not None
    for row in rows.iter_rows(named=True):
        assert row["release"] == f"p{asset.fingerprint[:12]}-{row['technology']}"
        folder = Settings(complete_data).releases / row["path"]
        record = json.loads((folder / "release.json").read_text())
        assert record["digest"] == row["digest"]
        assert {each["input"] for each in record["input_manifest"]} == {
            "datasets/reference",
            "panels/assays",
        }
    seen: list[str] = []
    trace(catalogue, "panels/release", asset.data_version).walk(lambda of, _: seen.append(of.name))
    assert {"panels/assays", "panels/cpg", "datasets/reference", "raw/idats[alpha]"} <= set(seen)


def test_a_laboratorys_own_profile_makes_the_assays_anew_and_keeps_the_earlier_release(
    complete: Chain,
) -> None:
    before = complete.catalogue.query("SELECT release FROM panel_releases")["release"].to_list()
    assert complete.run("refresh_aggregates_now", only=[ASSAYS]).success
    versions = "SELECT count(*) FROM asset_versions WHERE asset = 'panels/assays'"
    assert complete.one(versions) == 1  # reused
    own = (
        '[technology.pyrosequencing]\ntitle = "our pyrosequencer"\namplicon = { FFPE = 90 }\n'
        "primer_room = 0\nleast_effect = 0.99\nmax_amplicons = 2\nlook_ahead = 0\nsd = 0.0\n"
        'resolution = "cpg"\ndropout = 0.0\n[technology.pyrosequencing.sources]\n'
        'amplicon = "ours"\nleast_effect = "ours"\nmax_amplicons = "ours"\n'
    )
    (complete.data / "assays.toml").write_text(own)
    assert complete.run("refresh_aggregates_now", only=[ASSAYS]).success
    assert complete.one(versions) == 2
    # It can measure nothing here: that is said, and the array's panel is not lost with it.
    notes = complete.catalogue.query("SELECT technology, n_cpgs, note FROM assay_panels")
    assert notes.filter(technology="array")["n_cpgs"].item() == 5
    ours = notes.filter(technology="pyrosequencing").row(0, named=True)
    assert ours["n_cpgs"] == 0
    assert "can be measured by our pyrosequencer; most often: its largest" in ours["note"]
    assert complete.run("refresh_aggregates_now", only=[PANEL_RELEASE]).success
    after = complete.catalogue.query("SELECT release, technology, is_current FROM panel_releases")
    assert set(before) < set(after["release"])
    assert after.filter(pl.col("is_current"))["technology"].to_list() == ["array"]
    (complete.data / "assays.toml").write_text(own.replace('"cpg"', '"gene"'))
    result = complete.run("refresh_aggregates_now", only=[ASSAYS])
    assert not result.success
    assert "resolution is 'gene': use cpg or amplicon" in message_of(result)
