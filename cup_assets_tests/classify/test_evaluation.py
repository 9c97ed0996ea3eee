"""Several models judged in one go: the platform's own numbers, and nobody lost on the way."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.evaluation import Evaluation, evaluate
from cup_assets.classify.metrics import metrics
from cup_assets.classify.nested import CvResult, nested_cv
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import assign_scheme
from cup_assets_tests.classify.synthetic import QUICK, cohort

FAST = replace(QUICK, n_probes=40, bootstraps=50)
MODELS = ["svm", "logistic_regression"]


@lru_cache(maxsize=1)
def small() -> TrainingData:
    """Return a cohort with a wrong label, whose last class comes from one batch alone."""
    data = cohort(n=72, p=80)
    y = data.y.copy()
    y[0:2] = "class 1"
    batch = np.where(y == "class 3", "b2", np.where(np.arange(72) // 8 % 2, "b1", "b0"))
    return replace(data, y=y, family=np.array([f"family {int(of[-1]) // 2}" for of in y]),
                   batch=batch)  # fmt: skip


@lru_cache(maxsize=1)
def evaluated() -> Evaluation:
    data = small()
    members = data.truth().with_columns(pl.Series("batch", data.batch.tolist()))
    divided = [
        assign_scheme(scheme, members, CohortParameters(outer_folds=3, inner_folds=2))
        for scheme in ("stratified", "leave_batch_out")
    ]
    folds, parts, not_used = (
        pl.concat([getattr(scheme, name) for scheme in divided])
        for name in ("folds", "parts", "not_used")
    )
    return evaluate(data, folds, parts, not_used, MODELS, FAST)


def test_every_table_speaks_of_every_model_and_scheme() -> None:
    found = evaluated()
    pairs = {(scheme, model) for scheme in ("stratified", "leave_batch_out") for model in MODELS}
    for name in ("leaderboard", "metrics", "family_metrics", "scores", "choices", "calibrations",
                 "calibration_metrics", "reliability", "confusions", "rejects"):  # fmt: skip
        table = getattr(found, name)
        assert set(table.select("scheme", "model").iter_rows()) == pairs, name
    assert set(found.comparisons["scheme"]) == {"stratified", "leave_batch_out"}


def test_the_scores_and_figures_are_those_of_the_platform() -> None:
    data, found = small(), evaluated()
    own = (pl.col("model") == "svm") & (pl.col("scheme") == "stratified")
    members = data.truth()
    plan = assign_scheme("stratified", members, CohortParameters(outer_folds=3, inner_folds=2))
    direct = nested_cv(data, "svm", plan.folds, FAST)
    assert_frame_equal(
        found.scores.filter(own).select(direct.scores.columns), direct.scores, check_exact=True
    )
    expected = metrics(direct.scores, data.truth(), FAST.seed, FAST.bootstraps)
    board = found.leaderboard.filter(own).row(0, named=True)
    for metric in ("error", "brier", "raw_log_loss", "ece"):
        value, low, high = expected.filter(pl.col("metric") == metric).row(0)[2:]
        assert (board[metric], board[f"{metric}_low"], board[f"{metric}_high"]) == (
            value, low, high,
        )  # fmt: skip


def test_the_best_model_comes_first_within_each_scheme() -> None:
    board = evaluated().leaderboard
    assert board["scheme"].to_list() == ["stratified"] * 2 + ["leave_batch_out"] * 2
    for scheme in ("stratified", "leave_batch_out"):
        assert board.filter(pl.col("scheme") == scheme)["log_loss"].is_sorted()


def test_a_class_that_comes_from_one_batch_alone_is_told_as_never_tested() -> None:
    row = evaluated().tested.filter(pl.col("scheme") == "leave_batch_out").row(0, named=True)
    lonely = int((small().y == "class 3").sum())
    assert (row["samples"], row["never_tested"]) == (72, lonely)
    assert row["not_tested_because"] == f"{lonely} x no sample of its class is left to train on"
    held_out = evaluated().parts.filter(pl.col("model") == "svm")["held_out"].to_list()
    assert held_out == ["b0", "b1"]


def test_labels_that_every_model_contradicts_are_listed_and_not_changed() -> None:
    doubts = evaluated().doubts
    assert doubts.select("sample_id", "class", "suggested").rows() == [
        ("s000", "class 1", "class 0"),
        ("s001", "class 1", "class 0"),
    ]


def test_the_caller_may_make_the_cross_validations_himself() -> None:
    data = small()
    plan = assign_scheme("stratified", data.truth(), CohortParameters(outer_folds=3, inner_folds=2))
    asked: list[tuple[str, str]] = []

    def run(model: str, folds: pl.DataFrame) -> CvResult:
        asked.append((model, folds["scheme"][0]))
        scores = evaluated().scores.filter(model=model, scheme="stratified")
        choices = evaluated().choices.filter(model=model, scheme="stratified")
        others = evaluated().calibrations.filter(model=model, scheme="stratified")
        keys = ["model", "scheme", "strategy", "features"]
        return CvResult(model, scores.drop(keys), choices.drop(keys), others.drop(keys))

    again = evaluate(data, plan.folds, plan.parts, plan.not_used, MODELS[:1], FAST, run)
    assert asked == [("svm", "stratified")]
    assert again.comparisons.is_empty()
    first = evaluated().leaderboard.filter(model="svm", scheme="stratified")
    assert_frame_equal(again.leaderboard, first, check_exact=True)


@pytest.mark.parametrize("calibrator", ["none", "ridge"])
def test_the_calibration_table_holds_the_leaderboards_figures(calibrator: str) -> None:
    found = evaluated()
    prefix = "raw_" if calibrator == "none" else ""
    for row in found.calibration_metrics.filter(calibrator=calibrator).iter_rows(named=True):
        board = found.leaderboard.filter(model=row["model"], scheme=row["scheme"])
        assert board[prefix + row["metric"]][0] == pytest.approx(row["value"], abs=1e-12)
