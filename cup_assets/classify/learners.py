"""What learns from some rows and scores or calls others, as one function.

Belongs here: the interfaces by which learning curves and novelty tests use a classifier, and the
tuned classifiers behind them. Does not belong here: which rows (`learning_curve`, `novelty`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import polars as pl

from cup_assets.classify.data import FACTORS, Floats, Ints, Strings, TrainingData
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release import Predictions, Release
from cup_assets.classify.release_fit import fit_parts
from cup_assets.classify.tuned import fit_tuned


class Learner(Protocol):
    """(training rows, their inner folds, test rows, seed) -> classes str[k], scores float64[m, k].

    Rows are positions in the data; classes are those of the training rows, sorted; scores are
    calibrated. Picklable, so that fits can run in other processes.
    """

    def __call__(  # noqa: D102
        self, train: Ints, inner: Ints, test: Ints, seed: int
    ) -> tuple[Strings, Floats]: ...


@dataclass(frozen=True)
class Called:
    """What a classifier says of samples, and how usual each is for the class it scores highest.

    Attributes
    ----------
    predictions
        Scores and calls; a sample that was not scored has no row among the scores.
    typicality
        Float64, a value for each row of the calls; null where a sample was not scored or nothing
        can be told.
    """

    predictions: Predictions
    typicality: pl.Series


class Caller(Protocol):
    """(training rows, their inner folds, test rows, seed) -> what is said of the test rows."""

    def __call__(self, train: Ints, inner: Ints, test: Ints, seed: int) -> Called: ...  # noqa: D102


def tuned_learner(data: TrainingData, model: str, parameters: EvaluationParameters) -> Learner:
    """Return a learner that tunes, calibrates and refits a model of ``MODELS``, as `nested_cv`."""
    return partial(_fit_and_score, data, model, parameters)


def released_caller(data: TrainingData, model: str, parameters: EvaluationParameters) -> Caller:
    """Return a caller that makes a release of the training rows and asks it, as for a patient."""
    return partial(_release_and_call, data, model, parameters)


def _fit_and_score(
    data: TrainingData,
    model: str,
    parameters: EvaluationParameters,
    train: Ints,
    inner: Ints,
    test: Ints,
    seed: int,
) -> tuple[Strings, Floats]:
    fitted = fit_tuned(data, train, inner, model, parameters, seed)
    _, scores = fitted.scores(fitted.pipeline.features_of(data, test))
    return fitted.classes, scores


def _release_and_call(
    data: TrainingData,
    model: str,
    parameters: EvaluationParameters,
    train: Ints,
    inner: Ints,
    test: Ints,
    seed: int,
) -> Called:
    classifier, typicality = fit_parts(data, train, inner, model, parameters, seed)
    families = data.family_of()
    family_of = {name: families[name] for name in classifier.classes.tolist()}
    record = {"parameters": asdict(parameters)}
    release = Release("without", model, classifier, typicality, family_of, record)
    # Where any score is a match, the class that is named is the one of the highest score.
    record = {"parameters": asdict(replace(parameters, match_threshold=0.0))}
    matching = replace(release, record=record)
    asked = (
        data.X[np.ix_(test, classifier.pipeline.columns)],
        classifier.pipeline.probe_ids,
        {name: getattr(data, name)[test].tolist() for name in FACTORS},
        data.sample_ids[test],
    )
    return Called(release.predict(*asked), matching.predict(*asked).calls["typicality"])
