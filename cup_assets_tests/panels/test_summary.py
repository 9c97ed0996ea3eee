"""One row a CpG: nobody is lost, nothing is mixed up, and what is not known stays so."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.panels.importance import Candidates, find_candidates, importance_of
from cup_assets.panels.model_importance import model_importance
from cup_assets.panels.parameters import PanelParameters
from cup_assets.panels.relevance import Relevance, relevance
from cup_assets.panels.select import mean_ranks
from cup_assets.panels.summary import (
    ALL_METHODS,
    ANNOTATION_SCHEMA,
    MEANING,
    SUMMARY_SCHEMA,
    cpg_summary,
)

QUICK = PanelParameters(
    sizes=(5,), candidates=60, screened=20, trees=20, boruta_candidates=50, boruta_rounds=30,
    stability_halves=4, stability_chosen=12, importance_folds=2, elastic_net_strengths=(0.3,),
)  # fmt: skip


@pytest.fixture(scope="module")
def candidates(cohort: TrainingData) -> Candidates:
    return find_candidates(cohort, np.arange(len(cohort.y)), QUICK)


@pytest.fixture(scope="module")
def found(cohort: TrainingData, candidates: Candidates) -> Relevance:
    return relevance(candidates, cohort.patient, QUICK)


@pytest.fixture(scope="module")
def scores(cohort: TrainingData, candidates: Candidates, found: Relevance) -> pl.DataFrame:
    clusters = dict(found.table["probe_id", "cluster"].iter_rows())
    models = model_importance(cohort, candidates, clusters, QUICK)
    return pl.concat([importance_of(candidates, QUICK), models.table])


def annotated(**columns: str | None) -> pl.DataFrame:
    rows = {"probe_id": "cg00000000", **columns}
    return pl.DataFrame([rows], schema={name: ANNOTATION_SCHEMA[name] for name in rows})


@pytest.fixture(scope="module")
def summary(scores: pl.DataFrame, found: Relevance) -> pl.DataFrame:
    notes = annotated(hg19="1:100", genes="MYB", gene_parts="MYB:Body", island="Island")
    return cpg_summary(scores, found, notes)


def test_every_candidate_has_one_row_with_every_methods_best_rank(
    summary: pl.DataFrame, scores: pl.DataFrame, found: Relevance
) -> None:
    assert dict(summary.schema) == SUMMARY_SCHEMA
    assert sorted(summary["probe_id"]) == sorted(found.table["probe_id"])
    assert summary.height == 60
    for method in ALL_METHODS:
        best = scores.filter(pl.col("method") == method).group_by("probe_id").agg(
            pl.col("rank").min()
        )  # fmt: skip
        expected = dict(best.iter_rows())
        ours = dict(summary["probe_id", f"rank_{method}"].iter_rows())
        assert ours == expected
    assert summary.select("probe_id", "mean_rank").equals(mean_ranks(scores))


def test_planted_marks_lead_the_table_with_class_and_direction(
    summary: pl.DataFrame, informative: list[str]
) -> None:
    first = summary.head(12)
    assert set(first["probe_id"]) == set(informative)
    assert set(first["verdict"]) == {"confirmed"}
    assert set(first["direction"]) == {"hyper"}
    for row in first.iter_rows(named=True):
        name = ("acinic", "adenoid", "nut")[informative.index(row["probe_id"]) // 4]
        assert row["class"] == name
        assert row["hyper_in"] == f"{name} (+{round(row['difference'], 2)})"
        assert 0.25 < row["difference"] < 0.42
        assert name not in (row["hypo_in"] or "")
        assert row["kruskal_fdr"] < 1e-6


def test_cluster_sizes_count_the_members(summary: pl.DataFrame, found: Relevance) -> None:
    assert summary.unique("cluster")["cluster_size"].sum() == 60
    members = found.table.join(summary.select("probe_id", "cluster_size"), on="probe_id")
    for _, part in members.group_by("cluster"):
        assert set(part["cluster_size"]) == {part.height}


def test_what_the_manifests_do_not_say_is_null(
    summary: pl.DataFrame, scores: pl.DataFrame, found: Relevance
) -> None:
    row = summary.row(by_predicate=pl.col("probe_id") == "cg00000000", named=True)
    assert (row["hg19"], row["hg38"], row["gene_parts"]) == ("1:100", None, "MYB:Body")
    assert summary["island"].null_count() == 59
    bare = cpg_summary(scores, found, annotated())
    assert bare.select(pl.col(list(ANNOTATION_SCHEMA)[1:]).null_count()).row(0) == (60,) * 5


def test_a_verdict_that_was_not_given_stays_away(
    scores: pl.DataFrame, found: Relevance, summary: pl.DataFrame
) -> None:
    judged = dict(found.table["probe_id", "verdict"].iter_rows())
    assert summary["verdict"].null_count() == list(judged.values()).count(None) > 0
    assert dict(summary["probe_id", "verdict"].iter_rows()) == judged


def test_every_column_says_what_it_is() -> None:
    assert list(MEANING) == list(SUMMARY_SCHEMA)
    assert all(MEANING.values())
