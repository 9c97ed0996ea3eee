from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.kernel import Anchors, kernel_space
from cup_assets.classify.models.linear import LinearModel, gram_space
from cup_assets_tests.classify.synthetic import QUICK, cohort


def _rows(n: int = 60, p: int = 300) -> np.ndarray:
    return cohort(n=n, p=p, missing=0).X


def test_squared_distances_are_those_of_the_definition() -> None:
    rows = _rows()
    expected = ((rows[7].astype(np.float64) - rows) ** 2).sum(axis=1)
    np.testing.assert_allclose(Anchors(rows).squares(rows[7]), expected, atol=1e-10)


def test_the_gram_matrix_is_the_centred_kernel_of_the_scaled_rows() -> None:
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.preprocessing import KernelCenterer

    rows = _rows()
    space = kernel_space(Anchors(rows), gram_space(rows), 0.5)
    scaled = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    scaled /= np.sqrt((scaled**2).sum() / len(rows))
    expected = KernelCenterer().fit_transform(rbf_kernel(scaled, gamma=0.5))
    np.testing.assert_allclose(space.gram, expected, atol=1e-9)


def test_new_rows_are_scored_as_the_training_rows_were_fitted() -> None:
    rows = _rows()
    space = kernel_space(Anchors(rows), gram_space(rows), 0.5)
    generator = np.random.default_rng(1)
    coefficients = generator.normal(size=(len(rows), 3))
    intercept = generator.normal(size=3)
    logits = space.gram @ coefficients + intercept
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = space.model(coefficients, intercept).scores(rows)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_kernel_separates_what_no_plane_can() -> None:
    generator = np.random.default_rng(1)
    corners = generator.integers(0, 2, (200, 2))
    features = (corners + generator.normal(0, 0.1, (200, 2))).astype(np.float32)
    codes = corners[:, 0] ^ corners[:, 1]
    candidates = [{"C": 10.0}, {"C": 10.0, "gamma": 0.5}]
    part = TrainingSet(features[:150], codes[:150], 2)
    linear, kernel = MODELS["svm"].fit(part, candidates, QUICK, 1)
    right = [
        float((model.scores(features[150:]).argmax(axis=1) == codes[150:]).mean())
        for model in (linear, kernel)
    ]
    assert right[0] < 0.8
    assert right[1] == 1


def test_gamma_means_the_same_whatever_the_unit_of_the_features() -> None:
    data = cohort(n=60, p=300, missing=0)
    codes = np.unique(data.y, return_inverse=True)[1]
    candidate = [{"C": 10.0, "gamma": 0.5}]
    (one,) = MODELS["svm"].fit(TrainingSet(data.X, codes, 4), candidate, QUICK, 1)
    (other,) = MODELS["svm"].fit(TrainingSet(data.X * 8, codes, 4), candidate, QUICK, 1)
    np.testing.assert_allclose(one.scores(data.X), other.scores(data.X * 8), atol=1e-6)


def test_linear_candidates_come_first_and_can_be_the_only_ones() -> None:
    found = MODELS["svm"].candidates(replace(QUICK, svm_c=(1.0, 2.0), svm_gamma=(0.3,)))
    assert found == ({"C": 1.0}, {"C": 2.0}, {"C": 1.0, "gamma": 0.3}, {"C": 2.0, "gamma": 0.3})
    only = replace(QUICK, svm_gamma=())
    assert all("gamma" not in candidate for candidate in MODELS["svm"].candidates(only))
    data = cohort(n=60, p=300, missing=0)
    part = TrainingSet(data.X, np.unique(data.y, return_inverse=True)[1], 4)
    models = MODELS["svm"].fit(part, MODELS["svm"].candidates(only), only, 1)
    assert all(isinstance(model, LinearModel) for model in models)
    with pytest.raises(ClassifyError, match="must be positive"):
        replace(QUICK, svm_gamma=(0.0,))
