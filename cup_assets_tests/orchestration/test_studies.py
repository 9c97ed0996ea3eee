"""What the studies of the classifiers store, and what they say when there is nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cup_assets.copynumber.features import CnvFeatures
from cup_assets.definitions import defs
from cup_assets.landscape.concordance import disagreements
from cup_assets.orchestration.assets import ablations, concordance
from cup_assets.orchestration.conventions import (
    ABLATIONS,
    CONCORDANCE,
    LEADERBOARD,
    LEARNING_CURVE,
    NOVELTY,
    STUDIES,
    STUDY_RETRIES,
    cv_key,
)
from cup_assets.warehouse import AssetVersion, Catalogue
from cup_assets_tests.orchestration.chain import Chain

CELLS = [
    ("none", "betas"),
    ("smote", "betas"),
    ("class_weight", "betas"),
    ("class_weight", "betas_cnv"),
    ("class_weight", "cnv"),
]


@pytest.fixture(scope="module")
def catalogue(complete_data: Path) -> Catalogue:
    return Catalogue(complete_data / "warehouse" / "cup.duckdb")


def version(catalogue: Catalogue, asset: Any) -> AssetVersion:
    found = catalogue.current(asset.to_user_string())
    assert found is not None
    return found


def test_every_cell_of_the_ablations_is_stored_beside_the_leaderboard(
    catalogue: Catalogue,
) -> None:
    cells = catalogue.query(
        "SELECT strategy, features, count(DISTINCT sample_id) AS n FROM cv_scores"
        " WHERE study = 'ablations' GROUP BY ALL"
    )
    assert sorted(cells.rows()) == sorted((*cell, 24) for cell in CELLS)
    for table in ("cv_metrics", "cv_choices"):
        found = catalogue.query(
            f"SELECT DISTINCT strategy, features FROM {table} WHERE study = 'ablations'"
        )
        assert sorted(found.rows()) == sorted(CELLS)
    studies = catalogue.query("SELECT DISTINCT study FROM cv_scores ORDER BY study")
    assert studies["study"].to_list() == ["ablations", "leaderboard"]


def test_the_leaderboards_cell_is_taken_over_to_the_last_bit(catalogue: Catalogue) -> None:
    ours, theirs = (
        catalogue.query(
            'SELECT repeat, outer_fold, sample_id, "class", raw_score, score FROM cv_scores'
            " WHERE study = ? AND model = 'logistic_regression' AND scheme = 'stratified'"
            " AND strategy = 'class_weight' AND features = 'betas' ORDER BY ALL",
            [study],
        )
        for study in ("ablations", "leaderboard")
    )
    assert ours.height == 24 * 3
    assert ours.equals(theirs)


def test_copy_number_and_each_strategy_are_compared_with_going_without(
    catalogue: Catalogue,
) -> None:
    pairs = catalogue.query(
        "SELECT DISTINCT a, b FROM cv_comparisons WHERE study = 'ablations' ORDER BY a"
    )
    model = "logistic_regression"
    assert pairs.rows() == [
        (f"{model} · betas_cnv", f"{model} · betas"),
        (f"{model} · cnv", f"{model} · betas"),
        (f"{model} · smote", f"{model} · none"),
    ]
    recalls = catalogue.query('SELECT "class", "before", "after", n_samples FROM cv_recall_changes')
    assert set(recalls.select("before", "after", "n_samples").rows()) == {("none", "smote", 8)}
    notes = version(catalogue, ABLATIONS).summary["notes"]
    assert "24 of 24 samples have a copy-number profile" in notes["copy number"]
    assert "copy number alone instead of betas alone" in notes["What is copy number worth?"]


def test_the_learning_curve_says_what_it_cannot_tell(catalogue: Catalogue) -> None:
    curve = catalogue.query("SELECT * FROM learning_curve ORDER BY fraction")
    assert curve["fraction"].to_list() == [0.5, 1.0]
    assert curve["n_train_patients"].is_sorted()
    needed = catalogue.query("SELECT target_error, n_patients, answer FROM patients_needed")
    assert sorted(needed["target_error"]) == [0.02, 0.05, 0.1]
    assert needed["n_patients"].null_count() == 3
    assert needed["answer"].str.contains("it has 2 sizes of the 4 it needs").all()
    told = version(catalogue, LEARNING_CURVE).summary["notes"]["how many more cases"]
    assert "does not tell: it has 2 sizes" in told


def test_the_released_model_is_asked_about_every_class_by_both_rules(catalogue: Catalogue) -> None:
    (released,) = catalogue.query("SELECT model FROM releases WHERE is_current")["model"]
    calls = catalogue.query("SELECT * FROM novelty_calls")
    assert set(calls["model"]) == {released}
    assert calls["sample_id"].n_unique() == calls.height == 24
    own = catalogue.query('SELECT sample_id, "class" AS own FROM dataset_members WHERE included')
    joined = calls.join(own, on="sample_id")
    assert (joined["left_out"] == joined["own"]).all()
    assert (joined["class"] != joined["own"]).all(), "an unseen class cannot be named"
    overall = catalogue.query(
        "SELECT rule, outcome, share FROM novelty_outcomes WHERE class IS NULL"
    )
    for rule, column in (("release", "outcome"), ("scores", "outcome_by_scores")):
        share = overall.filter(rule=rule, outcome="match")["share"].item()
        assert share == pytest.approx((calls[column] == "match").mean())
        swept = catalogue.query(
            "SELECT false_match FROM novelty_thresholds WHERE rule = ? AND threshold = 0.9", [rule]
        )
        assert swept.item() == pytest.approx(share)
    told = version(catalogue, NOVELTY).summary["notes"]["unseen classes"]
    assert "of 24 tumours of classes it had not seen" in told


def test_a_study_of_no_model_stores_nothing_and_says_so(complete: Chain) -> None:
    with complete.settings.parameters.open() as file:
        text = file.read()
    text = text.replace(
        '[ablations]\nmodels = ["logistic_regression"]', "[ablations]\nmodels = []"
    ).replace("[learning_curve]\n", "[learning_curve]\nmodels = []\n")
    complete.settings.parameters.write_text(text)
    assert complete.run("refresh_studies_now", only=[ABLATIONS, LEARNING_CURVE]).success
    for table in ("cv_scores", "cv_metrics", "cv_choices", "cv_comparisons"):
        assert complete.one(f"SELECT count(*) FROM {table} WHERE study = 'ablations'") == 0
        if table != "cv_comparisons":
            assert complete.one(f"SELECT count(*) > 0 FROM {table} WHERE study = 'leaderboard'")
    for table in ("cv_recall_changes", "learning_curve", "patients_needed"):
        assert complete.one(f"SELECT count(*) FROM {table}") == 0
    for asset in (ABLATIONS, LEARNING_CURVE):
        notes = version(complete.catalogue, asset).summary["notes"]
        assert "nothing was computed" in " ".join(notes.values())


def test_where_few_samples_have_a_profile_copy_number_is_not_learnt_from_and_it_is_said(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(platform: object, ids: list[str]) -> CnvFeatures:
        values = np.full((len(ids), 2), np.nan, dtype=np.float32)
        values[:10] = 0.1
        return CnvFeatures(tuple(ids), ("arm:1p", "arm:1q"), values)

    monkeypatch.setattr(ablations, "read_cnv_log2_ratios", few)
    complete.parameters('strategies = ["none", "smote"]', 'strategies = ["none"]')
    assert complete.run("refresh_studies_now", only=[ABLATIONS]).success
    found = complete.catalogue.query(
        "SELECT DISTINCT strategy, features FROM cv_scores WHERE study = 'ablations'"
    )
    assert sorted(found.rows()) == [("class_weight", "betas"), ("none", "betas")]
    notes = version(complete.catalogue, ABLATIONS).summary["notes"]
    assert notes["copy number"].startswith("10 of 24 samples have a copy-number profile")
    assert notes["copy number"].endswith("too few: copy number was not learnt from.")


def test_every_study_is_tried_again() -> None:
    graph = defs.resolve_asset_graph()
    for key in STUDIES:
        assert graph.get(key).assets_def.op.retry_policy == STUDY_RETRIES, key


@pytest.mark.slow
def test_a_study_is_made_of_what_changed_under_it_in_the_same_run(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version(complete.catalogue, CONCORDANCE)

    def meanwhile(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        complete.parameters("logistic_c = [30.0]", "logistic_c = [10.0]")
        changed = [cv_key("logistic_regression"), LEADERBOARD]
        assert complete.run("refresh_aggregates_now", only=changed).success
        return disagreements(*given, **named)

    monkeypatch.setattr(concordance, "disagreements", meanwhile)
    again = {"cup/force": "true"}
    result = complete.run("refresh_studies_now", only=[CONCORDANCE], tags=again)
    assert result.success
    assert [event.step_key for event in result.all_events if event.is_step_up_for_retry] == [
        "evaluation__concordance"
    ]
    after = version(complete.catalogue, CONCORDANCE)
    leaderboard = version(complete.catalogue, LEADERBOARD).data_version
    assert after.inputs["evaluation/leaderboard"] == leaderboard
    assert before.inputs["evaluation/leaderboard"] != leaderboard
