"""Which CpGs are found important, where it is known."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.panels import (
    METHODS,
    PanelError,
    PanelParameters,
    final_panels,
    importance,
    mean_ranks,
)

QUICK = PanelParameters(sizes=(5, 10, 20), trees=200, components=3, correlated=0.95)


@pytest.fixture(scope="module")
def ranked(cohort: TrainingData) -> pl.DataFrame:
    return importance(cohort, QUICK)


@pytest.mark.parametrize("method", METHODS)
def test_the_planted_cpgs_come_first(
    ranked: pl.DataFrame, method: str, informative: list[str]
) -> None:
    best = (
        ranked.filter(pl.col("method") == method)
        .group_by("probe_id")
        .agg(pl.col("rank").min())
        .sort("rank", "probe_id")
        .head(len(informative))
    )
    assert set(best["probe_id"]) == set(informative)


def test_a_class_finds_its_own_marks(ranked: pl.DataFrame, informative: list[str]) -> None:
    per_class = ranked.filter(pl.col("method") == "logistic_coefficient")
    for name, marks in (("acinic", informative[:4]), ("nut", informative[8:])):
        best = per_class.filter(pl.col("class") == name).sort("rank").head(4)
        assert set(best["probe_id"]) == set(marks)
    others = ranked.filter(pl.col("method") != "logistic_coefficient")
    assert others["class"].null_count() == others.height


def test_ranks_follow_scores_within_method_and_class(ranked: pl.DataFrame) -> None:
    for _, part in ranked.group_by("method", "class"):
        ordered = part.sort("rank")
        assert ordered["rank"].to_list() == list(range(1, part.height + 1))
        assert ordered["score"].is_sorted(descending=True)
        assert ordered["score"].is_finite().all()


def test_the_f_statistic_is_that_of_scikit_learn(cohort: TrainingData) -> None:
    from sklearn.feature_selection import f_classif

    plain = dataclasses.replace(
        cohort,
        X=np.nan_to_num(cohort.X, nan=0.5),
        material=np.array([""] * len(cohort.y)),
    )
    ours = importance(plain, QUICK).filter(pl.col("method") == "anova_f")
    expected, _ = f_classif(plain.X.astype(np.float64), plain.y)
    np.testing.assert_allclose(ours["score"], expected, rtol=1e-5)


def test_ranking_is_the_same_every_time(cohort: TrainingData, ranked: pl.DataFrame) -> None:
    assert importance(cohort, QUICK).equals(ranked)


def test_mean_ranks_reward_agreement_of_the_methods() -> None:
    rows = [
        ("a", "m1", None, 1),
        ("b", "m1", None, 2),
        ("c", "m1", None, 3),
        ("a", "m2", "x", 3),
        ("b", "m2", "x", 1),
        ("c", "m2", "x", 2),
        ("a", "m2", "y", 3),
        ("b", "m2", "y", 2),
        ("c", "m2", "y", 1),
    ]
    frame = pl.DataFrame(rows, schema=["probe_id", "method", "class", "rank"], orient="row")
    # In m2, b and c are first for a class each: they share ranks 1 and 2.
    assert mean_ranks(frame).rows() == [("b", 1.75), ("a", 2.0), ("c", 2.25)]


def test_panels_are_nested_informative_and_numbered(
    cohort: TrainingData, informative: list[str]
) -> None:
    panels = final_panels(cohort, QUICK)
    lists = {
        name: part.sort("rank")["probe_id"].to_list()
        for (name,), part in panels.group_by("panel_id")
    }
    assert {name: len(chosen) for name, chosen in lists.items()} == {
        "ranked_5": 5,
        "ranked_10": 10,
        "ranked_20": 20,
    }
    assert lists["ranked_20"][:10] == lists["ranked_10"]
    assert lists["ranked_10"][:5] == lists["ranked_5"]
    assert set(lists["ranked_10"]) < set(informative)
    assert len(set(lists["ranked_20"])) == 20
    first = panels.filter(pl.col("size") == 5)
    assert first["rank"].to_list() == [1, 2, 3, 4, 5]


def test_a_copied_cpg_enters_a_panel_once_until_there_is_nothing_else(
    cohort: TrainingData,
) -> None:
    X = cohort.X.copy()
    X[:, 20:40] = X[:, [0]]
    X[:, 30:40] = 1 - X[:, 30:40]
    copies = {"cg00000000", *(f"cg{at:08d}" for at in range(20, 40))}
    panels = final_panels(dataclasses.replace(cohort, X=X), QUICK)
    assert len(copies & set(panels.filter(pl.col("size") == 20)["probe_id"])) == 1
    few = dataclasses.replace(cohort, X=X[:, :40], probe_ids=cohort.probe_ids[:40])
    everything = final_panels(few, dataclasses.replace(QUICK, sizes=(40, 50)))
    assert everything["size"].unique().to_list() == [40], "41 CpGs or more do not exist"
    assert copies <= set(everything["probe_id"])


def test_what_cannot_be_ranked_is_refused_in_one_line(cohort: TrainingData) -> None:
    one = dataclasses.replace(cohort, y=np.array(["acinic"] * len(cohort.y)))
    with pytest.raises(PanelError, match="one class is not enough"):
        importance(one, QUICK)
    few = dataclasses.replace(cohort, X=cohort.X[:, :3], probe_ids=cohort.probe_ids[:3])
    with pytest.raises(PanelError, match="3 CpGs are left: too few for a panel of 5"):
        final_panels(few, QUICK)
    with pytest.raises(PanelError, match="sizes is"):
        PanelParameters(sizes=(10, 5))
    with pytest.raises(PanelError, match="screened is 100: the largest panel has 1000"):
        PanelParameters(screened=100)


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, cup_assets.panels; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"sklearn", "scipy", "matplotlib", "dagster", "duckdb"} & set(loaded)
