from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import FoldResult, nested_cv, outer_folds
from cup_assets.classify.tuned import fit_tuned
from cup_assets.compute import local, serial
from cup_assets_tests.classify.medulloblastoma import medulloblastomas
from cup_assets_tests.classify.synthetic import (
    QUICK,
    cohort,
    folds,
    shuffled,
    with_other_rows,
)

NAMES = sorted(MODELS)


def _value(data: TrainingData, scores: pl.DataFrame, metric: str) -> float:
    found = metrics(scores, data.truth(), seed=1, bootstraps=10)
    return float(found.filter(pl.col("metric") == metric)["value"][0])


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_scored_once_and_well(name: str) -> None:
    data = cohort()
    result = nested_cv(data, name, folds(data), QUICK)
    assert result.scores.columns == [
        "repeat",
        "outer_fold",
        "sample_id",
        "class",
        "raw_score",
        "score",
    ]
    assert len(result.scores) == 120 * 4
    assert not result.scores.select("sample_id", "class").is_duplicated().any()
    assert _value(data, result.scores, "accuracy") > 0.9
    assert len(result.choices) == 4
    assert result.choices["n_train"].to_list() == [
        120 - test for test in result.choices["n_test"].to_list()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_labels_are_predicted_no_better_than_by_chance(name: str) -> None:
    # Two samples of a patient are seldom told apart: 60 independent guesses among 4 classes.
    # 30 or more of them right by luck has a probability below 5e-5.
    from scipy.stats import binom

    data = shuffled(cohort(), seed=3)
    assert binom.sf(29, 60, 0.25) < 5e-5
    result = nested_cv(data, name, folds(data), QUICK)
    for metric in ("accuracy", "raw_accuracy"):
        assert _value(data, result.scores, metric) < 30 / 60
    assert _value(data, result.scores, "log_loss") > np.log(4) - 0.15


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_keeps_its_bits_whatever_the_test_rows_hold(name: str) -> None:
    data = cohort()
    split = outer_folds(data, folds(data))[0]
    other = with_other_rows(data, split.test, seed=9)
    fits = [fit_tuned(of, split.train, split.inner, name, QUICK, 7) for of in (data, other)]
    for part in ("model", "calibrator"):
        one, two = (getattr(fit, part).arrays() for fit in fits)
        assert all(one[key].tobytes() == two[key].tobytes() for key in one)
    assert fits[0].candidate == fits[1].candidate


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_planted_from_test_labels_is_of_no_use(name: str) -> None:
    data = shuffled(cohort(), seed=3)
    split = outer_folds(data, folds(data))[0]
    X = data.X.copy()
    generator = np.random.default_rng(1)
    for code, of in enumerate(np.unique(data.y)):
        X[:, code] = 0.5 + generator.normal(0, 1e-3, 120)
        X[split.test, code] = (data.y[split.test] == of).astype(np.float32)
    planted = replace(data, X=X)
    one_fold = folds(data).filter(pl.col("outer_fold") == 0)
    fitted = fit_tuned(planted, split.train, split.inner, name, QUICK, 7)
    assert not set(range(4)) & set(fitted.pipeline.columns.tolist())
    accuracy = _value(planted, nested_cv(planted, name, one_fold, QUICK).scores, "accuracy")
    assert accuracy < 0.7


def test_processes_give_the_same_frames_as_one_process() -> None:
    data = cohort(n=64, p=200)
    one = nested_cv(data, "logistic_regression", folds(data), QUICK)
    two = nested_cv(data, "logistic_regression", folds(data), QUICK, local(2))
    assert_frame_equal(one.scores, two.scores, check_exact=True)
    assert_frame_equal(one.choices, two.choices, check_exact=True)


def _store(folder: Path, result: FoldResult) -> None:
    result.scores.write_parquet(folder / f"{result.repeat}-{result.outer_fold}.parquet")


def test_finished_folds_are_stored_at_once_and_not_computed_again(tmp_path: Path) -> None:
    data = cohort(n=64, p=200)
    plan = folds(data, repeats=2)
    stored: list[FoldResult] = []
    whole = nested_cv(data, "logistic_regression", plan, QUICK, on_fold=partial(_store, tmp_path))
    assert len(list(tmp_path.iterdir())) == 8
    assert whole.scores["repeat"].unique().sort().to_list() == [0, 1]
    half = plan.filter(pl.col("repeat") == 0)
    nested_cv(data, "logistic_regression", half, QUICK, on_fold=stored.append)
    completed = {(result.repeat, result.outer_fold): result for result in stored}
    again: list[FoldResult] = []
    resumed = nested_cv(
        data, "logistic_regression", plan, QUICK, completed=completed, on_fold=again.append
    )
    assert [(result.repeat, result.outer_fold) for result in again] == [(1, f) for f in range(4)]
    assert_frame_equal(resumed.scores, whole.scores, check_exact=True)


class _Elsewhere:
    """Workers that do not see this machine's disk: what the function holds is out of reach."""

    shares_disk = False

    def __call__(
        self, function: Any, items: Any, progress: Any = None, on_result: Any = None
    ) -> Any:
        assert function.args[-1] is None, "a worker elsewhere would write to its own disk"
        return serial(function, items, progress, on_result)


def test_results_of_workers_elsewhere_are_stored_here_as_they_arrive() -> None:
    data = cohort(n=64, p=200)
    seen: list[tuple[int, int]] = []
    stored: list[FoldResult] = []
    nested_cv(
        data, "logistic_regression", folds(data), QUICK, _Elsewhere(),
        lambda done, _: seen.append((done, len(stored))),
        on_fold=lambda result: stored.append(result),
    )  # fmt: skip
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_sample_without_any_value_is_still_scored() -> None:
    data = cohort(n=64, p=200)
    X = data.X.copy()
    X[10] = np.nan
    result = nested_cv(replace(data, X=X), "svm", folds(data), QUICK)
    own = result.scores.filter(pl.col("sample_id") == "s010")
    assert own["score"].sum() == pytest.approx(1)
    assert own["score"].max() < 0.9


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_one_inner_fold_only_is_handled(name: str) -> None:
    data = cohort(n=64, p=200)
    plan = folds(data)
    rare = data.sample_ids[data.y == "class 3"].tolist()
    inner = pl.when(pl.col("sample_id").is_in(rare) & pl.col("inner_fold").is_not_null())
    plan = plan.with_columns(inner.then(0).otherwise(pl.col("inner_fold")).alias("inner_fold"))
    scores = nested_cv(data, name, plan, QUICK).scores
    sums = scores.group_by("sample_id").agg(pl.col("score").sum())["score"]
    np.testing.assert_allclose(sums.to_numpy(), 1, atol=1e-9)
    assert scores["score"].is_finite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_the_training_part_lacks_scores_zero(name: str) -> None:
    data = cohort(n=64, p=200)
    rare = data.sample_ids[data.y == "class 3"].tolist()
    plan = folds(data).filter(pl.col("outer_fold") == 0)
    plan = plan.with_columns(
        pl.when(pl.col("sample_id").is_in(rare))
        .then(None)
        .otherwise(pl.col("inner_fold"))
        .alias("inner_fold")
    )
    scores = nested_cv(data, name, plan, QUICK).scores
    zero = scores.filter(pl.col("class") == "class 3")
    assert (zero["score"] == 0).all()
    assert (zero["raw_score"] == 0).all()
    assert _value(data, scores, "log_loss") > 10


def test_a_patient_on_both_sides_of_a_split_is_refused() -> None:
    data = cohort()
    plan = folds(data)
    torn = replace(data, patient=np.array(["p"] * 2 + data.patient[2:].tolist()))
    moved = (pl.col("sample_id") == "s001") & (pl.col("outer_fold") == 0)
    inner = pl.when(moved).then(pl.lit(2)).otherwise(pl.col("inner_fold"))
    both = plan.filter(pl.col("outer_fold") == 0).with_columns(
        pl.when(pl.col("sample_id") == "s000").then(None).otherwise(inner).alias("inner_fold")
    )
    with pytest.raises(ClassifyError, match=r"outer fold 0.*patient 'p' is on both sides"):
        nested_cv(torn, "svm", both, QUICK)
    second = pl.when(pl.col("sample_id").str.ends_with("1")).then((pl.col("inner_fold") + 1) % 3)
    swapped = plan.with_columns(second.otherwise(pl.col("inner_fold")).alias("inner_fold"))
    with pytest.raises(ClassifyError, match="inner fold"):
        outer_folds(data, swapped)


def test_folds_that_do_not_fit_the_data_are_refused_with_the_reason() -> None:
    data = cohort()
    plan = folds(data)
    other = plan.with_columns(pl.lit("leave_batch_out").alias("scheme"))
    with pytest.raises(ClassifyError, match="exactly one"):
        outer_folds(data, pl.concat([plan, other]))
    with pytest.raises(ClassifyError, match="listed twice"):
        outer_folds(data, pl.concat([plan, plan]))
    unknown = plan.with_columns(pl.col("sample_id").replace("s003", "nobody"))
    with pytest.raises(ClassifyError, match="'nobody'"):
        outer_folds(data, unknown)
    with pytest.raises(ClassifyError, match="no test sample"):
        outer_folds(data, plan.filter(pl.col("inner_fold").is_not_null()))
    alone = data.sample_ids[data.y == "class 0"].tolist()
    with pytest.raises(ClassifyError, match="fewer than two classes"):
        outer_folds(data, plan.filter(pl.col("sample_id").is_in(alone)))
    with pytest.raises(ClassifyError, match="unknown: use one of"):
        nested_cv(data, "oracle", plan, QUICK)


def test_incoherent_data_are_refused_with_the_sample() -> None:
    data = cohort()
    with pytest.raises(ClassifyError, match="'s000' occurs twice"):
        replace(data, sample_ids=np.array(["s000", *data.sample_ids[:-1]]))
    with pytest.raises(ClassifyError, match="'s002' has no class"):
        replace(data, y=np.array([*data.y[:2], "", *data.y[3:]]))
    with pytest.raises(ClassifyError, match="two families"):
        replace(data, family=np.array(["other", *data.family[1:]]))
    with pytest.raises(ClassifyError, match="betas lie in"):
        replace(data, X=data.X * 3)
    with pytest.raises(ClassifyError, match="material has shape"):
        replace(data, material=data.material[:-1])


def test_real_tumours_are_told_apart(reference_data: Path) -> None:
    data = medulloblastomas(reference_data)
    place = data.y.argsort(kind="stable").argsort()
    rows = [
        ("stratified", 0, fold, None if rank % 3 == fold else rank // 3 % 2, name)
        for fold in range(3)
        for name, rank in zip(data.sample_ids.tolist(), place.tolist(), strict=True)
    ]
    columns = ["scheme", "repeat", "outer_fold", "inner_fold", "sample_id"]
    plan = pl.DataFrame(rows, schema=columns, orient="row")
    for name in NAMES:
        scores = nested_cv(data, name, plan, QUICK).scores
        assert _value(data, scores, "error") < 0.05
        assert _value(data, scores, "log_loss") < 0.2
