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
