"""Votes of neighbours and clusters beside a classifier's calls."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.landscape import LandscapeError
from cup_assets.landscape.clusters import NO_CLUSTER
from cup_assets.landscape.concordance import (
    classifier_answers,
    cluster_answers,
    compare_answers,
    disagreements,
    neighbour_answers,
)

IDS = ["a1", "a2", "a3", "b1", "b2", "b3"]
CLASSES = ["a", "a", "a", "b", "b", "b"]
PATIENTS = ["p1", "p2", "p3", "p4", "p5", "p6"]
PLACES = np.array([[0.0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [0.5, 0.5]])
TRUTH = pl.DataFrame({"sample_id": IDS, "class": CLASSES, "patient_id": PATIENTS})


def of(answers: pl.DataFrame) -> dict[str, str | None]:
    return dict(answers["sample_id", "answer"].iter_rows())


def test_neighbours_vote_and_a_misplaced_sample_is_outvoted() -> None:
    answers = neighbour_answers("pc_space", PLACES, IDS, CLASSES, PATIENTS, 3)
    assert of(answers)["b3"] == "a"
    assert of(answers)["a1"] == "a"


def test_samples_of_the_same_patient_have_no_vote() -> None:
    patients = ["p1", "p1", "p3", "p4", "p5", "p6"]
    # Without a2, of the same patient, the nearest two are b3 and a3, b3 the nearer.
    answers = neighbour_answers("pc_space", PLACES, IDS, CLASSES, patients, 1)
    assert of(answers)["a1"] == "b"


def test_cluster_mates_vote_and_who_has_none_gets_no_answer() -> None:
    members = np.array([0, 0, 0, NO_CLUSTER, 1, 0])
    answers = cluster_answers("hdbscan", members, IDS, CLASSES, PATIENTS)
    assert of(answers) == {"a1": "a", "a2": "a", "a3": "a", "b1": None, "b2": None, "b3": "a"}


def test_a_model_calls_the_class_of_the_highest_mean_score_over_repeats() -> None:
    scores = pl.DataFrame(
        {
            "model": ["svm"] * 4,
            "sample_id": ["a1"] * 4,
            "class": ["a", "b", "a", "b"],
            "score": [0.9, 0.1, 0.4, 0.6],
        }
    )
    assert classifier_answers(scores)["answer", "support"].rows() == [("a", pytest.approx(0.65))]


def test_no_answer_counts_as_wrong_and_the_interval_is_of_patients() -> None:
    members = np.array([0, 0, 0, NO_CLUSTER, 1, 0])
    table = compare_answers(
        cluster_answers("hdbscan", members, IDS, CLASSES, PATIENTS), TRUTH, 1
    ).row(0, named=True)
    assert table["accuracy"] == pytest.approx(0.5)
    assert table["balanced_accuracy"] == pytest.approx(0.5)
    assert table["answered"] == pytest.approx(4 / 6)
    assert table["low"] < 0.5 < table["high"]


def test_a_disagreement_shows_both_answers_and_who_was_right() -> None:
    called = pl.DataFrame(
        {
            "model": "svm", "sample_id": IDS,
            "class": ["a", "a", "b", "b", "b", "b"], "score": 0.8,
        }
    )  # fmt: skip
    answers = pl.concat(
        [
            classifier_answers(called),
            neighbour_answers("pc_space", PLACES, IDS, CLASSES, PATIENTS, 3),
        ]
    )
    found = disagreements(answers, TRUTH, ["pc_space"])
    assert found["sample_id", "called", "answer", "right"].rows() == [
        ("a3", "b", "a", "neighbours"),
        ("b3", "b", "a", "classifier"),
    ]


def test_an_answer_about_an_unknown_sample_is_refused() -> None:
    answers = neighbour_answers("pc_space", PLACES, IDS, CLASSES, PATIENTS, 1)
    with pytest.raises(LandscapeError, match="'b3', but no diagnosis"):
        compare_answers(answers, TRUTH.head(5), 1)
