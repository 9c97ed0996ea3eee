"""What every model offers, so that folds, calibration and releases treat all alike.

Belongs here: the interfaces. Does not belong here: any particular model, the balancing of a
training set (`strategies`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.parameters import EvaluationParameters

Candidate = Mapping[str, float]
Arrays = dict[str, NDArray[Any]]


class Model(Protocol):
    """A fitted model, made of plain arrays."""

    def scores(self, features: Features) -> Floats:
        """Return raw scores float64[n, k] that sum to one, the same bits for any batch size."""
        ...

    def arrays(self) -> Arrays:
        """Return all that the model is, for storage without pickle."""
        ...


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Features float32[n, p] and class codes int64[n] in 0..n_classes-1 of a training part.

    A class without samples is allowed: models score it exactly 0. ``groups`` int64[n] are the
    patients, for models that set samples aside; without it each sample is its own patient.
    """

    features: Features
    codes: Ints
    n_classes: int
    groups: Ints | None = None


def _scores_of_each(models: Sequence[Model], features: Features) -> Floats:
    return np.array([model.scores(features) for model in models])


@dataclass(frozen=True)
class ModelSpec:
    """How a model family is tuned, fitted and stored.

    Attributes
    ----------
    name
        Name in the tables.
    candidates
        Hyperparameters to choose from in the inner loop, the most regularised first: of equals
        the first is taken.
    fit
        (training set, candidates, parameters, seed) -> a model per candidate, sharing what work
        they can.
    load
        The inverse of ``Model.arrays``.
    floor
        Least raw score that the calibrator tells from zero.
    scores
        (models of one fit, features) -> their raw scores float64[models, n, k], sharing what work
        they can; the bits are those of ``Model.scores``.
    """

    name: str
    candidates: Callable[[EvaluationParameters], tuple[Candidate, ...]]
    fit: Callable[[TrainingSet, Sequence[Candidate], EvaluationParameters, int], list[Model]]
    load: Callable[[Mapping[str, NDArray[Any]]], Model]
    floor: Callable[[EvaluationParameters], float]
    scores: Callable[[Sequence[Model], Features], Floats] = _scores_of_each
