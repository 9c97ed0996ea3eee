"""A sample of a class that was never learnt is told by its distance, whatever its score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.classify.release import Release
from cup_assets.classify.release_fit import fit_release
from cup_assets.classify.typicality import Typicality, fit_typicality
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

_OF_SAMPLES = ("sample_ids", "y", "family", "patient", "batch", "material", "array", "site")
NO_METRICS = pl.DataFrame(
    schema={"metric": pl.String, "class": pl.String, "value": pl.Float64, "low": pl.Float64,
            "high": pl.Float64}
)  # fmt: skip


def part(data: TrainingData, rows: np.ndarray) -> TrainingData:
    return replace(
        data,
        X=data.X[rows],
        **{name: getattr(data, name)[rows] for name in _OF_SAMPLES},
    )


def release_of(data: TrainingData, model: str = "logistic_regression") -> Release:
    return fit_release(
        data, model, folds(data), QUICK, version="v", normalisation={}, replicates="mean",
        cv_metrics=NO_METRICS, input_manifest=[],
    )  # fmt: skip


@pytest.fixture(scope="module")
def everybody() -> TrainingData:
    return cohort(n=240, p=400, classes=4, seed=3, signal=6.0)


def strangers(data: TrainingData) -> TrainingData:
    """Return samples with what tells their class, and a pattern of their own beside it."""
    pattern = np.random.default_rng(8).choice([0.5, 1.0, 2.0], data.X.shape[1])
    return replace(data, X=(data.X**pattern).astype(np.float32))


def called(release: Release, data: TrainingData) -> pl.DataFrame:
    material = {"material": data.material.tolist()}
    return release.predict(data.X, data.probe_ids, material, data.sample_ids).calls


@pytest.fixture(scope="module")
def novel(everybody: TrainingData) -> tuple[Release, pl.DataFrame]:
    """Return a release of half of the patients, and its calls of strangers."""
    release = release_of(part(everybody, np.flatnonzero(first_half(everybody))))
    return release, called(
        release, strangers(part(everybody, np.flatnonzero(~first_half(everybody))))
    )


def first_half(data: TrainingData) -> np.ndarray:
    return np.array([int(name[1:]) // 4 % 2 == 0 for name in data.patient])


def test_a_stranger_with_a_high_score_is_no_match(novel: tuple[Release, pl.DataFrame]) -> None:
    _, calls = novel
    high = calls.filter(pl.col("score") >= QUICK.match_threshold)
    assert high.height > 20  # the score alone would match them
    unlike = high.filter(pl.col("typicality") < QUICK.typicality_threshold)
    assert unlike.height > 0.9 * high.height
    assert set(unlike["call"]) == {"family_only"}
    assert unlike["note"].str.starts_with("unlike its class: only ").all()


def test_without_a_sure_family_nothing_is_left_of_a_match_that_is_taken_back(
    everybody: TrainingData, novel: tuple[Release, pl.DataFrame]
) -> None:
    release, calls = novel
    strict = {**release.record["parameters"], "family_threshold": 1.01}
    release = replace(release, record={**release.record, "parameters": strict})
    again = called(release, strangers(part(everybody, np.flatnonzero(~first_half(everybody)))))
    back = (calls["score"] >= 0.9) & (calls["typicality"] < 0.05)
    assert set(again.filter(back)["call"]) == {"no_match"}


def test_of_known_classes_as_many_are_lost_as_the_limit_says(
    everybody: TrainingData, novel: tuple[Release, pl.DataFrame]
) -> None:
    new = part(everybody, np.flatnonzero(~first_half(everybody)))
    calls = called(novel[0], new)
    right = calls.filter(pl.Series(new.y == calls["class"].to_numpy()))
    assert right.height > 100
    assert (right["typicality"] < 0.05).mean() < 0.12
    assert 0.3 < (right["typicality"] < 0.5).mean() < 0.7
    assert (right.filter(pl.col("typicality") >= 0.05)["note"].is_null()).all()


def test_the_share_counts_who_is_at_least_as_far() -> None:
    one = Typicality(
        np.zeros((1, 1, 2)), np.eye(2, dtype=np.float32)[None], np.zeros(1),
        np.array([9.0, 1.0, 4.0]), np.zeros(3, np.int64),
    )  # fmt: skip
    rows = np.array([[0, 0], [1, 0], [0, 2], [5, 0]], dtype=np.float32)
    assert one.shares(rows, np.zeros(4, np.int64)).tolist() == [1.0, 1.0, 0.75, 0.25]


def test_a_departure_in_a_direction_without_any_variation_counts_too() -> None:
    # One direction of variance 4 out of three; others are taken to have a variance of 1/9.
    basis = np.array([[[0.5, 0, 0]]], dtype=np.float32)
    usual, group = np.array([1.0, 8.0]), np.zeros(2, np.int64)
    rows = np.array([[2, 0, 0], [0, 1, 0], [2, 0, 1]], dtype=np.float32)  # 1, 9 and 10 away
    both = Typicality(np.zeros((1, 1, 3)), basis, np.array([9.0]), usual, group)
    assert both.shares(rows, np.zeros(3, np.int64)).tolist() == [1.0, 1 / 3, 1 / 3]
    # A release of before knew of no such direction, and says what it said.
    earlier = {name: value for name, value in both.arrays().items() if name != "rest"}
    blind = Typicality.load(earlier)
    assert blind.shares(rows, np.zeros(3, np.int64)).tolist() == [1.0, 1.0, 1.0]
    assert Typicality.load(both.arrays()).shares(rows[1:2], np.zeros(1, np.int64)) == [1 / 3]


def test_an_unseen_class_is_told_although_there_are_more_probes_than_samples() -> None:
    data = cohort(n=96, p=2000, signal=2.0, missing=0.0)
    place = np.arange(len(data.y)) // 8  # eight samples hold two of each class
    unseen, held = data.y == "class 3", place % 4 == 0
    rows = np.flatnonzero(~unseen & ~held)
    codes = np.unique(data.y[rows], return_inverse=True)[1].astype(np.int64)
    found = fit_typicality(data.X[rows], codes, place[rows] % 3, QUICK)
    within = replace(found, rest=np.zeros(3))

    def unlike_every_class(typicality: Typicality, samples: np.ndarray) -> float:
        tested = data.X[samples]
        shares = [typicality.shares(tested, np.full(len(tested), code)) for code in range(3)]
        return float((np.max(shares, axis=0) < 0.05).mean())

    assert unlike_every_class(found, unseen) > 0.8
    assert unlike_every_class(within, unseen) < 0.5, "what varies among the known does not tell"
    assert unlike_every_class(found, held & ~unseen) < 0.2


def test_a_group_that_lacks_the_class_is_not_asked() -> None:
    centres = np.array([[[0.0], [np.nan]], [[0.0], [0.0]], [[np.nan], [np.nan]]])
    two = Typicality(
        centres, np.ones((3, 1, 1), np.float32), np.zeros(3), np.array([1.0, 1.0, 1.0, 9.0]),
        np.array([0, 0, 1, 1]),
    )  # fmt: skip
    rows = np.full((2, 1), 2, np.float32)
    assert two.shares(rows, np.array([0, 1])).tolist() == [2 / 5, 2 / 3]
    nobody = Typicality(centres[2:], two.basis[2:], np.zeros(1), np.empty(0), np.empty(0, np.int64))
    assert np.isnan(nobody.shares(rows, np.array([0, 1]))).all()


def test_a_share_has_the_same_bits_alone_and_in_a_batch(
    novel: tuple[Release, pl.DataFrame],
) -> None:
    release, _ = novel
    generator = np.random.default_rng(1)
    rows = generator.random((5, release.typicality.basis.shape[2])).astype(np.float32)
    codes = np.array([0, 1, 2, 3, 0])
    together = release.typicality.shares(rows, codes)
    alone = [release.typicality.shares(rows[i : i + 1], codes[i : i + 1])[0] for i in range(5)]
    assert together.tolist() == alone


def test_a_sample_is_not_compared_with_an_estimate_that_it_was_part_of(
    everybody: TrainingData,
) -> None:
    groups = np.arange(len(everybody.y)) // 8 % 4
    rows = np.arange(len(everybody.y))
    features = fit_pipeline(everybody, rows, QUICK).features_of(everybody, rows)
    codes = np.unique(everybody.y, return_inverse=True)[1].astype(np.int64)
    before = fit_typicality(features, codes, groups, QUICK)
    moved = features.copy()
    moved[groups == 1] += 0.3
    after = fit_typicality(moved, codes, groups, QUICK)
    assert np.array_equal(before.basis[1], after.basis[1])
    assert np.array_equal(before.centres[1], after.centres[1])
    assert not np.array_equal(before.basis[0], after.basis[0])
    assert len(before.usual) == len(everybody.y)


def test_samples_without_any_difference_within_their_class_are_all_usual() -> None:
    features = np.repeat(np.array([[0.1, 0.9], [0.8, 0.2]], np.float32), 8, axis=0)
    codes = np.repeat([0, 1], 8)
    typicality = fit_typicality(features, codes, np.arange(16) % 4, QUICK)
    assert typicality.shares(features[:1], codes[:1]).tolist() == [1.0]
