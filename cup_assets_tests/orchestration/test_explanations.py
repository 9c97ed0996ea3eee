"""What scores are made of, as the platform stores it: of the evaluation and of the cases."""

from __future__ import annotations

import polars as pl
import pytest

from cup_assets.classify.explain import EXPLAINERS
from cup_assets.classify.models.random_forest import Forest
from cup_assets.orchestration.conventions import EXPLANATIONS
from cup_assets_tests.orchestration.chain import Chain

MODELS = ["logistic_regression", "random_forest"]


def test_every_reference_sample_is_explained_by_the_fold_that_held_it_out(complete: Chain) -> None:
    explained = complete.catalogue.query(
        'SELECT DISTINCT model, repeat, outer_fold, sample_id, score, "class"'
        " FROM cv_case_explanations WHERE part = 'called' ORDER BY ALL"
    )
    judged = complete.catalogue.query(
        "SELECT model, repeat, outer_fold, sample_id, max(score) AS score,"
        ' arg_max("class", score) AS "class" FROM cv_scores s'
        " WHERE study = 'leaderboard' AND scheme = 'stratified'"
        " AND model IN ('logistic_regression', 'random_forest') GROUP BY ALL ORDER BY ALL"
    )
    assert explained.rows() == judged.rows()
    assert explained.height == 2 * 24


def test_contributions_add_up_and_say_by_how_much_they_miss(complete: Chain) -> None:
    checks = complete.catalogue.query("SELECT * FROM cv_explanation_checks ORDER BY model")
    assert checks["model"].to_list() == MODELS
    assert checks["method"].to_list() == ["linear_shap", "tree_shap"]
    assert checks["quantity"].to_list() == ["calibrated_logit", "raw_score"]
    assert checks["n_samples"].to_list() == [24, 24]
    assert checks["additivity_max"].max() < 1e-9  # type: ignore[operator]


def test_the_features_that_matter_most_are_ranked_with_their_genes(complete: Chain) -> None:
    table = complete.catalogue.query("SELECT * FROM cv_explanations ORDER BY model, rank")
    for (_, _), part in table.group_by("model", "class"):
        assert part["rank"].to_list() == [1, 2, 3, 4, 5]
        assert part["mean_absolute"].is_sorted(descending=True)
    assert table.drop_nulls("class")["direction"].is_in(["hyper", "hypo"]).all()
    named = table.drop_nulls("gene")
    assert named.height
    for feature, gene in named["feature", "gene"].unique().head(5).iter_rows():
        known = complete.catalogue.query("SELECT genes FROM probes WHERE name = ?", [feature])
        assert gene in known["genes"].to_list()
    agreed = complete.catalogue.query("SELECT * FROM explanation_agreement")
    assert agreed.filter(pl.col("class").is_null())["metric"].sort().to_list() == [
        "overlap",
        "rank_correlation",
    ]


def test_every_scored_case_has_the_cpgs_that_its_call_is_made_of(complete: Chain) -> None:
    cases = complete.catalogue.query(
        'SELECT sample_id, release, "class" FROM predictions WHERE score IS NOT NULL ORDER BY ALL'
    )
    made_of = complete.catalogue.query("SELECT * FROM prediction_cpgs ORDER BY sample_id, rank")
    assert cases.height
    assert made_of["sample_id", "release", "class"].unique().sort("sample_id").equals(cases)
    for (_,), part in made_of.group_by("sample_id"):
        assert part["rank"].to_list() == [1, 2, 3, 4, 5]
        assert part["contribution"].abs().is_sorted(descending=True)


def test_anomalies_of_a_case_that_are_typical_of_its_class_stand_beside_its_cpgs(
    complete: Chain,
) -> None:
    drivers = complete.catalogue.query("SELECT * FROM prediction_drivers")
    cpgs = drivers.filter(kind="cpg")
    assert cpgs.height == complete.one("SELECT count(*) FROM prediction_cpgs")
    assert cpgs["contribution"].null_count() == 0
    anomalies = drivers.filter(kind="anomaly")
    assert anomalies.height
    assert anomalies["contribution"].null_count() == anomalies.height
    assert set(anomalies["note"]) == {"observed; the release does not look at copy number"}


def test_a_model_that_nobody_can_explain_is_named_and_the_others_are_explained(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EXPLAINERS, Forest)
    again = {"cup/force": "true"}
    assert complete.run("refresh_studies_now", only=[EXPLANATIONS], tags=again).success
    explained = complete.catalogue.query("SELECT DISTINCT model FROM cv_explanations")
    assert explained["model"].to_list() == ["logistic_regression"]
    version = complete.catalogue.current(EXPLANATIONS.to_user_string())
    assert version
    assert version.summary["notes"]["random_forest is not explained"] == (
        "Forest has no explainer: add one to EXPLAINERS"
    )


def test_a_case_is_called_even_if_nobody_can_explain_the_call(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = "SELECT * EXCLUDE (run_id) FROM predictions WHERE batch = 'beta' ORDER BY ALL"
    before = complete.catalogue.query(scored)
    for kind in list(EXPLAINERS):
        monkeypatch.delitem(EXPLAINERS, kind)
    assert complete.run("predict_batch", "beta", tags={"cup/force": "true"}).success
    assert complete.catalogue.query(scored).equals(before)
    assert complete.one("SELECT count(*) FROM prediction_cpgs WHERE batch = 'beta'") == 0
