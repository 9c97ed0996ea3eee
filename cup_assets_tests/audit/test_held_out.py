"""A cross-validated score is right only if its sample was held out and it follows from the raw."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cup_assets.audit.held_out import check_cross_validated
from cup_assets_tests.audit.accounts import (
    FOLD_OF,
    PEOPLE,
    PERSON_OF,
    SAMPLES,
    Change,
    of_release,
    of_sample,
    said,
    with_rows,
)

OWN = SAMPLES[0]
FOLD = FOLD_OF[OWN]
STRANGER = next(name for name in SAMPLES if FOLD_OF[name] != FOLD)


def test_scores_of_the_folds_that_held_the_sample_out_are_right() -> None:
    checks = list(check_cross_validated(of_sample(), PEOPLE))
    assert [check.outcome for check in checks] == ["right"] * 3
    assert "2 folds: leave_batch_out, stratified" in said(checks, "right")


TAMPERED: dict[str, tuple[Change, str]] = {
    "the sample was learnt from": (
        lambda a: with_rows(
            a, "folds", {"sample_id": OWN, "outer_fold": FOLD, "scheme": "stratified"}, inner_fold=1
        ),
        f"stratified, repeat 0, fold {FOLD} learnt from it",
    ),
    "the sample is in both parts": (
        lambda a: replace(
            a,
            tables={
                **a.tables,
                "folds": [
                    *a.tables["folds"],
                    {
                        "scheme": "stratified",
                        "repeat": 0,
                        "outer_fold": FOLD,
                        "sample_id": OWN,
                        "inner_fold": 0,
                        "data_version": "d1",
                    },
                ],
            },
        ),
        "learnt from it",
    ),
    "the fold does not list it": (
        lambda a: replace(
            a,
            tables={
                **a.tables,
                "folds": [
                    row
                    for row in a.tables["folds"]
                    if (row["sample_id"], row["outer_fold"]) != (OWN, FOLD)
                ],
            },
        ),
        "does not test it",
    ),
    "the score is of another fold": (
        lambda a: with_rows(a, "cv_scores", {"scheme": "stratified"}, outer_fold=(FOLD + 1) % 4),
        f"fold {(FOLD + 1) % 4} learnt from it",
    ),
    "its batch was learnt from": (
        lambda a: with_rows(a, "dataset_members", {"sample_id": STRANGER}, batch=f"B{FOLD}"),
        f"learnt from 1 samples of its batch, as {STRANGER}",
    ),
    "it is no member": (
        lambda a: with_rows(a, "dataset_members", {"sample_id": OWN}, included=False),
        "no member of the reference set",
    ),
    "a calibrated score": (
        lambda a: with_rows(a, "cv_scores", {"class": "a", "scheme": "stratified"}, score=0.5),
        "score of a is 0x",
    ),
    "the last bit of a raw score": (
        lambda a: with_rows(
            a,
            "cv_scores",
            {"class": "b"},
            raw_score=a.tables["cv_scores"][1]["raw_score"] * (1 + 4e-16),
        ),
        "score of a is 0x",
    ),
    "a calibrator": (
        lambda a: with_rows(
            a,
            "cv_choices",
            {"scheme": "stratified"},
            calibrator=json.dumps(
                {**json.loads(a.tables["cv_choices"][0]["calibrator"]), "intercept": [1.0, 0, 0]}
            ),
        ),
        "score of a is 0x",
    ),
    "a calibrator that is none": (
        lambda a: with_rows(a, "cv_choices", {"scheme": "stratified"}, calibrator="{"),
        "calibrator and scores do not fit",
    ),
    "a class that was never learnt": (
        lambda a: with_rows(a, "cv_scores", {"class": "c"}, **{"class": "d"}),
        "calibrator and scores do not fit",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_does_not_fit_is_wrong(what: str) -> None:
    change, fault = TAMPERED[what]
    assert fault in said(list(check_cross_validated(change(of_sample()), PEOPLE)), "wrong")


def test_a_sample_of_the_same_person_in_the_training_part_is_found_where_people_are_known() -> None:
    people = {"d1": {**PERSON_OF, STRANGER: PERSON_OF[OWN]}}
    wrong = said(list(check_cross_validated(of_sample(), people)), "wrong")
    assert f"{STRANGER} in leave_batch_out, repeat 0, fold {FOLD}" in wrong
    told = said(list(check_cross_validated(of_sample(), {})), "not done")
    assert "does not tell who a sample belongs to" in told


def test_folds_of_a_later_version_are_no_evidence() -> None:
    later = with_rows(of_sample(), "folds", {}, data_version="d2")
    told = said(list(check_cross_validated(later, PEOPLE)), "not done")
    assert told.count("datasets/reference d1: its rows were replaced") == 2


def test_what_has_no_calibrator_is_not_called_right() -> None:
    bare = replace(of_sample(), format=1, tables={**of_sample().tables, "cv_choices": []})
    checks = list(check_cross_validated(bare, PEOPLE))
    assert "calibrators of 2 folds of models are not stored" in said(checks, "not done")
    assert "calibrated" not in said(checks, "right")


def test_other_subjects_have_no_such_scores() -> None:
    assert list(check_cross_validated(of_release(), PEOPLE)) == []
