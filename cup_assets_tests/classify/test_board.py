"""Every model under every scheme: joined as they are, and nothing that is missing goes unsaid."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify import board
from cup_assets.classify.board import (
    KEYS,
    TESTED_SCHEMA,
    compare_models,
    errors_by_part,
    judge_calibrators,
    judge_models,
)
from cup_assets.classify.comparison import COMPARISON_SCHEMA
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.metrics import family_metrics, metrics
from cup_assets.classify.parameters import EvaluationParameters

CLASSES = ["acinic", "secretory", "warthin"]
FAMILY = {"acinic": "salivary", "secretory": "salivary", "warthin": "benign"}
SAMPLES = [f"s{row:02d}" for row in range(30)]
TRUTH = pl.DataFrame(
    {
        "sample_id": SAMPLES,
        "class": [CLASSES[row % 3] for row in range(30)],
        "patient_id": [f"p{row // 2:02d}" for row in range(30)],
    }
)
PARAMETERS = EvaluationParameters(bootstraps=30)


def scored(model: str, scheme: str, seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    own = np.eye(3)[np.arange(30) % 3]
    scores = 0.5 * generator.dirichlet([0.5] * 3, 30) + 0.5 * own * generator.random((30, 1)) + 0.01
    scores /= scores.sum(axis=1, keepdims=True)
    return pl.DataFrame(
        {
            "model": model,
            "scheme": scheme,
            "strategy": "none",
            "features": "betas",
            "repeat": 0,
            "outer_fold": np.repeat(np.arange(30) % 3, 3),
            "sample_id": np.repeat(SAMPLES, 3),
            "class": CLASSES * 30,
            "raw_score": (0.5 * scores + 1 / 6).ravel(),
            "score": scores.ravel(),
        }
    )


SCORES = pl.concat(
    scored(model, scheme, seed)
    for seed, (model, scheme) in enumerate(
        (model, scheme)
        for model in ("xgboost", "svm")
        for scheme in ("leave_site_out", "cross_array", "stratified")
    )
)


def of(model: str, scheme: str) -> pl.DataFrame:
    return SCORES.filter(pl.col("model") == model, pl.col("scheme") == scheme)


@pytest.fixture(scope="module")
def judged() -> tuple[pl.DataFrame, pl.DataFrame]:
    return judge_models(SCORES, TRUTH, FAMILY, PARAMETERS)


def test_each_model_and_scheme_is_judged_as_it_would_be_alone(
    judged: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    by_class, by_family = (
        table.filter(pl.col("model") == "svm", pl.col("scheme") == "cross_array").drop(KEYS)
        for table in judged
    )
    alone = of("svm", "cross_array"), TRUTH
    assert_frame_equal(by_class, metrics(*alone, 1, 30))
    expected = family_metrics(*alone, FAMILY, 1, 30).rename({"class": "family"})
    assert_frame_equal(by_family, expected)


def test_schemes_come_in_their_order_and_models_by_name(
    judged: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    for table in judged:
        assert table.select("scheme", "model").unique(maintain_order=True).rows() == [
            (scheme, model)
            for scheme in ("stratified", "leave_site_out", "cross_array")
            for model in ("svm", "xgboost")
        ]


def test_no_scores_are_refused() -> None:
    with pytest.raises(ClassifyError, match="no scores to judge"):
        judge_models(SCORES.clear(), TRUTH, FAMILY, PARAMETERS)


def test_a_calibrator_that_changes_nothing_is_as_good_as_none_and_the_used_one_as_the_metrics() -> (
    None
):
    columns = ["model", "scheme", "repeat", "sample_id", "class"]
    others = pl.concat(
        SCORES.select(*columns, calibrator=pl.lit(name), score=pl.col("raw_score"))
        for name in ("idle", "ridge")
    )
    table = judge_calibrators(SCORES, others, TRUTH, PARAMETERS)
    assert table.select("model", "scheme", "calibrator").is_duplicated().sum() == table.height, (
        "three metrics of each"
    )
    rows = table.filter(pl.col("model") == "svm", pl.col("scheme") == "stratified")
    by_name = {
        name: part.drop("calibrator") for (name,), part in rows.group_by("calibrator") if name
    }
    assert set(by_name) == {"none", "ridge", "idle"}
    assert_frame_equal(by_name["idle"], by_name["none"])
    expected = metrics(of("svm", "stratified"), TRUTH, 1, 30)
    for name, prefix in (("none", "raw_"), ("ridge", "")):
        wanted = [f"{prefix}{metric}" for metric in by_name[name]["metric"]]
        alone = pl.concat(expected.filter(pl.col("metric") == metric) for metric in wanted)
        assert_frame_equal(
            by_name[name].select("value", "low", "high"), alone.select("value", "low", "high")
        )


def test_a_model_alone_is_compared_with_none() -> None:
    assert compare_models(of("svm", "stratified"), TRUTH, PARAMETERS).schema == COMPARISON_SCHEMA
    both = SCORES.filter(pl.col("scheme") == "stratified")
    found = compare_models(both, TRUTH, PARAMETERS, draws=20)
    assert found.select("a", "b").unique().rows() == [("svm", "xgboost")]


def test_the_errors_of_the_parts_that_are_held_out_add_up_to_the_error_of_the_scheme() -> None:
    parts = pl.DataFrame(
        {
            "scheme": "leave_site_out",
            "repeat": 0,
            "outer_fold": [2, 0, 1, 3],
            "held_out": ["Nancy", "Lyon", "Brest", "Lille"],
            "n_train": 20,
            "n_test": [10, 10, 10, 0],
        }
    )
    found = errors_by_part(SCORES, TRUTH, parts, PARAMETERS)
    assert found["held_out"].unique(maintain_order=True).to_list() == ["Lyon", "Brest", "Nancy"]
    assert set(found["model"]) == {"svm", "xgboost"}
    whole = metrics(of("svm", "leave_site_out"), TRUTH, 1, 2)
    error = whole.filter(pl.col("metric") == "error")["value"][0]
    assert found.filter(pl.col("model") == "svm")["value"].mean() == pytest.approx(error)
    assert (found["low"] <= found["value"]).all()
    assert errors_by_part(SCORES, TRUTH, parts.clear(), PARAMETERS).is_empty()


def test_who_was_not_tested_is_counted_with_every_reason() -> None:
    scores = pl.concat(
        [
            of("svm", "stratified"),
            of("svm", "leave_site_out").filter(pl.col("sample_id") != "s00"),
            # The other model scored one sample less: that one was not tested by every model.
            of("xgboost", "leave_site_out").filter(~pl.col("sample_id").is_in(["s00", "s01"])),
            of("svm", "cross_array").filter(pl.col("sample_id") > "s05"),
        ]
    )
    reasons = [
        ("leave_site_out", "s00", "test", "its site is not known"),
        ("leave_site_out", "s01", "test", "no sample of its class is left to train on"),
        ("leave_site_out", "s02", "test", "no sample of its class is left to train on"),
        ("leave_site_out", "s03", "train", "the same person is tested in this fold"),
    ]
    not_used = pl.DataFrame(reasons, schema=["scheme", "sample_id", "part", "reason"], orient="row")
    asked = ["stratified", "leave_site_out", "cross_array", "leave_batch_out"]
    found = board.tested(scores, TRUTH, not_used, asked)
    assert found.schema == TESTED_SCHEMA
    assert found.rows() == [
        ("stratified", 3, 30, 30, 0, "", ""),
        (
            *("leave_site_out", 3, 30, 28, 2),
            "2 x no sample of its class is left to train on; 1 x its site is not known",
            "1 x the same person is tested in this fold",
        ),
        ("cross_array", 3, 30, 24, 6, "no reason is recorded", ""),
        ("leave_batch_out", 0, 30, 0, 30, "no fold could be tested", ""),
    ]
