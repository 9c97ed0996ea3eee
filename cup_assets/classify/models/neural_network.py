"""A network with one hidden layer, trained by PyTorch through skorch, applied by numpy.

Belongs here: its grid, when training stops, and the network as plain weights. Does not belong
here: the training loop itself (`training_loop`) and the row space that linear models use too.

The network is trained on the training rows rotated to their principal axes, of which all are kept.
The first layer is linear, so that this leaves out nothing but directions in which the training rows
do not differ: weights there would stay at the random numbers that they began with, and add noise
to every new sample. With fewer rows than probes it is also many times faster. Dropout of inputs
then leaves out axes at random, so that no class rests on the few that vary most. Afterwards the
rotation is multiplied into the first layer: the stored network takes the probes themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.base import Arrays, Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.linear import RowSpace, row_space, softmax
from cup_assets.classify.models.training_loop import Trained, train
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced

# The rotated rows have a mean squared norm of 1: a hundred axes then have inputs of about 1.
_INPUT_SCALE = 10.0
# Share of each class's patients that early stopping watches.
_WATCHED = 0.15


@dataclass(frozen=True, eq=False)
class Network:
    """Softmax of relu(x @ first + first_bias) @ second + second_bias.

    Attributes
    ----------
    first : float32[p, h]
    first_bias : float64[h]
    second : float32[h, k]
    second_bias : float64[k]
        Minus infinity for a class that the training part did not hold.
    """

    first: Features
    first_bias: Floats
    second: Features
    second_bias: Floats

    def scores(self, features: Features) -> Floats:
        """Return softmax scores float64[n, k], one row at a time, in double precision.

        Sums run in the order of the probes rather than as BLAS likes, whose result depends on the
        batch and on the number of threads: a patient's score must not.
        """
        result = np.empty((len(features), len(self.second_bias)))
        for row, values in zip(result, features, strict=True):
            hidden = np.maximum(_sums(values, self.first) + self.first_bias, 0.0)
            row[:] = softmax(_sums(hidden, self.second) + self.second_bias)
        return result

    def arrays(self) -> Arrays:
        """Return weights and biases."""
        names = ("first", "first_bias", "second", "second_bias")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Network:
        """Rebuild from `arrays`."""
        names = ("first", "first_bias", "second", "second_bias")
        return cls(**{name: np.ascontiguousarray(arrays[name]) for name in names})


def _sums(values: NDArray[Any], weights: Features) -> Floats:
    products = values.astype(np.float64)[:, None] * weights
    return np.asarray(products.sum(axis=0), dtype=np.float64)


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    """Find the number of epochs on a part of the training rows, then train on all of them."""
    watched = watched_rows(training, seed)
    epochs = [parameters.network_epochs] * len(candidates)
    if watched.any():
        part, held = _rows(training, ~watched), _rows(training, watched)
        runs = _train(part, candidates, epochs, parameters, seed, held)
        epochs = [trained.epochs for trained, _, _ in runs]
    whole = _rows(training, np.ones_like(watched))
    return [
        _network(trained, space, present, training.n_classes)
        for trained, space, present in _train(whole, candidates, epochs, parameters, seed)
    ]


def watched_rows(training: TrainingSet, seed: int) -> NDArray[np.bool_]:
    """Choose the rows that early stopping watches, bool[n].

    Of each class about a seventh of the patients, at least one, with all of their samples; none of
    a class that one patient makes up, because the rest could not learn it.
    """
    groups = training.groups
    if groups is None:
        groups = np.arange(len(training.codes), dtype=np.int64)
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(training.codes), dtype=bool)
    for code in np.unique(training.codes):
        patients = np.unique(groups[training.codes == code])
        n_watched = max(1, round(_WATCHED * len(patients))) if len(patients) > 1 else 0
        chosen |= np.isin(groups, generator.permutation(patients)[:n_watched])
    # A patient with samples of two classes may take the last of one away: then it stays.
    lost = np.setdiff1d(training.codes, training.codes[~chosen])
    return chosen & ~np.isin(groups, groups[np.isin(training.codes, lost)])


def _rows(training: TrainingSet, rows: NDArray[np.bool_]) -> TrainingSet:
    return TrainingSet(training.features[rows], training.codes[rows], training.n_classes)


def _train(
    part: TrainingSet,
    candidates: Sequence[Candidate],
    epochs: Sequence[int],
    parameters: EvaluationParameters,
    seed: int,
    held: TrainingSet | None = None,
) -> list[tuple[Trained, RowSpace, Ints]]:
    """Train each candidate on a part, with an eye on the held samples where there are any."""
    part, weights = balanced(part, parameters.strategy, seed)
    present = np.unique(part.codes)
    space = row_space(part.features)
    inputs, targets = space.rotated * _INPUT_SCALE, _targets(part.codes, present, weights)
    watched = None
    if held is not None:
        centred = held.features.astype(np.float64) - space.centre
        # Held samples count for as much as their class does in training.
        sizes = np.bincount(held.codes, minlength=held.n_classes)[present]
        shares = targets.sum(axis=0) / np.maximum(sizes, 1)
        own = shares[np.searchsorted(present, held.codes)]
        watched = (
            centred @ space.basis * _INPUT_SCALE,
            _targets(held.codes, present, own / own.mean()),
        )
    return [
        (
            train(inputs, targets, one, parameters, seed, epochs=n_epochs, watched=watched),
            space,
            present,
        )
        for one, n_epochs in zip(candidates, epochs, strict=True)
    ]


def _targets(codes: Ints, present: Ints, weights: Floats) -> Floats:
    targets = np.zeros((len(codes), len(present)))
    targets[np.arange(len(codes)), np.searchsorted(present, codes)] = weights
    return targets


def _network(trained: Trained, space: RowSpace, present: Ints, n_classes: int) -> Network:
    """Turn a network of the rotated rows into one of the probes and of all classes."""
    first = space.basis @ (trained.first * _INPUT_SCALE)
    second = np.zeros((first.shape[1], n_classes))
    second[:, present] = trained.second
    second_bias = np.full(n_classes, -np.inf)
    second_bias[present] = trained.second_bias
    return Network(
        first.astype(np.float32),
        trained.first_bias - space.centre @ first,
        second.astype(np.float32),
        second_bias,
    )


NEURAL_NETWORK = ModelSpec(
    name="neural_network",
    candidates=lambda parameters: tuple(
        {"hidden": hidden, "dropout": dropout}
        for hidden, dropout in product(
            sorted(parameters.network_hidden), sorted(parameters.network_dropout, reverse=True)
        )
    ),
    fit=_fit,
    load=Network.load,
    floor=lambda _: 1e-9,
)
