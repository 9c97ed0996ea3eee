from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.families import CALLS, call_samples
from cup_assets.classify.parameters import EvaluationParameters

CLASSES = ["acinic", "secretory", "warthin"]
FAMILY = {"acinic": "salivary", "secretory": "salivary", "warthin": "benign"}


def _call(*scores: float) -> dict[str, object]:
    frame = call_samples(["s"], np.array([scores]), CLASSES, FAMILY, 0.9, 0.9)
    return frame.row(0, named=True)


def test_a_class_over_the_threshold_is_a_match() -> None:
    found = _call(0.9, 0.06, 0.04)
    assert (found["call"], found["class"], found["family"]) == ("match", "acinic", "salivary")
    assert found["family_score"] == pytest.approx(0.96)


def test_two_classes_of_a_family_that_share_the_score_give_the_family_only() -> None:
    found = _call(0.45, 0.5, 0.05)
    assert (found["call"], found["class"]) == ("family_only", "secretory")
    assert found["score"] == 0.5
    assert found["family_score"] == pytest.approx(0.95)


def test_doubt_between_families_is_no_match() -> None:
    assert _call(0.4, 0.4, 0.2)["call"] == "no_match"
    assert _call(0.1, 0.001, 0.899)["call"] == "no_match"


def test_a_class_without_family_is_refused() -> None:
    with pytest.raises(ClassifyError, match="'warthin' has no family"):
        call_samples(
            ["s"], np.ones((1, 3)) / 3, CLASSES, {"acinic": "x", "secretory": "x"}, 0.9, 0.9
        )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31))
def test_a_call_never_contradicts_its_thresholds(seed: int) -> None:
    scores = np.random.default_rng(seed).dirichlet([0.2] * 3, 20)
    names = [str(row) for row in range(20)]
    for row in call_samples(names, scores, CLASSES, FAMILY, 0.9, 0.8).to_dicts():
        expected = (
            "match"
            if row["score"] >= 0.9
            else ("family_only" if row["family_score"] >= 0.8 else "no_match")
        )
        assert row["call"] == expected
        assert row["call"] in CALLS
        if row["call"] != "no_match":
            assert FAMILY[row["class"]] == row["family"]


def _scores(model: str, sample: str, *scores: float) -> pl.DataFrame:
    columns = {"model": [model] * 3, "sample_id": [sample] * 3, "class": CLASSES}
    return pl.DataFrame({**columns, "score": list(scores)})


def test_a_label_is_doubted_when_every_model_contradicts_it() -> None:
    scores = pl.concat(
        [
            _scores("svm", "swapped", 0.01, 0.02, 0.97),
            _scores("random_forest", "swapped", 0.05, 0.15, 0.8),
            _scores("svm", "right", 0.9, 0.05, 0.05),
            _scores("random_forest", "right", 0.7, 0.2, 0.1),
            _scores("svm", "one model only", 0.01, 0.98, 0.01),
            _scores("random_forest", "one model only", 0.6, 0.3, 0.1),
            _scores("svm", "unsure", 0.09, 0.45, 0.46),
            _scores("random_forest", "unsure", 0.09, 0.45, 0.46),
            _scores("svm", "scored by one", 0.01, 0.98, 0.01),
        ]
    )
    truth = pl.DataFrame({"sample_id": scores["sample_id"].unique(), "class": "acinic"})
    found = label_doubts(scores, truth, EvaluationParameters())
    assert found.rows() == [
        (
            "swapped",
            "acinic",
            "warthin",
            "random_forest: warthin 0.8, label 0.05; svm: warthin 0.97, label 0.01",
        )
    ]


def test_no_doubt_gives_an_empty_frame_with_its_columns() -> None:
    truth = pl.DataFrame({"sample_id": ["s"], "class": ["acinic"]})
    found = label_doubts(_scores("svm", "s", 0.9, 0.05, 0.05), truth, EvaluationParameters())
    assert found.columns == ["sample_id", "class", "suggested", "evidence"]
    assert found.is_empty()


def test_scores_of_several_schemes_are_no_evidence_together() -> None:
    truth = pl.DataFrame({"sample_id": ["s"], "class": ["acinic"]})
    both = [
        _scores("svm", "s", 0.01, 0.01, 0.98).with_columns(scheme=pl.lit(scheme))
        for scheme in ("stratified", "leave_batch_out")
    ]
    with pytest.raises(ClassifyError, match="svm has scores of several values of scheme: give one"):
        label_doubts(pl.concat(both), truth, EvaluationParameters())
    assert label_doubts(both[0], truth, EvaluationParameters()).height == 1
