"""``cup panel``: from names of classes to a folder with CpGs and honest figures."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cup_assets.console.errors import ConsoleError
from cup_assets.console.panel import RECORD, run_panel
from cup_assets.orchestration.headless import HeadlessError
from cup_assets.panels import PanelError
from cup_assets.panels.technology import technologies
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue

TWO = ["adenoid_cystic_carcinoma", "olfactory_neuroblastoma"]


def test_a_panel_is_printed_and_written_with_where_its_cpgs_lie(
    platform: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_panel(platform, TWO, 4, out=tmp_path / "panel")
    catalogue = Catalogue(platform.catalogue)
    cpgs = pl.read_csv(out / "cpgs.csv", schema_overrides={"genes": pl.String})
    assert cpgs["rank"].to_list() == [1, 2, 3, 4]
    printed = capsys.readouterr().out
    known = catalogue.query("SELECT name, chrom, pos, build, genes FROM probes")
    for row in cpgs.iter_rows(named=True):
        assert row["probe_id"] in printed
        (place,) = set(known.filter(pl.col("name") == row["probe_id"]).rows())
        _, chrom, position, build, genes = place
        assert (row[build], row["genes"]) == (f"{chrom}:{position}", genes)
        difference = row[f"mean {TWO[0]}"] - row[f"mean {TWO[1]}"]
        assert difference == pytest.approx(row["difference"], abs=1e-5)
    record = json.loads((out / RECORD).read_text())
    reference = catalogue.current("datasets/reference")
    assert reference is not None
    assert record["reference"] == reference.data_version
    assert record["classes"] == TWO
    performance = pl.read_csv(out / "performance.csv").filter(pl.col("metric") == "error")
    assert performance["value"].item() < record["chance_error"] / 2
    assert pl.read_csv(out / "confusion.csv")["n"].sum() == 16


def test_gene_sets_are_held_against_all_cpgs_that_could_have_been_chosen(
    platform: Settings, tmp_path: Path
) -> None:
    sets = tmp_path / "sets.gmt"
    sets.write_text("KINASES\t\tCDK4\tCDK6\tEGFR\tMET\nLOST\t\tPTEN\tRB1\tTP53\tNF1\n")
    # With so many CpGs of so small an array some lie in genes.
    out = run_panel(platform, TWO, 60, gene_sets=sets, out=tmp_path / "panel")
    table = pl.read_csv(out / "gene_sets.csv", schema_overrides={"hit": pl.String})
    assert set(table["gene_set"]) == {"KINASES", "LOST"}
    assert (table["n_genes"] == 4).all()
    assert table["p"].is_between(0, 1, closed="right").all()
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    run_panel(platform, TWO, 60, gene_sets=sets, out=out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    run_panel(platform, TWO, 60, out=out)
    assert not (out / "gene_sets.csv").exists(), "what is left would be of another question"


def test_what_cannot_be_answered_is_one_clear_line(platform: Settings, tmp_path: Path) -> None:
    with pytest.raises(PanelError, match=r"no class or family 'adenoid'; classes: adenoid_cystic"):
        run_panel(platform, ["adenoid", TWO[1]], 4, out=tmp_path / "panel")
    assert not (tmp_path / "panel").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch")
    with pytest.raises(ConsoleError, match="mine holds something else"):
        run_panel(platform, TWO, 4, out=tmp_path / "mine")


def test_an_empty_platform_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(HeadlessError, match=r"datasets/reference has not .* `cup materialize`"):
        run_panel(Settings(tmp_path / "data"), TWO, 4, out=tmp_path / "panel")


def test_a_panel_for_a_technology_keeps_its_limits_and_comes_with_bed_and_order(
    platform: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = technologies()["ddpcr"]
    out = run_panel(platform, TWO, 4, out=tmp_path / "panel", technology="ddpcr")
    cpgs = pl.read_csv(out / "cpgs.csv", schema_overrides={"genes": pl.String})
    assert 1 <= cpgs.height <= 4
    assert cpgs["amplicon"].n_unique() <= profile.max_amplicons
    assert (cpgs["difference"].abs() >= profile.least_effect).all()
    catalogue = Catalogue(platform.catalogue)
    (build,) = catalogue.query("SELECT DISTINCT build FROM probes WHERE build IS NOT NULL")["build"]
    bed = [
        line.split("\t")
        for line in (out / f"targets_{build}.bed").read_text().splitlines()
        if not line.startswith("#")
    ]
    places = dict(
        catalogue.query(
            "SELECT DISTINCT name, 'chr' || chrom || ':' || pos FROM probes"
            " WHERE list_contains(?, name)",
            [cpgs["probe_id"].to_list()],
        ).iter_rows()
    )
    assert {name: f"{chrom}:{int(start) + 1}" for chrom, start, _, name in bed} == places
    order = pl.read_csv(out / f"order_{build}.csv")
    assert order["amplicon"].n_unique() == cpgs["amplicon"].n_unique()
    assert (order["technology"] == "ddpcr").all()
    performance = pl.read_csv(out / "performance.csv").filter(pl.col("metric") == "error")
    assert set(performance["measured_by"]) == {"ddpcr", "array"}
    record = json.loads((out / RECORD).read_text())
    assert (performance["value"] < record["chance_error"]).all()
    assert record["technology"]["least_effect"] == 0.25
    reasons = set(pl.read_csv(out / "refusals.csv")["reason"])
    assert {"excluded: snp", "effect below 0.25"} <= reasons
    barred = pl.read_csv(out / "left_out.csv").filter(pl.col("reason") == "excluded: snp")
    assert not set(barred["probe_id"]) & set(cpgs["probe_id"])
    printed = capsys.readouterr().out
    assert "droplet digital PCR" in printed
    assert "No list of cross-reactive probes is named" in printed


def test_a_laboratorys_own_profile_is_used_and_what_does_not_fit_is_refused(
    platform: Settings, tmp_path: Path
) -> None:
    one = (
        '[technology.house]\ntitle = "house assay"\namplicon = { frozen = 90 }\nprimer_room = 0\n'
        'least_effect = 0.0\nmax_amplicons = 1\nlook_ahead = 0\nresolution = "cpg"\nsd = 0.0\n'
        'dropout = 0.0\n[technology.house.sources]\namplicon = "ours"\nmax_amplicons = "ours"\n'
    )
    (platform.data / "assays.toml").write_text(one)
    out = run_panel(platform, TWO, 3, out=tmp_path / "a", technology="house", material="frozen")
    cpgs = pl.read_csv(out / "cpgs.csv")
    assert cpgs["amplicon"].n_unique() == 1
    with pytest.raises(PanelError, match="house assay is not for FFPE: use one of frozen"):
        run_panel(platform, TWO, 3, out=tmp_path / "b", technology="house")
    with pytest.raises(PanelError, match="no technology 'pcr': use array, pyrosequencing"):
        run_panel(platform, TWO, 3, out=tmp_path / "b", technology="pcr")
    (platform.data / "assays.toml").write_text(one.replace("sd = 0.0", "sd = -1.0"))
    with pytest.raises(PanelError, match=r"technology house: sd is -1\.0"):
        run_panel(platform, TWO, 3, out=tmp_path / "b", technology="house")
    assert not (tmp_path / "b").exists()
