"""Panels for the questions that always stand: the same answers as when somebody asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.compute import local
from cup_assets.panels import PanelParameters
from cup_assets.panels.differential import differential_panel
from cup_assets.panels.standing import StandingPanels, standing_panels

QUICK = PanelParameters(bootstraps=60, differential_size=4)
Folds = Callable[[TrainingData], pl.DataFrame]


@pytest.fixture(scope="module")
def families(cohort: TrainingData) -> TrainingData:
    """Return two classes of one family, one of another, and a rare one of each."""
    y = cohort.y.astype("U20")
    family = np.where(y == "nut", "carcinoma", "salivary").astype("U20")
    y[np.flatnonzero(cohort.y == "nut")[:6]] = "seldom"
    return dataclasses.replace(cohort, y=y, family=family)


@pytest.fixture(scope="module")
def standing(families: TrainingData, folds_of: Folds) -> StandingPanels:
    return standing_panels(families, QUICK, folds_of(families))


def test_each_class_and_each_family_of_two_classes_has_a_panel(standing: StandingPanels) -> None:
    assert standing.panels["panel_id"].unique(maintain_order=True).to_list() == [
        *("class_nut_4", "family_salivary_4", "class_acinic_4", "class_adenoid_4"),
    ]
    assert (standing.panels["size"] == 4).all()
    assert standing.panels["rank"].to_list() == [1, 2, 3, 4] * 4
    assert set(standing.performance["panel_id"]) == set(standing.panels["panel_id"])


def test_what_has_no_panel_is_named_with_the_reason(standing: StandingPanels) -> None:
    reasons = standing.left_out.rows()
    few = "3 patients of 'seldom': at least 5 are needed"
    assert reasons == [
        ("class_seldom", few),
        ("family_carcinoma", few),
        ("family_carcinoma", "there are no two classes to tell apart within it"),
    ]


def test_the_answers_are_those_that_somebody_gets_who_asks(
    standing: StandingPanels, families: TrainingData, folds_of: Folds
) -> None:
    for name, classes in (("class_nut", ["nut"]), ("family_salivary", ["acinic", "adenoid"])):
        asked = differential_panel(families, classes, 4, QUICK, folds_of(families))
        own = standing.panels.filter(panel_id=f"{name}_4")
        columns = ("rank", "probe_id", "chosen_in", "separates")
        assert own.select(columns).equals(asked.cpgs.select(columns))
        judged = standing.performance.filter(panel_id=f"{name}_4").drop("panel_id")
        chance = judged.filter(metric="chance_error")["value"].item()
        assert chance == asked.chance_error
        assert judged.filter(pl.col("metric") != "chance_error").equals(asked.performance)


def test_they_are_the_same_on_any_number_of_processes(
    standing: StandingPanels, families: TrainingData, folds_of: Folds
) -> None:
    again = standing_panels(families, QUICK, folds_of(families), local(2))
    assert again.panels.equals(standing.panels)
    assert again.performance.equals(standing.performance)


def test_permuted_labels_give_panels_no_better_than_chance(
    wide_cohort: TrainingData, folds_of: Folds
) -> None:
    labels = np.random.default_rng(2).permutation(wide_cohort.y[::2])
    shuffled = dataclasses.replace(wide_cohort, y=np.repeat(labels, 2))
    found = standing_panels(shuffled, QUICK, folds_of(shuffled)).performance
    accuracy = found.filter(pl.col("metric") == "balanced_accuracy")["value"]
    # Were the CpGs chosen on all samples, it would be about .8.
    assert accuracy.len() == 4
    assert float(accuracy.mean()) < 0.62  # type: ignore[arg-type]


def test_too_few_cpgs_leave_a_question_open_and_say_so(
    cohort: TrainingData, folds_of: Folds
) -> None:
    few = dataclasses.replace(cohort, X=cohort.X[:, :3], probe_ids=cohort.probe_ids[:3])
    found = standing_panels(few, QUICK, folds_of(few))
    assert found.panels.is_empty()
    assert found.performance.is_empty()
    assert set(found.left_out["reason"]) == {"only 3 CpGs are left for a panel of 4: ask for fewer"}
