"""What is done about classes of unequal size, in a training part and nowhere else.

Belongs here: the strategies, one function each, and their names. Does not belong here: the plan of
the whole reference set that people look at (`cup_assets.cohort.balance`), what the forest draws for
each tree, and whether a strategy helped (`comparison.recall_change`).

A strategy sees the features of a training part as the model will: after filling, adjustment and
selection of probes, never a sample that is to be predicted. It may weigh samples, leave some out or
make new ones; adding one is a function and a line in `STRATEGIES`.

What a strategy makes of a part is not to be divided again: a new sample lies between two others.
A model that sets samples aside (early stopping) does so first and balances the rest, and the
``groups`` of the result keep apart what may be parted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.errors import ClassifyError

if TYPE_CHECKING:
    # Models use strategies: an import at run time would close the circle.
    from cup_assets.classify.models.base import TrainingSet

# As in the paper, and in imbalanced-learn.
SMOTE_NEIGHBOURS = 5


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
    groups = None if training.groups is None else training.groups[rows]
    part = replace(
        training, features=training.features[rows], codes=training.codes[rows], groups=groups
    )
    return part, np.ones(len(rows))


def smote(training: TrainingSet, seed: int) -> tuple[TrainingSet, Floats]:
    """Fill every class up to the largest with synthetic samples (Chawla et al. 2002).

    Each lies at random between a sample and one of its `SMOTE_NEIGHBOURS` nearest neighbours in
    its class, of which a small class has fewer: all its other samples are taken. A class of one
    sample has none, and its sample is repeated: nothing more can be known of it.

    The rows of the part come first, as they are. A class that is filled up becomes one group,
    together with all that its patients have besides: its synthetic samples are made of several
    patients each, so that no division of the class would keep the patients apart.
    """
    sizes = np.bincount(training.codes, minlength=training.n_classes)
    lacking = np.where(sizes > 0, sizes.max() - sizes, 0)
    neighbours = np.minimum(sizes - 1, SMOTE_NEIGHBOURS)
    alone = np.repeat(
        np.arange(len(training.codes)), np.where(neighbours == 0, lacking, 0)[training.codes]
    )
    made = [(training.features[alone], training.codes[alone])]
    for k in range(1, SMOTE_NEIGHBOURS + 1):
        if (filled := np.flatnonzero((neighbours == k) & (lacking > 0))).size:
            made.append(_between(training, filled, int(sizes.max()), k, seed))
    synthetic = np.concatenate([codes for _, codes in made]).astype(np.int64)
    part = replace(
        training,
        features=np.concatenate([training.features, *(features for features, _ in made)]),
        codes=np.concatenate([training.codes, synthetic]),
        groups=_groups_with(training, synthetic),
    )
    return part, np.ones(len(part.codes))


def _between(
    training: TrainingSet, filled: Ints, size: int, neighbours: int, seed: int
) -> tuple[Features, Ints]:
    """Return the synthetic samples that bring some classes to a size, and their codes."""
    from imblearn.over_sampling import SMOTE

    maker = SMOTE(
        sampling_strategy=dict.fromkeys(filled.tolist(), size),
        k_neighbors=neighbours,
        random_state=int(np.random.SeedSequence([seed, neighbours]).generate_state(1)[0]),
    )
    features, codes = maker.fit_resample(training.features, training.codes)
    n = len(training.codes)
    return features[n:], codes[n:]


def _groups_with(training: TrainingSet, synthetic: Ints) -> Ints | None:
    """Return the groups of a part and of the samples, with these codes, that were made of it."""
    if not len(synthetic):
        return training.groups
    groups: Ints = np.arange(len(training.codes), dtype=np.int64)
    if training.groups is not None:
        groups = training.groups
    for code in np.unique(synthetic):
        of_class = np.unique(groups[training.codes == code])
        groups = np.where(np.isin(groups, of_class), of_class[0], groups)
    of_code = np.zeros(training.n_classes, dtype=np.int64)
    of_code[training.codes] = groups
    return np.asarray(np.concatenate([groups, of_code[synthetic]]), dtype=np.int64)


STRATEGIES: Mapping[str, Strategy] = {
    "none": none,
    "class_weight": class_weight,
    "down_sample": down_sample,
    "smote": smote,
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
