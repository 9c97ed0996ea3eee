"""No leakage: what is held out stays held out; and the checks themselves catch leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.data import TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv, outer_folds
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import SCHEMES, assign_scheme
from cup_assets_tests.classify.leaks import (
    assert_chance_level,
    chance_interval,
    patients_right,
    planted,
    signal_free,
)
from cup_assets_tests.classify.synthetic import QUICK, folds

NAMES = sorted(MODELS)


def scores_of(model: str, data: TrainingData, plan: pl.DataFrame) -> pl.DataFrame:
    return nested_cv(data, model, plan, QUICK).scores


def nearest_centroid(
    features: Callable[[TrainingData, np.ndarray], np.ndarray],
    data: TrainingData,
    plan: pl.DataFrame,
) -> pl.DataFrame:
    """Score by the distance to the class centroids, on the probes that ``features`` chooses."""
    classes = np.unique(data.y)
    X = np.nan_to_num(data.X.astype(float), nan=0.5)
    parts = []
    for split in outer_folds(data, plan):
        kept = features(data, split.train)
        centres = np.array(
            [X[split.train[data.y[split.train] == name]][:, kept].mean(axis=0) for name in classes]
        )
        distance = ((X[split.test][:, None, kept] - centres) ** 2).sum(axis=2)
        parts.append(
            pl.DataFrame(
                {
                    "sample_id": np.repeat(data.sample_ids[split.test], len(classes)).tolist(),
                    "class": np.tile(classes, len(split.test)).tolist(),
                    "score": -distance.ravel(),
                }
            )
        )
    return pl.concat(parts)


def best_probes(data: TrainingData, rows: np.ndarray, n: int = 20) -> np.ndarray:
    """Return the probes that tell the classes of these rows apart best."""
    X = np.nan_to_num(data.X[rows].astype(float), nan=0.5)
    means = np.array([X[data.y[rows] == name].mean(axis=0) for name in np.unique(data.y[rows])])
    return np.argsort(-means.var(axis=0))[:n]


def best_probes_of_all(data: TrainingData, rows: np.ndarray) -> np.ndarray:
    return best_probes(data, np.arange(len(data.y)))


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_labels_are_guessed_as_chance_guesses(name: str) -> None:
    data = signal_free()
    assert_chance_level(data, scores_of(name, data, folds(data)))


@pytest.mark.parametrize("name", NAMES)
def test_a_label_written_into_the_training_part_only_does_not_help(name: str) -> None:
    data = signal_free(n=160, p=60)
    plan = folds(data, outer=2).filter(pl.col("outer_fold") == 0)
    (split,) = outer_folds(data, plan)
    only_there = planted(data, split, "training")
    assert_chance_level(only_there, scores_of(name, only_there, plan))
    # The same label in the test rows too is found at once: the check would have seen a leak.
    everywhere = planted(data, split, "all")
    right, n = patients_right(everywhere, scores_of(name, everywhere, plan))
    assert right > chance_interval(n, 4)[1]


def test_the_check_passes_an_honest_selection_of_probes_and_catches_a_leaking_one() -> None:
    # Among 2,000 probes of mere noise, twenty seem to know the labels that they are chosen by.
    data = signal_free(p=2000)
    noise = np.random.default_rng(1).random(data.X.shape, dtype=np.float32)
    data = replace(data, X=noise)
    assert_chance_level(data, nearest_centroid(best_probes, data, folds(data)))
    with pytest.raises(AssertionError, match=r"\d+ of 60 patients right: chance gives \d+ to \d+"):
        assert_chance_level(data, nearest_centroid(best_probes_of_all, data, folds(data)))


def test_the_check_catches_a_patient_on_both_sides() -> None:
    data = signal_free(p=500)
    # Each patient's two samples are nearly the same; a division by sample lets them meet.
    X = data.X.copy()
    X[1::2] = np.clip(X[::2] + np.float32(0.001), 0, 1)
    twins = replace(data, X=X)
    by_sample = replace(twins, patient=twins.sample_ids)
    honest, leaking = folds(twins), folds(by_sample, outer=4)

    def nearest_sample(of: TrainingData, plan: pl.DataFrame) -> pl.DataFrame:
        values = np.nan_to_num(of.X.astype(float), nan=0.5)
        parts = []
        for split in outer_folds(of, plan):
            gap = ((values[split.test][:, None] - values[split.train]) ** 2).sum(axis=2)
            called = of.y[split.train][gap.argmin(axis=1)]
            ids = of.sample_ids[split.test].tolist()
            for name in np.unique(of.y):
                score = (called == name).astype(float)
                parts.append(pl.DataFrame({"sample_id": ids, "class": str(name), "score": score}))
        return pl.concat(parts)

    assert_chance_level(twins, nearest_sample(twins, honest))
    with pytest.raises(AssertionError, match="chance gives"):
        assert_chance_level(by_sample, nearest_sample(by_sample, leaking))


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(deadline=None, max_examples=15)
@given(persons=st.lists(st.integers(0, 11), min_size=32, max_size=32), seed=st.integers(0, 5))
def test_duplicated_patients_never_straddle_the_folds_that_a_model_gets(
    scheme: str, persons: list[int], seed: int
) -> None:
    # Every class keeps persons of its own, so that stratified folds exist.
    rows = [
        {
            "sample_id": f"s{i:03d}",
            "class": f"class {i % 4}",
            "patient_id": f"p{person}" if i >= 24 else f"own {i}",
            "batch": f"b{(i // 4 + seed) % 3}",
            "site": f"c{(i // 4 + seed) % 2}",
            "array": f"a{(i // 8) % 2}",
        }
        for i, person in enumerate([0] * 24 + persons)
    ]
    frame = pl.DataFrame(rows)
    found = assign_scheme(scheme, frame, CohortParameters(seed=seed, inner_folds=2))
    X = np.full((frame.height, 1), 0.5, dtype=np.float32)
    data = TrainingData.from_frame(frame, X, ["cg00"])
    # Reading the folds raises where a patient is on both sides, of outer or inner folds.
    splits = outer_folds(data, found.folds)
    assert len(splits) >= 2
    for split in splits:
        assert not set(data.patient[split.test]) & set(data.patient[split.train])


def test_a_model_that_knows_the_batch_only_is_flattered_by_stratified_folds_alone() -> None:
    generator = np.random.default_rng(4)
    batch = np.arange(160) % 4
    # Seven of ten samples of a batch are of one class: to know the batch is to be right so often.
    code = np.where(np.arange(160) // 4 % 10 < 7, batch, (batch + 1 + np.arange(160) // 40) % 4)
    centres = generator.random((4, 40)) * 0.6 + 0.2
    X = centres[batch] + generator.normal(0, 0.05, (160, 40))
    names = [f"s{i:03d}" for i in range(160)]
    frame = pl.DataFrame(
        {
            "sample_id": names,
            "patient_id": names,
            "class": [f"class {i}" for i in code],
            "batch": [f"batch {i}" for i in batch],
        }
    )
    data = TrainingData.from_frame(frame, X.astype(np.float32), [f"cg{i:02d}" for i in range(40)])
    right = {}
    for scheme in ("stratified", "leave_batch_out"):
        plan = assign_scheme(scheme, frame, CohortParameters()).folds
        found = metrics(scores_of("svm", data, plan), data.truth(), seed=1, bootstraps=50)
        right[scheme] = dict(found.select("metric", "value").iter_rows())["accuracy"]
    assert right["stratified"] > 0.6
    assert right["leave_batch_out"] < 0.35


def test_chance_is_a_wide_but_bounded_place() -> None:
    assert chance_interval(60, 4) == pytest.approx((4, 29), abs=1)
    assert chance_interval(600, 4)[1] < 600 * 0.33
