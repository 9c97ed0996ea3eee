"""What is stored, shown and saved of important CpGs, and when their gene sets are tested anew."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cup_assets.orchestration.conventions import GENE_SETS, IMPORTANCE
from cup_assets.panels.summary import ALL_METHODS, SUMMARY_SCHEMA
from cup_assets.warehouse import Catalogue
from cup_assets_tests.orchestration.chain import Chain, message_of


@pytest.fixture(scope="module")
def catalogue(complete_data: Path) -> Catalogue:
    return Catalogue(complete_data / "warehouse" / "cup.duckdb")


def test_every_candidate_is_scored_by_every_method_and_has_a_row_of_its_own(
    catalogue: Catalogue,
) -> None:
    summary = catalogue.query("SELECT * EXCLUDE (run_id, data_version) FROM cpg_summary")
    assert set(summary.columns) == set(SUMMARY_SCHEMA)
    scored = catalogue.query("SELECT DISTINCT method, probe_id FROM cpg_importance")
    assert set(scored["method"]) == set(ALL_METHODS)
    for _, part in scored.group_by("method"):
        assert sorted(part["probe_id"]) == sorted(summary["probe_id"])
    assert "confirmed" in set(summary["verdict"])


def test_a_row_says_of_its_cpg_what_manifest_and_other_tables_say(catalogue: Catalogue) -> None:
    wrong = catalogue.query(
        "SELECT s.probe_id FROM cpg_summary s JOIN probes p ON p.name = s.probe_id"
        " JOIN cpg_relevance r ON r.probe_id = s.probe_id"
        ' JOIN cpg_effects e ON e.probe_id = s.probe_id AND e."class" = s."class"'
        " WHERE s.genes IS DISTINCT FROM nullif(p.genes, '') OR s.island IS DISTINCT FROM p.island"
        " OR s.gene_parts IS DISTINCT FROM p.gene_parts OR s.hg19 <> p.chrom || ':' || p.pos"
        " OR s.verdict IS DISTINCT FROM r.verdict OR s.difference <> e.difference"
    )
    assert wrong.is_empty()
    known = catalogue.query(
        "SELECT count(genes) AS genes, count(gene_parts) AS parts, count(island) AS island,"
        " count(hg19) AS hg19 FROM cpg_summary"
    ).row(0)
    assert min(known) > 10


def test_the_page_and_the_csv_hold_the_table(catalogue: Catalogue, complete_data: Path) -> None:
    folder = complete_data / "reports" / "importance"
    saved = pl.read_csv(folder / "cpgs.csv", schema=SUMMARY_SCHEMA)
    stored = catalogue.query("SELECT * EXCLUDE (run_id, data_version) FROM cpg_summary").cast(
        SUMMARY_SCHEMA  # type: ignore[arg-type]
    )
    assert saved.sort("probe_id").equals(stored.sort("probe_id"))
    page = (folder / "cpgs.html").read_text(encoding="utf-8")
    assert all(f'"{name}"' in page for name in stored["probe_id"])
    assert "24 of the 24 samples are simulated" in page
    assert "http" not in page


def test_the_metadata_links_page_and_csv(complete: Chain) -> None:
    result = complete.run("refresh_aggregates_now", only=[IMPORTANCE])
    (event,) = result.asset_materializations_for_node("panels__importance")
    assert event.metadata["reused"].value is True
    links = [str(event.metadata[name].value) for name in ("table_to_sort", "table_as_csv")]
    files = [Path(link.removeprefix("file://")) for link in links]
    assert [file.name for file in files] == ["cpgs.html", "cpgs.csv"]
    assert all(file.exists() for file in files)


def shown(chain: Chain) -> dict[str, object]:
    result = chain.run("refresh_aggregates_now", only=[GENE_SETS])
    assert result.success, message_of(result)
    (event,) = result.asset_materializations_for_node("panels__gene_sets")
    return {name: value.value for name, value in event.metadata.items()}


def test_gene_sets_are_tested_anew_when_a_file_changes_and_only_then(complete: Chain) -> None:
    nothing = shown(complete)
    assert nothing["reused"] is True
    assert "No gene sets are given" in str(nothing["gene sets"])
    genes = complete.catalogue.query(
        "SELECT genes FROM cpg_summary WHERE verdict = 'confirmed' AND genes IS NOT NULL"
    )["genes"]
    others = complete.catalogue.query(
        "SELECT genes FROM cpg_summary WHERE verdict <> 'confirmed' AND genes IS NOT NULL"
    )["genes"]
    folder = complete.settings.gene_sets
    folder.mkdir()
    lines = {
        "hit": {*";".join(genes).split(";")},
        "missed": {*";".join(others).split(";")} - {*";".join(genes).split(";")},
    }
    (folder / "mine.gmt").write_text(
        "".join("\t".join([name, "", *sorted(of)]) + "\n" for name, of in lines.items())
    )
    first = shown(complete)
    assert (first["reused"], first["gene_sets"], first["collections"]) == (False, 2, 1)
    rows = complete.catalogue.query(
        'SELECT * FROM gene_set_enrichment WHERE "class" IS NULL ORDER BY gene_set'
    )
    assert rows["collection"].to_list() == ["mine.gmt"] * 2
    assert rows["n_hit"].to_list() == [len(lines["hit"]), 0]
    assert rows["n_background"][0] == first["background"]
    assert shown(complete)["reused"] is True
    (folder / "mine.gmt").write_text("other\t\t" + "\t".join(sorted(lines["hit"])) + "\n")
    assert shown(complete)["reused"] is False
    assert complete.one("SELECT DISTINCT gene_set FROM gene_set_enrichment") == "other"
    (folder / "mine.gmt").unlink()
    assert shown(complete)["gene_sets"] == 0
    assert complete.one("SELECT count(*) FROM gene_set_enrichment") == 0


def test_a_file_that_holds_no_gene_sets_is_refused_with_its_line(complete: Chain) -> None:
    complete.settings.gene_sets.mkdir()
    (complete.settings.gene_sets / "bad.gmt").write_text("just one word\n")
    result = complete.run("refresh_aggregates_now", only=[GENE_SETS])
    assert "bad.gmt, line 1: holds no gene set" in message_of(result)
