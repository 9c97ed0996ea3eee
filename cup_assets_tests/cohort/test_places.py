"""Positions of one genome build are never shown, or mixed, as those of another."""

from __future__ import annotations

import polars as pl

from cup_assets.cohort.places import places_by_build

COLUMNS = ("array", "probe_id", "name", "chrom", "pos", "build", "genes")


def probes(*rows: tuple[str, str, str, str | None, int | None, str, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys(COLUMNS, pl.String) | {"pos": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


PROBES = probes(
    ("epicv2", "cg1_TC11", "cg1", "1", 1_150, "hg38", "GENE1"),
    ("epicv2", "cg1_TC12", "cg1", "1", 1_150, "hg38", "GENE1"),
    ("epicv2", "cg2_BC11", "cg2", "X", 77, "hg38", None),
    ("epicv2", "cg3_BC11", "cg3", None, None, "hg38", None),
    ("450k", "cg1", "cg1", "1", 1_000, "hg19", None),
    ("450k", "cg2", "cg2", "7", 70, "hg19", "GENE2"),
    ("450k", "cg3", "cg3", "5", None, "hg19", None),
    ("epic", "cg2", "cg2", "7", 71, "hg19", "OTHER"),
    ("450k", "cg9", "cg9", "9", 900, "hg19", "GENE9"),
)


def test_every_build_has_its_own_column() -> None:
    found = places_by_build(PROBES, ["cg2", "cg1", "cg3", "cg8"])
    assert found.columns == ["probe_id", "hg19", "hg38", "genes"]
    assert found.rows() == [
        ("cg2", "7:70 / 7:71", "X:77", "GENE2"),
        ("cg1", "1:1000", "1:1150", "GENE1"),
        ("cg3", "5", None, None),
        ("cg8", None, None, None),
    ]


def test_a_cohort_in_one_build_shows_that_one() -> None:
    old = PROBES.filter(pl.col("build") == "hg19")
    assert places_by_build(old, ["cg1"]).rows() == [("cg1", "1:1000", None)]
    assert places_by_build(old.reverse(), ["cg2"]).equals(places_by_build(old, ["cg2"]))
    assert places_by_build(PROBES, []).height == 0
