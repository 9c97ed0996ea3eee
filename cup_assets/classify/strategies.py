"""What is done about classes of unequal size, in a training part and nowhere else.

Belongs here: the strategies, one function each, and their names. Does not belong here: the plan of
the whole reference set that people look at (`cup_assets.cohort.balance`), what the forest draws for
each tree, and whether a strategy helped (`comparison.recall_change`).

A strategy sees the features of a training part as the model will: after filling, adjustment and
selection of probes, never a sample that is to be predicted. It may weigh samples, leave some out or
make new ones; adding one is a function and a line in `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cup_assets.classify.data import Floats
from cup_assets.classify.errors import ClassifyError

if TYPE_CHECKING:
    # Models use strategies: an import at run time would close the circle.
    from cup_assets.classify.models.base import TrainingSet


class Strategy(Protocol):
    """(training part, seed) -> the samples to learn from and their weights float64[m].

    The result depends on nothing but the two; its mean weight is 1, so that penalties keep their
    meaning; classes without samples stay without.
    """

    def __call__(self, training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]: ...  # noqa: D102


def none(training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
    """Leave everything as it is."""
    return training, np.ones(len(training.codes))


def class_weight(training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
    """Give each class the same total weight, n / number of classes."""
    sizes = np.bincount(training.codes, minlength=training.n_classes)
    present = np.flatnonzero(sizes)
    weights = len(training.codes) / (len(present) * sizes[training.codes])
    return training, np.asarray(weights, dtype=np.float64)


def down_sample(training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
    """Keep a random subset of each class as large as the smallest."""
    sizes = np.bincount(training.codes, minlength=training.n_classes)
    present = np.flatnonzero(sizes)
    generator = np.random.default_rng(seed)
    smallest = int(sizes[present].min())
    kept = [
        generator.choice(np.flatnonzero(training.codes == code), smallest, replace=False)
        for code in present
    ]
    rows = np.sort(np.concatenate(kept))
    part = replace(training, features=training.features[rows], codes=training.codes[rows])
    return part, np.ones(len(rows))


STRATEGIES: Mapping[str, Strategy] = {
    "none": none,
    "class_weight": class_weight,
    "down_sample": down_sample,
}


def balanced(training: TrainingSet, strategy: str, seed: int) -> tuple[TrainingSet, Floats]:
    """Apply a strategy to a training part.

    Parameters
    ----------
    training
        Features and class codes of the part.
    strategy
        A name in `STRATEGIES`.
    seed
        Of what is random in it; from the configuration, by way of the fold.

    Raises
    ------
    ClassifyError
        Where the strategy is unknown.
    """
    if strategy not in STRATEGIES:
        raise ClassifyError(f"strategy {strategy!r} is unknown: use one of {', '.join(STRATEGIES)}")
    return STRATEGIES[strategy](training, seed)
