"""What the landscape, its concordance with the classifiers and the candidates' relevance store."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cup_assets.warehouse import Catalogue


@pytest.fixture(scope="module")
def catalogue(complete_data: Path) -> Catalogue:
    return Catalogue(complete_data / "warehouse" / "cup.duckdb")


def members(catalogue: Catalogue) -> set[str]:
    found = catalogue.query("SELECT sample_id FROM dataset_members WHERE included")
    return set(found["sample_id"])


def test_every_reference_sample_is_in_every_clustering_and_has_every_answer(
    catalogue: Catalogue,
) -> None:
    wanted = members(catalogue)
    clusters = catalogue.query("SELECT method, sample_id FROM landscape_clusters")
    assert set(clusters["method"]) == {"kmeans", "hierarchical", "hdbscan"}
    answers = catalogue.query(
        "SELECT kind || ' ' || method AS method, sample_id FROM landscape_answers"
    )
    assert set(answers["method"]) == {
        *("neighbours pc_space", "neighbours pca", "neighbours tsne", "neighbours umap"),
        *("clusters kmeans", "clusters hierarchical", "clusters hdbscan"),
    }
    for table in (clusters, answers):
        for _, part in table.group_by("method"):
            assert sorted(part["sample_id"]) == sorted(wanted)


def test_classifiers_and_neighbours_stand_side_by_side_on_the_same_samples(
    catalogue: Catalogue,
) -> None:
    table = catalogue.query("SELECT * FROM concordance")
    assert set(table["n"]) == {len(members(catalogue))}
    assert {"classifier", "neighbours", "clusters"} == set(table["kind"])
    errors = catalogue.query(
        "SELECT model AS method, 1 - value AS accuracy FROM cv_metrics WHERE metric = 'error'"
        " AND scheme = 'stratified' AND study = 'leaderboard' AND \"class\" IS NULL"
    )
    both = table.filter(pl.col("kind") == "classifier").join(errors, on="method", how="full")
    # With one repeat the call of the mean score is the call.
    assert both["accuracy"].to_list() == pytest.approx(both["accuracy_right"].to_list())


def test_a_disagreement_is_one_and_says_who_was_right(catalogue: Catalogue) -> None:
    rows = catalogue.query("SELECT * FROM disagreements")
    assert (rows["called"].ne_missing(rows["answer"])).all()
    right = rows.filter(pl.col("right") == "classifier")
    assert (right["called"] == right["class"]).all()


def test_the_interactive_map_holds_reference_samples_and_cases(
    catalogue: Catalogue, complete_data: Path
) -> None:
    page = (complete_data / "reports" / "landscape" / "map.html").read_text()
    placed = catalogue.query("SELECT DISTINCT sample_id FROM landscape")["sample_id"]
    assert set(placed) > members(catalogue)
    assert all(f'"{name}"' in page for name in placed)
    assert 'src="../plotly.min.js"' in page
    assert (complete_data / "reports" / "plotly.min.js").stat().st_size > 1_000_000


def test_every_candidate_cpg_has_its_verdict_tests_and_effects(catalogue: Catalogue) -> None:
    candidates = catalogue.query("SELECT * FROM cpg_relevance")
    assert candidates.height == 100
    assert candidates.drop_nulls("verdict")["cluster"].n_unique() == 20
    for table, per_cpg in (("cpg_tests", 2), ("cpg_effects", None)):
        found = catalogue.query(f"SELECT probe_id, count(*) AS n FROM {table} GROUP BY probe_id")
        assert set(found["probe_id"]) == set(candidates["probe_id"])
        assert found["n"].n_unique() == 1
        assert per_cpg is None or found["n"][0] == per_cpg
