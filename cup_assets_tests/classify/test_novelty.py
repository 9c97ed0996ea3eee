"""Classes never seen: what they are called, by callers whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.families import call_samples
from cup_assets.classify.learners import Called, released_caller
from cup_assets.classify.leave_class_out import NOVEL_SCHEMA, leave_classes_out
from cup_assets.classify.novelty import (
    FALSE_MATCH_SCHEMA,
    OUTCOMES,
    false_matches,
    novelty_outcomes,
)
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release import Predictions
from cup_assets.classify.release_fit import fit_release
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds
from cup_assets_tests.classify.test_typicality import NO_METRICS, part

DATA = cohort(n=96, p=2)
PARAMETERS = EvaluationParameters(bootstraps=50)
Share = tuple[float | None, float | None, float | None]


def answering(
    data: TrainingData,
    parameters: EvaluationParameters,
    train: Ints,
    inner: Ints,
    test: Ints,
    seed: int,
    *,
    unlike: Strings | None = None,
) -> Called:
    """Classes 0 and 1 share a family, 2 and 3 another; each is answered in its own way.

    0: sure of its sibling (a false match). 1: split over a family, which has one class left.
    2: split over the other family. 3: no idea. Samples that are unlike all classes are no match.
    """
    classes = np.unique(data.y[train]).tolist()
    (own,) = set(data.y[test].tolist())
    share = {
        "class 0": {"class 1": 0.97, "class 2": 0.03},
        "class 1": {"class 0": 0.89, "class 2": 0.11},
        "class 2": {"class 0": 0.5, "class 1": 0.45, "class 3": 0.05},
        "class 3": {"class 0": 0.3, "class 1": 0.3, "class 2": 0.4},
    }[own]
    scores = np.tile([share.get(name, 0.0) for name in classes], (len(test), 1))
    ids = data.sample_ids[test].tolist()
    limits = parameters.match_threshold, parameters.family_threshold
    strange = pl.Series(np.isin(ids, [] if unlike is None else unlike))
    calls = call_samples(ids, scores, classes, data.family_of(), *limits).with_columns(
        call=pl.when(strange).then(pl.lit("no_match")).otherwise("call"),
        note=pl.when(strange).then(pl.lit("unlike its class")),
    )
    frame = pl.DataFrame(
        {
            "sample_id": [name for name in ids for _ in classes],
            "class": classes * len(ids),
            "score": scores.ravel(),
        }
    )
    typicality = pl.when(strange).then(0.001).otherwise(0.5)
    return Called(Predictions(frame, calls), pl.select(typicality=typicality)["typicality"])


def asked(data: TrainingData, parameters: EvaluationParameters = PARAMETERS) -> partial[Called]:
    return partial(answering, data, parameters)


def shares(frame: pl.DataFrame) -> dict[tuple[str | None, str], Share]:
    columns = frame.select("class", "outcome", "share", "low", "high")
    return {(name, outcome): tuple(rest) for name, outcome, *rest in columns.iter_rows()}


def test_every_outcome_is_told_from_the_others() -> None:
    parameters = replace(PARAMETERS, family_threshold=0.85)
    found = leave_classes_out(DATA, folds(DATA), asked(DATA, parameters), parameters)
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
    sums: dict[str | None, float] = {}
    for (name, _), (share, _, _) in table.items():
        sums[name] = sums.get(name, 0.0) + (share or 0.0)
    assert set(sums.values()) == {1.0}


def test_the_right_family_cannot_be_found_where_no_other_class_of_it_is_known() -> None:
    family = np.where(DATA.y == "class 3", "alone", DATA.family)
    data = replace(DATA, family=family)
    found = leave_classes_out(data, folds(data), asked(data), PARAMETERS)
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
) -> Called:
    assert inner.shape == train.shape
    seen.append((train, test))
    return answering(data, PARAMETERS, train, inner, test, seed)


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
    found = leave_classes_out(DATA, folds(DATA), asked(DATA), PARAMETERS)
    curve = false_matches(found.calls, PARAMETERS, [0.0, 0.45, 0.6, 0.9, 1.0])
    assert curve.schema == FALSE_MATCH_SCHEMA
    assert curve["false_match"].to_list() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert curve["high"][-1] == pytest.approx(1 - 0.025 ** (1 / 48))
    table = shares(novelty_outcomes(found.calls, seed=1, bootstraps=20))
    assert table[None, "match"][0] == curve["false_match"][3], "the threshold of a match is .9"


def test_of_two_classes_none_can_be_left_out_and_it_is_said() -> None:
    few = np.flatnonzero(np.isin(DATA.y, ["class 0", "class 1"]))
    columns = ("sample_ids", "y", "patient", "material", "family", "batch", "array", "site")
    data = replace(DATA, X=DATA.X[few], **{name: getattr(DATA, name)[few] for name in columns})
    found = leave_classes_out(data, folds(data), asked(data), PARAMETERS)
    assert found.calls.is_empty()
    assert found.not_tested.rows() == [
        ("class 0", "fewer than two other classes are left to learn from"),
        ("class 1", "fewer than two other classes are left to learn from"),
    ]
    assert novelty_outcomes(found.calls, seed=1).is_empty()
    assert false_matches(found.calls, PARAMETERS).is_empty()


def test_only_some_classes_can_be_asked_for_and_unknown_ones_are_refused() -> None:
    learner = asked(DATA)
    found = leave_classes_out(DATA, folds(DATA), learner, PARAMETERS, classes=["class 2"])
    assert set(found.calls["left_out"]) == {"class 2"}
    with pytest.raises(ClassifyError, match="'class 9' is not in the data"):
        leave_classes_out(DATA, folds(DATA), learner, PARAMETERS, classes=["class 9"])
    gap = folds(DATA).filter(pl.col("outer_fold") == 0)
    with pytest.raises(ClassifyError, match="is tested in no outer fold"):
        leave_classes_out(DATA, gap, learner, PARAMETERS)


def test_a_sample_unlike_every_class_is_matched_by_its_score_but_not_by_a_release() -> None:
    of_zero = DATA.sample_ids[DATA.y == "class 0"]
    caller = partial(answering, DATA, PARAMETERS, unlike=of_zero[: len(of_zero) // 2])
    found = leave_classes_out(DATA, folds(DATA), caller, PARAMETERS)
    for rule, share in (("release", 0.5), ("scores", 1.0)):
        table = shares(novelty_outcomes(found.calls, seed=1, bootstraps=20, rule=rule))
        assert table["class 0", "match"][0] == share
        assert table["class 0", "no_match"][0] == 1 - share
        curve = false_matches(found.calls, PARAMETERS, [0.5, 0.9], rule=rule)
        assert curve["false_match"].to_list() == [0.25 * (share + 1) + 0.25, 0.25 * share]


def test_a_sample_that_cannot_be_scored_is_no_match_by_any_rule() -> None:
    def silent(train: Ints, inner: Ints, test: Ints, seed: int) -> Called:
        said = answering(DATA, PARAMETERS, train, inner, test, seed)
        nothing = pl.lit(None, pl.Float64)
        calls = said.predictions.calls.with_columns(score=nothing, call=pl.lit("no_match"))
        unknown = pl.Series("typicality", [None] * len(test), dtype=pl.Float64)
        return Called(Predictions(said.predictions.scores.clear(), calls), unknown)

    found = leave_classes_out(DATA, folds(DATA), silent, PARAMETERS, classes=["class 0"])
    assert set(found.calls["outcome"]) == set(found.calls["outcome_by_scores"]) == {"no_match"}
    for rule in ("release", "scores"):
        assert set(false_matches(found.calls, PARAMETERS, [0.0], rule=rule)["false_match"]) == {0}


def test_an_unseen_class_is_called_exactly_as_a_release_without_it_would() -> None:
    data = cohort(n=96, p=120, signal=1.5)
    quick = replace(QUICK, logistic_c=(30.0,), calibration_c=(1.0,), match_threshold=0.5)
    plan = folds(data)
    caller = released_caller(data, "logistic_regression", quick)
    found = leave_classes_out(data, plan, caller, quick, classes=["class 0"])

    rest = part(data, np.flatnonzero(data.y != "class 0"))
    own = part(data, np.flatnonzero(data.y == "class 0"))
    release = fit_release(
        rest, "logistic_regression", plan.filter(pl.col("sample_id").is_in(rest.sample_ids)), quick,
        version="v", normalisation={}, replicates="mean", cv_metrics=NO_METRICS, input_manifest=[],
    )  # fmt: skip
    material = {"material": own.material.tolist()}
    calls = release.predict(own.X, own.probe_ids, material, own.sample_ids).calls

    same = ["sample_id", "class", "score", "family", "family_score", "call", "note"]
    assert found.calls.select(same).equals(calls.select(same))
    matched = found.calls.filter(outcome_by_scores="match")
    assert matched.height > found.calls.filter(outcome="match").height > 0, "both kinds occur"
    named = found.calls.with_columns(of_call=calls["typicality"]).filter(call="match")
    assert named["typicality"].equals(named["of_call"], check_names=False)
