"""What a release says of itself is held against the rows that it was said from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cup_assets.audit.content import Account
from cup_assets.audit.figures import check_figures
from cup_assets_tests.audit.accounts import (
    PEOPLE,
    SAMPLES,
    Change,
    Row,
    of_release,
    of_released_panel,
    said,
    with_record,
    with_rows,
)


def figure(metric: str, **values: float) -> Change:
    """Change a figure in record and card."""

    def change(content: Row) -> None:
        (row,) = [r for r in content["metrics"] if (r["metric"], r["class"]) == (metric, None)]
        row.update(values)

    return lambda account: with_record(account, change)


def both(account: Account, **values: float) -> Account:
    """Change the error in record, card and stored metrics: only the scores contradict."""
    changed = figure("error", **values)(account)
    return with_rows(changed, "cv_metrics", {"metric": "error", "class": None}, **values)


def outcome(account: Account, kind: str, people: object = PEOPLE) -> str:
    assert isinstance(people, dict)
    return said(list(check_figures(account, people)), kind)


def test_a_release_is_right_in_everything_that_follows_from_rows() -> None:
    checks = list(check_figures(of_release(), PEOPLE))
    assert [check.outcome for check in checks] == ["right"] * 4
    assert "24 samples, 3 classes, 12 patients" in said(checks, "right")
    assert "computed anew from the scores of all samples, are the same, with their intervals" in (
        said(checks, "right")
    )


TAMPERED: dict[str, tuple[Change, str]] = {
    "an error in record and card": (
        figure("error", value=0.001), "are those of evaluation/leaderboard: error: told (0.001"
    ),
    "an interval": (figure("log_loss", low=0.0), "are those of evaluation/leaderboard: log_loss"),
    "an error everywhere but in the scores": (
        lambda a: both(a, value=0.001), "computed anew from the scores of all samples"
    ),
    "an interval everywhere but in the scores": (
        lambda a: both(a, high=0.999), "with their intervals: error: told"
    ),
    "a score": (
        lambda a: with_rows(a, "cv_scores", {"sample_id": SAMPLES[3], "class": "a"}, score=0.9),
        "computed anew from the scores of all samples",
    ),
    "a row of scores left out": (
        lambda a: replace(a, tables={**a.tables, "cv_scores": a.tables["cv_scores"][1:]}),
        "computed anew from the scores of all samples",
    ),
    "a label": (
        lambda a: with_rows(a, "dataset_members", {"sample_id": SAMPLES[0]}, **{"class": "b"}),
        "as many samples, patients and classes as it says: classes",
    ),
    "the number of samples": (
        lambda a: with_record(a, lambda content: content.update(n_samples=1000)),
        "samples: 1000, there are 24",
    ),
    "the number of patients": (
        lambda a: with_record(a, lambda content: content.update(n_patients=24)),
        "patients: 24, there are 12",
    ),
    "the card alone": (
        lambda a: replace(
            a, releases={"r1": {**a.releases["r1"], "model_card.md": a.releases["r1"][
                "model_card.md"].replace(b"| log_loss | ", b"| log_loss | 0")}},
        ),
        "shows the figures of its record: no line '| log_loss |",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_a_figure_that_does_not_follow_is_wrong(what: str) -> None:
    change, fault = TAMPERED[what]
    assert fault in outcome(change(of_release()), "wrong")


def test_without_the_warehouse_values_are_computed_anew_and_intervals_are_not() -> None:
    checks = list(check_figures(of_release(), {}))
    assert said(checks, "wrong") == ""
    assert "computed anew from the scores of all samples, are the same:" in said(checks, "right")
    assert "intervals of the metrics of release r1" in said(checks, "not done")
    assert "computed anew" in outcome(both(of_release(), value=0.001), "wrong", {})


def test_rows_of_a_later_version_are_no_evidence() -> None:
    later = of_release()
    for table in ("dataset_members", "cv_scores", "cv_metrics"):
        later = with_rows(later, table, {}, data_version="later")
    told = outcome(later, "not done")
    assert told.count("its rows were replaced by those of a later version") == 3
    assert outcome(later, "wrong") == ""


def test_a_case_does_not_bring_the_scores_of_others() -> None:
    case = replace(of_release(), subject={"kind": "sample", "id": "CASE"})
    assert "only in the release's own bundle" in outcome(case, "not done")


def test_a_card_of_another_form_is_not_compared() -> None:
    files = {**of_release().releases["r1"], "model_card.md": b"# Another\n"}
    other = replace(of_release(), releases={"r1": files})
    assert "another version of cup_assets wrote the card" in outcome(other, "not done")


def test_a_released_panel_is_right_in_everything_that_follows_from_rows() -> None:
    checks = list(check_figures(of_released_panel(), PEOPLE))
    assert said(checks, "wrong") == ""
    assert said(checks, "right").count("\n") == 4
    assert "scores of simulated measurements are not stored" in said(checks, "not done")


PANELS: dict[str, tuple[Change, str]] = {
    "an error": (figure("error", value=0.01), "are those of panels/assays: error: told (0.01"),
    "another CpG": (
        lambda a: with_record(
            a, lambda content: content["panel"]["targets"][0].update(probe_id="cg7")
        ),
        "the CpGs of release r1 are those of panels/assays: other CpGs",
    ),
    "a CpG fewer": (
        lambda a: with_record(a, lambda content: content["panel"]["targets"].pop()),
        "other CpGs",
    ),
    "a share of the folds": (
        lambda a: with_rows(a, "assay_targets", {"probe_id": "cg1"}, chosen_in=1.0),
        "cg1: 1 of 2 folds, told is 1.0",
    ),
    "a choice": (
        lambda a: with_rows(a, "assay_choices", {"outer_fold": 0}, probe_id="cg9"),
        "cg0: 1 of 2 folds, told is 1.0",
    ),
}


@pytest.mark.parametrize("what", PANELS)
def test_what_does_not_fit_in_a_released_panel_is_wrong(what: str) -> None:
    change, fault = PANELS[what]
    assert fault in outcome(change(of_released_panel()), "wrong")


def test_a_panel_whose_rows_were_replaced_is_not_compared() -> None:
    later = with_rows(of_released_panel(), "assay_panels", {}, data_version="a2")
    assert outcome(later, "not done").count("panels/assays a1: its rows were replaced") == 3
