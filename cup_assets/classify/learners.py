"""What learns from some rows and scores others, as one function.

Belongs here: the interface by which learning curves and novelty tests use a classifier, and the
tuned classifiers behind it. Does not belong here: which rows (`learning_curve`, `novelty`).
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from cup_assets.classify.data import Floats, Ints, Strings, TrainingData
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.tuned import fit_tuned


class Learner(Protocol):
    """(training rows, their inner folds, test rows, seed) -> classes str[k], scores float64[m, k].

    Rows are positions in the data; classes are those of the training rows, sorted; scores are
    calibrated. Picklable, so that fits can run in other processes.
    """

    def __call__(  # noqa: D102
        self, train: Ints, inner: Ints, test: Ints, seed: int
    ) -> tuple[Strings, Floats]: ...


def tuned_learner(data: TrainingData, model: str, parameters: EvaluationParameters) -> Learner:
    """Return a learner that tunes, calibrates and refits a model of ``MODELS``, as `nested_cv`."""
    return partial(_fit_and_score, data, model, parameters)


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
