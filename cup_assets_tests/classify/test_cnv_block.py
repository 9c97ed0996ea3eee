from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.data import FEATURES, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.classify.release_fit import fit_release
from cup_assets_tests.classify.leaks import assert_chance_level, chance_interval, patients_right
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds, shuffled, with_copy_number

ALL = np.arange(120)
TRAIN = ALL[:90]


def _told_by_copy_number_alone() -> TrainingData:
    """Return samples whose labels are unrelated to their betas, but not to gains and losses."""
    return with_copy_number(shuffled(cohort(p=200), seed=3))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_classes_that_only_copy_number_tells_are_found_where_it_is_learnt_from(name: str) -> None:
    data = _told_by_copy_number_alone()
    plan = folds(data)
    for features in FEATURES:
        part = data.with_features(features)
        scores = nested_cv(part, name, plan, QUICK).scores
        if features == "betas":
            assert_chance_level(part, scores)
        else:
            right, n = patients_right(part, scores)
            assert right > (0.9 * n if features == "cnv" else chance_interval(n, 4)[1])


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_whatever_the_log2_ratios_of_test_rows_are_the_fitted_steps_keep_their_bits(
    seed: int,
) -> None:
    data = with_copy_number(cohort())
    cnv = data.cnv.copy()
    cnv[90:] = np.random.default_rng(seed).normal(0, 5, cnv[90:].shape)
    one, other = (fit_pipeline(of, TRAIN, QUICK) for of in (data, replace(data, cnv=cnv)))
    assert one.cnv.fill.tobytes() == other.cnv.fill.tobytes()
    assert one.cnv.scale.tobytes() == other.cnv.scale.tobytes()


def test_the_blocks_weigh_the_same_and_the_second_follows_the_first() -> None:
    data = with_copy_number(cohort())
    fitted = fit_pipeline(data, TRAIN, QUICK)
    features = fitted.features_of(data, TRAIN).astype(np.float64)
    assert features.shape == (90, 124)
    variance = features.var(axis=0)
    assert variance[100:].sum() == pytest.approx(variance[:100].sum(), rel=1e-5)
    assert fitted.feature_names.tolist() == [*fitted.probe_ids, *data.cnv_names]
    # Between columns left as they are and columns of equal variance.
    spread = np.nanstd(data.cnv[TRAIN].astype(np.float64), axis=0)
    np.testing.assert_allclose(variance[100:] / variance[100], spread / spread[0], rtol=0.05)
    betas = fit_pipeline(data.with_features("betas"), TRAIN, QUICK)
    assert np.array_equal(betas.features_of(data, TRAIN), features[:, :100].astype(np.float32))


def test_a_missing_log2_ratio_becomes_the_mean_of_the_training_rows() -> None:
    data = with_copy_number(cohort())
    fitted = fit_pipeline(data.with_features("cnv"), TRAIN, QUICK)
    nothing = np.full((1, 24), np.nan, dtype=np.float32)
    features = fitted.features(np.empty((1, 0), np.float32), np.empty((1, 0), np.str_), nothing)
    mean = np.nanmean(data.cnv[TRAIN].astype(np.float64), axis=0)
    np.testing.assert_allclose(features[0], mean * fitted.cnv.scale, rtol=1e-5)


def test_of_a_region_that_nobody_was_measured_in_nothing_is_learnt() -> None:
    data = with_copy_number(cohort())
    cnv = data.cnv.copy()
    cnv[:90, 3] = np.nan
    fitted = fit_pipeline(replace(data, cnv=cnv), TRAIN, QUICK)
    features = fitted.features_of(replace(data, cnv=cnv), ALL)
    assert np.isfinite(features).all()
    assert not features[:, 103].any()
    assert features[:, 102].any()


def test_the_features_of_a_sample_do_not_depend_on_its_company() -> None:
    data = with_copy_number(cohort())
    fitted = fit_pipeline(data, TRAIN, QUICK)
    together = fitted.features_of(data, ALL)
    for row in (0, 57, 119):
        assert fitted.features_of(data, ALL[row : row + 1]).tobytes() == together[row].tobytes()


def test_copy_number_alone_is_adjusted_for_nothing() -> None:
    fitted = fit_pipeline(with_copy_number(cohort()).with_features("cnv"), TRAIN, QUICK)
    assert not len(fitted.columns)
    assert fitted.known("material") == []


def test_copy_number_that_does_not_vary_is_refused() -> None:
    data = with_copy_number(cohort())
    flat = replace(data, cnv=np.zeros_like(data.cnv))
    with pytest.raises(ClassifyError, match="no log2 ratio of copy number is known and varies"):
        fit_pipeline(flat, TRAIN, QUICK)
    steps = fit_pipeline(data, TRAIN, QUICK)
    with pytest.raises(ClassifyError, match="learnt with copy number: give the log2 ratios"):
        steps.features(data.X[:1, steps.columns], data.levels(steps.factors, ALL[:1]))


def test_a_release_of_data_with_copy_number_is_refused() -> None:
    data = with_copy_number(cohort())
    of = {"version": "v", "normalisation": {}, "replicates": "mean", "input_manifest": []}
    with pytest.raises(ClassifyError, match=r"these data hold betas_cnv.*with_features\('betas'\)"):
        fit_release(data, "svm", folds(data), QUICK, cv_metrics=pl.DataFrame(), **of)  # type: ignore[arg-type]


def test_incoherent_copy_number_is_refused_with_the_sample_and_the_region() -> None:
    data = with_copy_number(cohort())
    infinite = data.cnv.copy()
    infinite[2, 1] = -np.inf
    with pytest.raises(ClassifyError, match="'s002' has an infinite log2 ratio of 'arm 1'"):
        replace(data, cnv=infinite)
    with pytest.raises(ClassifyError, match="'arm 1' is given twice"):
        replace(data, cnv_names=np.array(["arm 0", "arm 1", "arm 1", *data.cnv_names[3:]]))
    with pytest.raises(ClassifyError, match=r"cnv has shape \(119, 24\) where \(120, 24\)"):
        replace(data, cnv=data.cnv[:-1])
    with pytest.raises(ClassifyError, match="cnv_names has shape"):
        replace(data, cnv_names=data.cnv_names[:-1])


def test_data_say_what_can_be_learnt_from_them() -> None:
    both = with_copy_number(cohort())
    assert both.features == "betas_cnv"
    assert both.with_features("betas_cnv") is both
    assert both.with_features("betas").cnv.shape == (120, 0)
    alone = both.with_features("cnv")
    assert (alone.features, alone.X.shape) == ("cnv", (120, 0))
    with pytest.raises(ClassifyError, match="data of cnv cannot be learnt from as betas_cnv"):
        alone.with_features("betas_cnv")
    with pytest.raises(ClassifyError, match="features 'snps' are unknown: use betas, cnv"):
        both.with_features("snps")
    frame = pl.DataFrame({"sample_id": ["a", "b"], "class": ["x", "y"]})
    values = np.array([[0.1], [np.nan]])
    made = TrainingData.from_frame(frame, np.empty((2, 0), np.float32), [], values, ["1p"])
    assert made.features == "cnv"
    assert made.cnv.dtype == np.float32
