"""Enrichment of gene sets: calibrated where genes have very unequal numbers of probes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from cup_assets.panels import PanelError
from cup_assets.panels.gene_sets import enrichment, read_gmt

N_GENES = 1500


@pytest.fixture(scope="module")
def background() -> pl.DataFrame:
    """Return genes of 1 to a few hundred CpGs, and as many CpGs outside of genes as in ten."""
    rng = np.random.default_rng(1)
    counts = np.clip(rng.lognormal(2, 1.2, N_GENES), 1, 300).astype(int)
    genes = np.repeat([f"G{at:04d}" for at in range(N_GENES)], counts).tolist() + [None] * 200
    return pl.DataFrame({"probe_id": [f"cg{at:08d}" for at in range(len(genes))], "genes": genes})


def largest(background: pl.DataFrame, share: float) -> list[str]:
    """Return a random half of the genes with the most CpGs."""
    sizes = background.drop_nulls().group_by("genes").len().sort("len", "genes", descending=True)
    best = sizes["genes"].head(int(share * N_GENES))
    return best.sample(fraction=0.5, seed=2).to_list()


def test_a_blind_choice_gives_uniform_p_where_the_plain_test_finds_large_genes(
    background: pl.DataFrame,
) -> None:
    rng = np.random.default_rng(3)
    every = background.drop_nulls()["genes"].unique().sort().to_list()
    sets = {
        "large": largest(background, 0.2),
        "small": background.drop_nulls().group_by("genes").len().sort("len", "genes")["genes"]
        .head(400).to_list(),
        "any": rng.choice(every, 200, replace=False).tolist(),
    }  # fmt: skip
    ours: dict[str, list[float]] = {name: [] for name in sets}
    plain = []
    for _ in range(150):
        chosen = rng.choice(background["probe_id"].to_numpy(), 200, replace=False).tolist()
        found = enrichment(chosen, background, sets).table
        for row in found.iter_rows(named=True):
            ours[row["gene_set"]].append(row["p"])
        row = found.row(by_predicate=pl.col("gene_set") == "large", named=True)
        drawn = background.filter(pl.col("probe_id").is_in(chosen))["genes"].drop_nulls().n_unique()
        law = stats.hypergeom(N_GENES, row["n_genes"], drawn)
        plain.append(float(law.sf(row["n_hit"] - 1)))
    assert np.mean(np.array(plain) < 0.05) > 0.9
    for name, values in ours.items():
        p = np.array(values)
        # Of 150 draws at most 15 fall below .05 but once in a hundred times or less.
        assert np.mean(p < 0.05) <= 0.1, name
        assert 0.4 < p.mean() < 0.65, name
        assert np.mean(p < 0.5) > 0.3, name
        assert np.mean(p > 0.8) > 0.08, name


def test_a_planted_set_is_found_and_its_genes_are_named(background: pl.DataFrame) -> None:
    rng = np.random.default_rng(4)
    every = rng.permutation(background.drop_nulls()["genes"].unique().sort().to_numpy()).tolist()
    sets = {f"set{at:02d}": every[40 * at : 40 * at + 40] for at in range(30)}
    sets["large"] = largest(background, 0.2)
    planted = set(sets["set07"][:15])
    of_planted = background.filter(pl.col("genes").is_in(list(planted)))
    marks = of_planted.group_by("genes", maintain_order=True).first()["probe_id"].to_list()
    blind = rng.choice(background["probe_id"].to_numpy(), 100, replace=False).tolist()
    found = enrichment(list(dict.fromkeys([*marks, *blind])), background, sets).table
    first = found.row(0, named=True)
    assert first["gene_set"] == "set07"
    assert first["fdr"] < 1e-3
    assert planted <= set(first["hit"].split(";"))
    assert first["n_hit"] > 3 * first["expected"]
    assert (found["fdr"].slice(1) > 0.05).all()
    assert found["p"].is_sorted()


def test_a_cpg_that_many_genes_share_counts_once() -> None:
    """One CpG in ten genes of a cluster is one finding, not ten."""
    cluster = [f"PCDH{at}" for at in range(10)]
    rows = [("shared", ";".join(cluster))]
    rows += [(f"cg{at}", f"G{at % 100}") for at in range(300)]
    background = pl.DataFrame(rows, schema=["probe_id", "genes"], orient="row")
    sets = {"cluster": cluster, "other": ["G1", "G2", "G3"]}
    found = enrichment(["shared", "cg5", "cg6"], background, sets)
    row = found.table.row(by_predicate=pl.col("gene_set") == "cluster", named=True)
    assert row["n_hit"] == 10
    assert row["counted"] == pytest.approx(1)
    # One of three draws hit what one CpG of 301 leads to: about 1 in 100.
    assert row["p"] == pytest.approx(1 - (1 - 1 / 301) ** 3, rel=0.2)
    assert found.n_genes == 110
    # A CpG whose genes lie partly in a set is no whole hit of it.
    half = enrichment(["shared"], background, {"half": cluster[:5]}).table.row(0, named=True)
    assert half["counted"] == pytest.approx(0.5)
    assert half["p"] == 1


def test_equal_genes_are_tested_by_the_plain_hypergeometric() -> None:
    background = pl.DataFrame(
        {"probe_id": [f"cg{at}" for at in range(200)], "genes": [f"G{at}" for at in range(200)]}
    )
    chosen = [f"cg{at}" for at in range(0, 40)]
    table = enrichment(chosen, background, {"set": [f"G{at}" for at in range(30, 60)]}).table
    row = table.row(0, named=True)
    assert row["odds"] == pytest.approx(1)
    assert row["expected"] == pytest.approx(40 * 30 / 200)
    assert row["p"] == pytest.approx(stats.hypergeom(200, 30, 40).sf(9), rel=1e-6)


def test_sets_that_cannot_be_tested_stay_in_the_table_with_the_reason() -> None:
    background = pl.DataFrame({"probe_id": list("abcdef"), "genes": [*"ABCDE", None]})
    sets = {"few": ["A", "UNKNOWN"], "all": list("ABCDE"), "some": list("ABC")}
    found = enrichment(["a", "f"], background, sets)
    why = dict(found.table["gene_set", "untested"].iter_rows())
    assert why == {
        "some": None,
        "few": "1 of its genes are measured, fewer than 3",
        "all": "every measured gene is in it",
    }
    assert found.table["gene_set"][0] == "some"
    assert found.table["p"][1:].is_null().all()
    assert (found.n_chosen, found.n_chosen_with_gene) == (2, 1)
    assert (found.n_background_with_gene, found.n_genes) == (5, 5)
    saturated = enrichment(list("abcde"), background, {"some": list("ABC")}).table
    assert saturated["untested"].to_list() == ["every measured gene is hit"]


@pytest.mark.parametrize(
    ("chosen", "sets", "message"),
    [
        ([], {"s": ["A"]}, "no CpG is chosen"),
        (["a", "a"], {"s": ["A"]}, "a occurs twice in the chosen CpGs"),
        (["a", "z"], {"s": ["A"]}, r"z \(1 of 2 chosen CpGs\) is not in the background"),
        (["c"], {"s": ["A"]}, "none of the 1 chosen CpGs lies in a gene"),
        (["a"], {"s": ["7157"]}, r"none of the genes .* \(which has A, for one.* gene symbols"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    chosen: list[str], sets: dict[str, list[str]], message: str
) -> None:
    background = pl.DataFrame({"probe_id": ["a", "b", "c"], "genes": ["A", "B;A", None]})
    with pytest.raises(PanelError, match=message):
        enrichment(chosen, background, sets)
    twice = pl.concat([background, background])
    with pytest.raises(PanelError, match="a occurs twice in the background"):
        enrichment(["b"], twice, {"s": ["A"]})


def test_a_gmt_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sets.gmt"
    path.write_text("WNT\thttp://x\tAPC\tAXIN2\tAPC\r\n\nMYC UP\t\tODC1\t\n")
    assert read_gmt(path) == {"WNT": ("APC", "AXIN2"), "MYC UP": ("ODC1",)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"WNT\tx\tAPC\nMYC ODC1 X\n", "line 2: holds no gene set; .* separated by tabs"),
        (b"WNT\tx\t\n", "line 1: holds no gene set"),
        (b"WNT\tx\tAPC\nWNT\ty\tMYC\n", "line 2: gene set 'WNT' occurs twice"),
        (b"\x1f\x8b\x08\xff", "is no text in UTF-8"),
    ],
)
def test_a_file_that_is_no_gmt_is_refused_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "sets.gmt"
    path.write_bytes(content)
    with pytest.raises(PanelError, match=f"sets.gmt.*{message}"):
        read_gmt(path)
    with pytest.raises(PanelError, match=r"none\.gmt: cannot be read"):
        read_gmt(tmp_path / "none.gmt")
