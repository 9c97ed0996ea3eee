"""No leakage through persons, company, calibrators, strategies or copy number, model by model."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import CvResult, nested_cv, outer_folds
from cup_assets.classify.parameters import STRATEGIES
from cup_assets.classify.tuned import fit_tuned
from cup_assets_tests.classify.leaks import (
    assert_chance_level,
    chance_interval,
    patients_right,
    signal_free,
)
from cup_assets_tests.classify.synthetic import QUICK, folds, with_copy_number, with_other_rows

NAMES = sorted(MODELS)
QUICKER = replace(QUICK, n_probes=60, trees=20, xgboost_rounds=(30,), network_epochs=25,
                  calibration_c=(1.0,))  # fmt: skip


@lru_cache(maxsize=1)
def twins() -> TrainingData:
    """Return a signal-free cohort in which each patient was measured twice, nearly alike."""
    data = signal_free(n=96, p=60)
    X = np.nan_to_num(data.X, nan=0.5)
    X[1::2] = np.clip(X[::2] + np.float32(0.001), 0, 1)
    return replace(data, X=X)


def every_score(result: CvResult) -> dict[str, pl.DataFrame]:
    """Return the scores that count, the raw ones and those of every other calibrator."""
    raw = result.scores.with_columns(score="raw_score")
    others = result.calibrations.partition_by("calibrator", as_dict=True)
    return {"used": result.scores, "raw": raw} | {str(of): part for (of,), part in others.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_patient_measured_twice_does_not_help_unless_it_is_forgotten_who_it_is(
    name: str,
) -> None:
    data = twins()
    found = nested_cv(data, name, folds(data, outer=3, inner=2), QUICKER)
    for scores in every_score(found).values():
        assert_chance_level(data, scores)
    # With a patient for each sample the two meet, and the label of one is that of the other.
    forgotten = replace(data, patient=data.sample_ids)
    meeting = folds(forgotten, outer=4, inner=2).filter(pl.col("outer_fold") == 0)
    scores = nested_cv(forgotten, name, meeting, QUICKER).scores
    right, n = patients_right(forgotten, scores)
    assert right > chance_interval(n, 4)[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_score_keeps_its_bits_whatever_the_other_test_rows_of_its_fold_hold(name: str) -> None:
    # All folds at once, because they share the walk over the matrix that finds their probes.
    data = signal_free(n=60, p=80)
    plan = folds(data, outer=3, inner=2)
    test = outer_folds(data, plan)[0].test
    changed, kept = test[: len(test) // 4 * 2], test[len(test) // 4 * 2 :]
    parameters = replace(QUICKER, n_probes=30)
    one, two = (
        nested_cv(of, name, plan, parameters)
        for of in (data, with_other_rows(data, changed, seed=9))
    )
    first = pl.col("outer_fold") == 0
    same = first & pl.col("sample_id").is_in(data.sample_ids[kept].tolist())
    assert_frame_equal(one.choices.filter(first), two.choices.filter(first), check_exact=True)
    for frame in ("scores", "calibrations"):
        before, after = (getattr(of, frame).filter(same) for of in (one, two))
        assert before.height >= len(kept) * 4
        assert_frame_equal(before, after, check_exact=True)
    # What is trained on does matter to the other folds.
    others = [of.choices.filter(~first)["calibrator"].to_list() for of in (one, two)]
    assert others[0] != others[1]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_treatment_of_unequal_classes_finds_what_is_not_there(strategy: str) -> None:
    data = signal_free(n=120, p=60)
    # Of two classes of four, every third patient goes: synthetic samples are needed to fill them.
    few = np.isin(data.y, ["class 0", "class 1"]) & (np.arange(120) // 2 % 3 == 0)
    kept = data.sample_ids[~few].tolist()
    plan = folds(data, outer=3, inner=2).filter(pl.col("sample_id").is_in(kept))
    result = nested_cv(data, "logistic_regression", plan, replace(QUICKER, strategy=strategy))
    for scores in every_score(result).values():
        assert_chance_level(data, scores)


@pytest.mark.parametrize("name", NAMES)
def test_copy_number_of_the_test_rows_leaves_every_bit_of_a_classifier_alone(name: str) -> None:
    data = with_copy_number(signal_free(n=60, p=60))
    split = outer_folds(data, folds(data, outer=3, inner=2))[0]
    cnv = data.cnv.copy()
    cnv[split.test] = np.random.default_rng(5).normal(0, 2, cnv[split.test].shape)
    other = replace(with_other_rows(data, split.test, seed=9), cnv=cnv)
    fits = [fit_tuned(of, split.train, split.inner, name, QUICKER, 7) for of in (data, other)]
    for part in ("model", "calibrator"):
        one, two = (getattr(fit, part).arrays() for fit in fits)
        assert all(one[key].tobytes() == two[key].tobytes() for key in one)
    assert fits[0].candidate == fits[1].candidate


def test_copy_number_without_signal_is_guessed_as_chance_guesses() -> None:
    data = signal_free(n=120, p=40)
    noise = np.random.default_rng(2).permutation(data.y)
    both = with_copy_number(data, labels=noise)
    alone = replace(both, X=both.X[:, :0], probe_ids=both.probe_ids[:0])
    for of in (both, alone):
        result = nested_cv(of, "logistic_regression", folds(of, outer=3, inner=2), QUICKER)
        assert_chance_level(of, result.scores)
