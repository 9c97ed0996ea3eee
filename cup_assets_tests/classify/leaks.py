"""Tests of leakage that any evaluation can be put to.

Belongs here: signal-free and planted data, and the chance level to hold scores against. Does not
belong here: a particular evaluation; it is a callable (data, folds) -> frame (sample_id, class,
score) of held-out scores.

The patients of a signal-free cohort are guessed one by one, so that the number guessed right is
binomial. Two samples of a patient are seldom told apart, and patients are counted, not samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import OuterFold
from cup_assets_tests.classify.synthetic import cohort, shuffled

Evaluation = Callable[[TrainingData, pl.DataFrame], pl.DataFrame]
# The chance that honest scores fall outside the interval, for one call of a check.
ALPHA = 1e-4


def signal_free(n: int = 120, p: int = 300, seed: int = 3) -> TrainingData:
    """Return a cohort whose labels have nothing to do with its betas."""
    return shuffled(cohort(n=n, p=p, seed=seed), seed=seed)


def patients_right(data: TrainingData, scores: pl.DataFrame) -> tuple[int, int]:
    """Return how many patients are called rightly, and how many there are.

    Samples of a patient vote with their scores; of equal ones the first class wins.
    """
    voted = (
        scores.join(data.truth().select("sample_id", "patient_id", true="class"), on="sample_id")
        .group_by("patient_id", "true", "class")
        .agg(pl.col("score").sum())
        .sort("score", "class", descending=[True, False])
        .group_by("patient_id", "true", maintain_order=True)
        .agg(pl.col("class").first())
    )
    return int((voted["class"] == voted["true"]).sum()), voted.height


def chance_interval(n_patients: int, n_classes: int) -> tuple[int, int]:
    """Return between which numbers of right guesses chance stays, but for once in 1 / `ALPHA`."""
    from scipy.stats import binom

    low, high = binom.interval(1 - ALPHA, n_patients, 1 / n_classes)
    return int(low), int(high)


def assert_chance_level(data: TrainingData, scores: pl.DataFrame) -> None:
    """Fail where held-out scores of a signal-free cohort are better, or worse, than guesses."""
    right, n = patients_right(data, scores)
    low, high = chance_interval(n, len(np.unique(data.y)))
    assert low <= right <= high, f"{right} of {n} patients right: chance gives {low} to {high}"


def planted(data: TrainingData, split: OuterFold, where: str) -> TrainingData:
    """Write the label into the first probes: of the ``training`` rows, or of ``all`` rows.

    One probe a class, .9 where the sample is of the class, else .1. Rows that are passed over hold
    noise there, with the same two values.
    """
    X = data.X.copy()
    classes = np.unique(data.y)
    codes = np.searchsorted(classes, data.y)
    generator = np.random.default_rng(1)
    noise = generator.integers(0, len(classes), len(codes))
    rows = np.zeros(len(codes), dtype=bool)
    rows[split.train] = True
    shown = np.where(rows | (where == "all"), codes, noise)
    X[:, : len(classes)] = np.where(shown[:, None] == np.arange(len(classes)), 0.9, 0.1)
    return replace(data, X=X)
