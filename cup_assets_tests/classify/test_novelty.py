"""Classes never seen: what they are called, by learners whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.learners import tuned_learner
from cup_assets.classify.novelty import (
    FALSE_MATCH_SCHEMA,
    NOVEL_SCHEMA,
    OUTCOMES,
    false_matches,
    leave_classes_out,
    novelty_outcomes,
)
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

DATA = cohort(n=96, p=2)
PARAMETERS = EvaluationParameters()
Share = tuple[float | None, float | None, float | None]


def answering(
    y: Strings, train: Ints, inner: Ints, test: Ints, seed: int
) -> tuple[Strings, Floats]:
    """Classes 0 and 1 share a family, 2 and 3 another; each is answered in its own way.

    0: sure of its sibling (a false match). 1: split over a family, which has one class left.
    2: split over the other family. 3: no idea.
    """
    classes = np.unique(y[train])
    (own,) = set(y[test].tolist())
    share = {
        "class 0": {"class 1": 0.97, "class 2": 0.03},
        "class 1": {"class 0": 0.89, "class 2": 0.11},
        "class 2": {"class 0": 0.5, "class 1": 0.45, "class 3": 0.05},
        "class 3": {"class 0": 0.3, "class 1": 0.3, "class 2": 0.4},
    }[own]
    scores = np.tile([share.get(str(name), 0.0) for name in classes], (len(test), 1))
    return classes, scores


def shares(frame: pl.DataFrame) -> dict[tuple[str | None, str], Share]:
    columns = frame.select("class", "outcome", "share", "low", "high")
    return {(name, outcome): tuple(rest) for name, outcome, *rest in columns.iter_rows()}  # type: ignore[misc]


def test_every_outcome_is_told_from_the_others() -> None:
    parameters = replace(PARAMETERS, family_threshold=0.85)
    found = leave_classes_out(DATA, folds(DATA), partial(answering, DATA.y), parameters)
    assert found.calls.schema == NOVEL_SCHEMA
    assert found.not_tested.is_empty()
    assert sorted(found.calls["sample_id"]) == sorted(DATA.sample_ids.tolist())
    table = shares(novelty_outcomes(found.calls, seed=1, bootstraps=100))
    # Twelve patients that agree: 1 - .025^(1/12) is compatible with none of them.
    doubt = 1 - 0.025 ** (1 / 12)
    assert table["class 0", "match"] == pytest.approx((1.0, 1 - doubt, 1.0))
    assert table["class 1", "family_right"] == pytest.approx((1.0, 1 - doubt, 1.0))
    assert table["class 1", "match"] == pytest.approx((0.0, 0.0, doubt))
    assert table["class 2", "family_wrong"][0] == 1
    assert table["class 3", "no_match"][0] == 1
    assert [table[None, outcome][0] for outcome in OUTCOMES] == [0.25] * 4
    low, high = table[None, "match"][1:]
    assert low is not None
    assert high is not None
    assert low < 0.25 < high
    sums = {}
    for (name, _), (share, _, _) in table.items():
        sums[name] = sums.get(name, 0.0) + (share or 0.0)
    assert set(sums.values()) == {1.0}


def test_the_right_family_cannot_be_found_where_no_other_class_of_it_is_known() -> None:
    family = np.where(DATA.y == "class 3", "alone", DATA.family)
    data = replace(DATA, family=family)
    found = leave_classes_out(data, folds(data), partial(answering, data.y), PARAMETERS)
    frame = novelty_outcomes(found.calls, seed=1, bootstraps=20)
    known = dict(frame.select("class", "family_known").unique().iter_rows())
    assert known == {
        "class 0": True,
        "class 1": True,
        "class 2": False,
        "class 3": False,
        None: None,
    }
    table = shares(frame)
    assert table["class 3", "family_right"] == (None, None, None)
    assert table["class 3", "no_match"][0] == 1
    assert table["class 0", "family_right"][0] == 0


def spying(
    data: TrainingData,
    seen: list[tuple[Ints, Ints]],
    train: Ints,
    inner: Ints,
    test: Ints,
    seed: int,
) -> tuple[Strings, Floats]:
    assert inner.shape == train.shape
    seen.append((train, test))
    return answering(data.y, train, inner, test, seed)


def test_neither_the_class_nor_its_patients_are_learnt_from() -> None:
    # The first patient has a second tumour, of another class.
    patient = DATA.patient.copy()
    patient[2:4] = patient[0]
    data = replace(DATA, patient=patient)
    plan = folds(data)
    tested = plan.filter(pl.col("sample_id") == "s000").select("repeat", "outer_fold", "inner_fold")
    moved = plan.filter(~pl.col("sample_id").is_in(["s002", "s003"]))
    for name in ("s002", "s003"):
        extra = tested.with_columns(sample_id=pl.lit(name), scheme=pl.lit("stratified"))
        moved = pl.concat([moved, extra.select(moved.columns)])
    seen: list[tuple[Ints, Ints]] = []
    leave_classes_out(data, moved, partial(spying, data, seen), PARAMETERS)
    assert len(seen) == 4
    for train, test in seen:
        assert len(set(data.y[test])) == 1
        assert set(np.flatnonzero(data.y == data.y[test[0]])) == set(test)
        assert not set(data.y[train]) & set(data.y[test])
        assert not set(data.patient[train]) & set(data.patient[test])
    assert len(seen[0][0]) == 96 - 24 - 2, "the second tumour of a patient of class 0 is left out"


def test_a_higher_threshold_makes_fewer_false_matches() -> None:
    found = leave_classes_out(DATA, folds(DATA), partial(answering, DATA.y), PARAMETERS)
    curve = false_matches(found.calls, seed=1, bootstraps=50, thresholds=[0.0, 0.45, 0.6, 0.9, 1.0])
    assert curve.schema == FALSE_MATCH_SCHEMA
    assert curve["false_match"].to_list() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert curve["high"][-1] == pytest.approx(1 - 0.025 ** (1 / 48))
    table = shares(novelty_outcomes(found.calls, seed=1, bootstraps=20))
    assert table[None, "match"][0] == curve["false_match"][3], "the threshold of a match is .9"


def test_of_two_classes_none_can_be_left_out_and_it_is_said() -> None:
    few = np.flatnonzero(np.isin(DATA.y, ["class 0", "class 1"]))
    columns = ("sample_ids", "y", "patient", "material", "family", "batch", "array", "site")
    data = replace(DATA, X=DATA.X[few], **{name: getattr(DATA, name)[few] for name in columns})
    found = leave_classes_out(data, folds(data), partial(answering, data.y), PARAMETERS)
    assert found.calls.is_empty()
    assert found.not_tested.rows() == [
        ("class 0", "fewer than two other classes are left to learn from"),
        ("class 1", "fewer than two other classes are left to learn from"),
    ]
    assert novelty_outcomes(found.calls, seed=1).is_empty()
    assert false_matches(found.calls, seed=1).is_empty()


def test_only_some_classes_can_be_asked_for_and_unknown_ones_are_refused() -> None:
    learner = partial(answering, DATA.y)
    found = leave_classes_out(DATA, folds(DATA), learner, PARAMETERS, classes=["class 2"])
    assert set(found.calls["left_out"]) == {"class 2"}
    with pytest.raises(ClassifyError, match="'class 9' is not in the data"):
        leave_classes_out(DATA, folds(DATA), learner, PARAMETERS, classes=["class 9"])
    gap = folds(DATA).filter(pl.col("outer_fold") == 0)
    with pytest.raises(ClassifyError, match="is tested in no outer fold"):
        leave_classes_out(DATA, gap, learner, PARAMETERS)


def test_a_real_classifier_calls_an_unseen_class_less_often_than_a_known_one() -> None:
    data = cohort(n=96, p=120)
    quick = replace(QUICK, logistic_c=(30.0,), calibration_c=(1.0,))
    learner = tuned_learner(data, "logistic_regression", quick)
    found = leave_classes_out(data, folds(data, outer=2), learner, quick, classes=["class 1"])
    assert (found.calls["outcome"] == "match").mean() < 0.5  # type: ignore[operator]
