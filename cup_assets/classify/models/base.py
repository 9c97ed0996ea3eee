"""What every model offers, so that folds, calibration and releases treat all alike.

Belongs here: the interfaces and the balancing of a training set. Does not belong here: any
particular model.
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

    A class without samples is allowed: models score it exactly 0.
    """

    features: Features
    codes: Ints
    n_classes: int


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
    """

    name: str
    candidates: Callable[[EvaluationParameters], tuple[Candidate, ...]]
    fit: Callable[[TrainingSet, Sequence[Candidate], EvaluationParameters, int], list[Model]]
    load: Callable[[Mapping[str, NDArray[Any]]], Model]
    floor: Callable[[EvaluationParameters], float]


def balanced(
    training: TrainingSet, strategy: str, seed: int
) -> tuple[TrainingSet, NDArray[np.float64]]:
    """Return the training set and a weight per sample under a balancing strategy.

    ``class_weight`` gives each class the same total weight, n / number of classes;
    ``down_sample`` keeps a random subset of each class as large as the smallest.
    """
    sizes = np.bincount(training.codes, minlength=training.n_classes)
    present = np.flatnonzero(sizes)
    weights = np.ones(len(training.codes))
    if strategy == "class_weight":
        weights = len(training.codes) / (len(present) * sizes[training.codes])
    elif strategy == "down_sample":
        generator = np.random.default_rng(seed)
        smallest = int(sizes[present].min())
        kept = [
            generator.choice(np.flatnonzero(training.codes == code), smallest, replace=False)
            for code in present
        ]
        rows = np.sort(np.concatenate(kept))
        training = TrainingSet(training.features[rows], training.codes[rows], training.n_classes)
        weights = weights[rows]
    return training, np.asarray(weights, dtype=np.float64)
