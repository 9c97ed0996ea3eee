"""A panel is held against the choices of the folds and the curve that it was chosen by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cup_assets.audit.panels import check_panel
from cup_assets_tests.audit.accounts import Change, of_panel, of_sample, said, with_rows


def test_a_panel_is_right_in_what_follows_from_choices_and_curve() -> None:
    checks = list(check_panel(of_panel()))
    assert [check.outcome for check in checks] == ["right", "right", "not done"]
    assert "scores of small panels are not stored" in said(checks, "not done")


TAMPERED: dict[str, tuple[Change, str]] = {
    "a share": (
        lambda a: with_rows(a, "panels", {"probe_id": "cg1"}, chosen_in=1.0),
        "cg1: 1 of 2 folds, told is 1.0",
    ),
    "a CpG": (
        lambda a: with_rows(a, "panels", {"probe_id": "cg1"}, probe_id="cg5"),
        "cg5: 0 of 2 folds",
    ),
    "a choice": (
        lambda a: with_rows(a, "panel_choices", {"probe_id": "cg9", "rank": 2}, probe_id="cg1"),
        "cg1: 2 of 2 folds, told is 0.5",
    ),
    "no choices": (
        lambda a: replace(a, tables={**a.tables, "panel_choices": []}),
        "cg0: 0 of 0 folds",
    ),
    "an error on the curve": (
        lambda a: with_rows(a, "panel_curve", {"model": "svm", "size": 10}, value=0.01),
        "family svm is another",
    ),
    "a recommended size": (
        lambda a: with_rows(a, "panel_recommended", {"scope": "overall"}, size=2),
        "overall svm is another",
    ),
    "a recommendation left out": (
        lambda a: replace(
            a, tables={**a.tables, "panel_recommended": a.tables["panel_recommended"][1:]}
        ),
        "family svm is another",
    ),
    "no curve": (
        lambda a: replace(a, tables={**a.tables, "panel_curve": []}),
        "the curve gives none",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_does_not_follow_is_wrong(what: str) -> None:
    change, fault = TAMPERED[what]
    assert fault in said(list(check_panel(change(of_panel()))), "wrong")


def test_the_folds_choices_for_a_differential_diagnosis_are_said_not_to_be_stored() -> None:
    told = said(list(check_panel(of_panel("family_salivary_2"))), "not done")
    assert "choices for one differential diagnosis are not stored" in told


def test_rows_of_a_later_version_are_no_evidence() -> None:
    later = with_rows(of_panel(), "panels", {}, data_version="p2")
    assert {check.outcome for check in check_panel(later)} == {"not done"}


def test_other_subjects_are_no_panels() -> None:
    assert list(check_panel(of_sample())) == []
