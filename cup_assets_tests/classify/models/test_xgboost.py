from __future__ import annotations

from dataclasses import replace

import numpy as np

from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.xgboost import BoostedTrees
from cup_assets_tests.classify.synthetic import QUICK, cohort


def _training() -> TrainingSet:
    data = cohort(missing=0)
    return TrainingSet(data.X, np.unique(data.y, return_inverse=True)[1], 4)


def _fit(training: TrainingSet, *rounds: int) -> list[BoostedTrees]:
    candidates = [{"rounds": number, "depth": 2, "rate": 0.3} for number in rounds]
    return MODELS["xgboost"].fit(training, candidates, QUICK, 1)  # type: ignore[return-value]


def test_trees_see_only_the_columns_that_tell_classes_apart_in_the_training_part() -> None:
    training = _training()
    features = np.random.default_rng(1).random((120, 50)).astype(np.float32)
    features[:, [3, 30]] += training.codes[:, None]
    part = replace(training, features=features)
    candidate = {"rounds": 5, "depth": 2, "rate": 0.3}
    parameters = replace(QUICK, xgboost_columns=2)
    (model,) = MODELS["xgboost"].fit(part, [candidate], parameters, 1)
    assert model.arrays()["columns"].tolist() == [3, 30]


def test_the_first_rounds_of_a_long_fit_are_the_short_fit() -> None:
    training = _training()
    shared, _ = _fit(training, 4, 12)
    (alone,) = _fit(training, 4)
    assert shared.booster.tobytes() == alone.booster.tobytes()


def test_scores_are_those_of_the_library() -> None:
    import xgboost

    training = _training()
    (model,) = _fit(training, 8)
    booster = xgboost.Booster(model_file=bytearray(model.booster))
    rows = xgboost.DMatrix(training.features[:, model.columns])
    np.testing.assert_allclose(model.scores(training.features), booster.predict(rows), atol=1e-6)


def test_a_class_of_few_samples_gets_leaves_of_its_own() -> None:
    training = _training()
    rows = np.concatenate([np.flatnonzero(training.codes > 0), np.flatnonzero(training.codes == 0)])
    part = TrainingSet(training.features[rows[:92]], training.codes[rows[:92]], 4)
    assert np.bincount(part.codes).tolist() == [2, 30, 30, 30]
    candidate = {"rounds": 25, "depth": 2, "rate": 0.3}
    plain = replace(QUICK, strategy="none")
    (model,) = MODELS["xgboost"].fit(part, [candidate], plain, 1)
    unseen = training.features[rows[92:]]
    assert (model.scores(unseen).argmax(axis=1) == 0).mean() > 0.9


def test_two_samples_are_enough_for_a_leaf() -> None:
    # Without weights the curvature of two rare samples is a few hundredths. XGBoost's own defaults,
    # which it is compared with, would forbid their leaf, or leave it at half of the way.
    codes = np.repeat([0, 1, 2, 3], [2, 30, 30, 30])
    features = np.zeros((92, 20), dtype=np.float32)
    features[:2] = 1
    plain = replace(QUICK, strategy="none")
    candidate = {"rounds": 5, "depth": 1, "rate": 0.3}
    (model,) = MODELS["xgboost"].fit(TrainingSet(features, codes, 4), [candidate], plain, 1)
    scores = model.scores(features[[0, 50]])
    assert scores[0, 0] > 0.5
    assert scores[1, 0] < 0.05
