"""Parts of genes and relations to CpG islands, as the official layouts give them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cup_assets.methylome import Manifest, load_manifest, read_manifest
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.manifest_writer import write_manifest

ROWS = (
    "cg1,1,II,,37,16,100,TP53;TP53;WRAP53;TP53,TSS200;Body;TSS1500;TSS200,Island",
    "cg2,2,II,,37,16,200,MYC,3'UTR,N_Shore;N_Shore",
    "cg3,3,II,,37,16,300,,,",
    "cg4,4,II,,37,,,,,",
    "cg5,5,II,,37,16,400,MYC;MYC,Body,S_Shelf",
    "cg6,6,II,,37,16,500,,Body,",
)
HEADER = "IlmnID,AddressA_ID,Infinium_Design_Type,AddressB_ID,Genome_Build,CHR,MAPINFO"
ANNOTATED = ",UCSC_RefGene_Name,UCSC_RefGene_Group,Relation_to_UCSC_CpG_Island"


def manifest(folder: Path, header: str, rows: tuple[str, ...]) -> Manifest:
    path = folder / "manifest.csv"
    lines = ["[Heading]", "Descriptor File Name,CupMiniTest.bpm", "[Assay]", header]
    header_and_rows = [*lines, *rows, "[Controls]", "900,NEGATIVE,Red,Negative 1"]
    path.write_text("\n".join(header_and_rows) + "\n")
    return read_manifest(path)


@pytest.fixture
def annotated(tmp_path: Path) -> pl.DataFrame:
    return manifest(
        tmp_path,
        HEADER + ",Color_Channel" + ANNOTATED,
        tuple(",".join((*row.split(",")[:7], "", *row.split(",")[7:])) for row in ROWS),
    ).probes


def test_each_part_is_told_with_its_gene_once(annotated: pl.DataFrame) -> None:
    parts = annotated["gene_parts"].to_list()
    assert parts[:4] == ["TP53:TSS200;TP53:Body;WRAP53:TSS1500", "MYC:3'UTR", None, None]


def test_parts_that_cannot_be_told_apart_by_gene_stay_without_one(annotated: pl.DataFrame) -> None:
    assert annotated["gene_parts"].to_list()[4:] == ["Body", "Body"]


def test_a_place_without_island_is_open_sea_and_no_place_is_unknown(
    annotated: pl.DataFrame,
) -> None:
    expected = ["Island", "N_Shore", "OpenSea", None, "S_Shelf", "OpenSea"]
    assert annotated["island"].to_list() == expected


@pytest.mark.parametrize("relation", ["", ",Relation_to_UCSC_CpG_Island"])
def test_a_file_that_says_nothing_leaves_both_unknown(tmp_path: Path, relation: str) -> None:
    rows = tuple(",".join(row.split(",")[:7]) + (",," if relation else ",") for row in ROWS)
    probes = manifest(tmp_path, HEADER + ",Color_Channel" + relation, rows).probes
    for name in ("gene_parts", "island"):
        assert probes[name].dtype == pl.String
        assert probes[name].is_null().all()


def test_the_real_core_manifest_says_nothing(hm450_path: Path) -> None:
    probes = read_manifest(hm450_path).probes
    assert probes["gene_parts"].is_null().all()
    assert probes["island"].is_null().all()


def test_a_simulated_manifest_tells_what_its_loci_are(tmp_path: Path) -> None:
    layout = array_layout("mini")
    path = write_manifest(layout, tmp_path)
    probes = load_manifest(path, tmp_path / "cache").probes
    assert load_manifest(path, tmp_path / "cache").probes.equals(probes)
    truth = layout.probes
    assert probes["island"].equals(truth["island"])
    assert probes["gene_parts"].equals(truth["gene_parts"])
    assert set(probes["island"]) == {"Island", "N_Shore", "S_Shore", "OpenSea"}
    known = probes.filter(pl.col("genes").is_not_null())
    assert known["gene_parts"].is_not_null().all()
    assert (known["gene_parts"].str.split(":").list.first() == known["genes"]).all()
    assert probes.filter(pl.col("genes").is_null())["gene_parts"].is_null().all()
    # A gene of interest is where its coordinates are, not in the island its locus came from.
    tp53 = probes.filter(pl.col("genes") == "TP53")
    assert set(tp53["gene_parts"]) == {"TP53:Body"}
    assert set(tp53["island"]) == {"OpenSea"}
    # Neighbours in one island lie in the order of shore, island, shore.
    island = probes.filter(pl.col("genes").str.starts_with("SIMGENE")).sort("pos")
    order = {"N_Shore": 0, "Island": 1, "S_Shore": 2}
    for _, part in island.group_by("genes", "chrom"):
        places = [order[name] for name in part["island"]]
        assert places == sorted(places)
