"""Gene sets of classes: planted ones are found where they were planted, and only there."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.compute import serial
from cup_assets.panels.biology import BIOLOGY_SCHEMA, Biology, biology

N_GENES = 300


@pytest.fixture(scope="module")
def summary() -> pl.DataFrame:
    """Return 1,500 candidates in 300 genes; of the first 40 genes one CpG is confirmed each."""
    rng = np.random.default_rng(1)
    genes = [f"G{at % N_GENES:03d}" for at in range(1500)]
    verdict = np.where(rng.random(1500) < 0.05, "confirmed", "rejected").astype(object)
    verdict[:40] = "confirmed"
    frame = pl.DataFrame(
        {"probe_id": [f"cg{at:04d}" for at in range(1500)], "genes": genes}
    ).with_columns(verdict=pl.Series(verdict.tolist()))
    # 100 more that Boruta did not judge; they lie in a gene of their own.
    unjudged = pl.DataFrame(
        {"probe_id": [f"ch{at}" for at in range(100)], "genes": ["OUTSIDE"] * 100},
    ).with_columns(verdict=pl.lit(None, pl.String))
    return pl.concat([frame, unjudged])


@pytest.fixture(scope="module")
def effects(summary: pl.DataFrame) -> pl.DataFrame:
    """Return: class a is higher at cg0000-19, class b lower at cg0020-39."""
    names = summary["probe_id"].to_list()
    rows = [
        (name, of, sign * 0.3 if name in names[low : low + 20] else 0.05)
        for of, low, sign in (("a", 0, 1), ("b", 20, -1))
        for name in names
    ]
    return pl.DataFrame(rows, schema=["probe_id", "class", "difference"], orient="row")


@pytest.fixture(scope="module")
def found(summary: pl.DataFrame, effects: pl.DataFrame) -> Biology:
    rng = np.random.default_rng(2)
    others = [f"G{at:03d}" for at in range(40, N_GENES)]
    sets = {f"blind{at}": rng.choice(others, 25, replace=False).tolist() for at in range(20)}
    sets |= {"of a": [f"G{at:03d}" for at in range(20)], "outside": ["OUTSIDE", "G000", "G001"]}
    more = {"of b": [f"G{at:03d}" for at in range(20, 40)]}
    return biology(summary, effects, {"one.gmt": sets, "two.gmt": more})


def significant(found: Biology) -> set[tuple[str, str, str | None, str | None]]:
    rows = found.table.filter(pl.col("fdr") < 0.001)
    return set(rows.select("collection", "gene_set", "class", "direction").iter_rows())


def test_a_planted_set_is_found_for_its_class_and_direction_only(found: Biology) -> None:
    assert dict(found.table.schema) == BIOLOGY_SCHEMA
    hits = significant(found)
    assert {("one.gmt", "of a", "a", "hyper"), ("two.gmt", "of b", "b", "hypo")} <= hits
    assert {hit[2:] for hit in hits} <= {("a", "hyper"), ("b", "hypo"), (None, None)}
    assert all("blind" not in hit[1] for hit in hits)
    row = found.table.row(
        by_predicate=(pl.col("gene_set") == "of a") & (pl.col("class") == "a"), named=True
    )
    assert row["n_chosen"] == row["n_hit"] == 20
    assert set(row["hit"].split(";")) == {f"G{at:03d}" for at in range(20)}


def test_the_background_is_what_boruta_judged(found: Biology) -> None:
    assert set(found.table["n_background"]) == {1500}
    outside = found.table.filter(pl.col("gene_set") == "outside")
    assert set(outside["n_genes"]) == {2}, "no CpG of the gene could have been chosen"
    assert outside["p"].null_count() == outside.height


def test_a_choice_without_cpgs_is_said_to_be_untested(found: Biology) -> None:
    rows = found.untested.select("collection", "class", "direction", "n_chosen").rows()
    assert set(rows) == {
        (file, *choice, 0) for file in ("one.gmt", "two.gmt")
        for choice in (("a", "hypo"), ("b", "hyper"))
    }  # fmt: skip
    assert set(found.untested["reason"]) == {"no CpG is chosen: there is nothing to test"}


def test_without_gene_sets_nothing_is_tested(summary: pl.DataFrame, effects: pl.DataFrame) -> None:
    nothing = biology(summary, effects, {})
    assert nothing.table.is_empty()
    assert nothing.untested.is_empty()


def test_progress_counts_every_choice_of_every_collection(
    summary: pl.DataFrame, effects: pl.DataFrame
) -> None:
    told: list[tuple[int, int]] = []
    sets = {"x": [f"G{at:03d}" for at in range(10)]}
    biology(summary, effects, {"a": sets, "b": sets}, serial, lambda *at: told.append(at))
    assert told == [(at, 10) for at in range(1, 11)]
