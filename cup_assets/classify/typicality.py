"""Whether a sample looks like the reference samples of the class that it is given.

Belongs here: the distance of a sample from a class, and how usual that distance is. Does not belong
here: scores of classes, which say which class fits best and not whether any does; thresholds.

A classifier divides the whole space among its classes, so that a tumour of a class that was never
learnt is scored among them all the same, often highly. What tells it is the distance from the
class (Lee et al. 2018, without the network): classes are taken for normal distributions of one
covariance, estimated from the differences of the reference samples from their class's mean and
shrunk towards equal variances. Directions in which the reference samples do not vary count too,
with the variance that they are shrunk to: with more probes than samples it is there that an unseen
class departs from the known ones.

How usual a distance is, is told by the reference samples themselves: each group of them is held
out in turn, the covariance is estimated from the others, and a new sample's distance is compared
with those of the group. The share of reference samples at least as far from their own class is a
cross-conformal p-value (Vovk 2015), pooled over classes, since many hold a few samples only. One
covariance of all samples would not do: it fits them better than the held-out ones, and a new sample
would look more usual than it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.tuned import one_thread
from cup_assets.compute import Mapper, serial

# Directions of less variance than this share of the largest are rounding.
_LEAST_VARIANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Typicality:
    """Distances from classes, and what is usual; each of g groups held out of the estimate once.

    Attributes
    ----------
    centres : float64[g, k, q]
        Mean features of each class in the other groups; NaN for a class that they lack.
    basis : float32[g, r, q]
        Directions of variation within classes there, each divided by its standard deviation.
    rest : float64[g]
        What a squared distance in any other direction is multiplied by: the inverse of the
        variance there.
    usual : float64[m]
        Squared distances of the held-out samples from their own class.
    group : int64[m]
        The group of each of them.
    """

    centres: Floats
    basis: Features
    rest: Floats
    usual: Floats
    group: Ints

    def shares(self, features: Features, codes: Ints) -> Floats:
        """Return how usual each row of features float32[n, q] is for the class of its code.

        The share float64[n] of reference samples that lie at least as far from their class, the
        sample itself counted among them; NaN if no group can tell.
        """
        farther, compared = np.ones(len(features)), np.ones(len(features))
        for number in range(len(self.centres)):
            away = _distances(
                self.centres[number], self.basis[number], self.rest[number], features, codes
            )
            usual = np.sort(self.usual[self.group == number])
            known = ~np.isnan(away)
            nearer = np.searchsorted(usual, away[known], side="left")
            farther[known] += len(usual) - nearer
            compared[known] += len(usual)
        return np.where(compared > 1, farther / compared, np.nan)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that it is, for storage without pickle."""
        return {
            "centres": self.centres, "basis": self.basis, "rest": self.rest,
            "usual": self.usual, "group": self.group,
        }  # fmt: skip

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Typicality:
        """Rebuild from `arrays`; those of earlier releases knew no other directions."""
        rest = arrays.get("rest", np.zeros(len(arrays["centres"])))
        return cls(arrays["centres"], arrays["basis"], rest, arrays["usual"], arrays["group"])


def fit_typicality(
    features: Features,
    codes: Ints,
    groups: Ints,
    parameters: EvaluationParameters,
    mapper: Mapper = serial,
) -> Typicality:
    """Learn what is usual from reference samples.

    Parameters
    ----------
    features : float32[n, q]
        All samples, through the pipeline that later samples go through. It was fitted on all of
        them, which makes the held-out ones look a little nearer than new ones: new samples are
        judged the more strictly for it.
    codes : int64[n]
        Their classes, 0 to k - 1.
    groups : int64[n]
        Each group in turn is held out.
    parameters : EvaluationParameters
        ``typicality_directions``, ``typicality_shrinkage``.
    mapper : Mapper
        Where the groups run.
    """
    names = np.unique(groups)
    free = [int((groups != name).sum() - len(np.unique(codes[groups != name]))) for name in names]
    directions = max(min(parameters.typicality_directions, *free), 1)
    task = partial(_hold_out, features, codes, groups, directions, parameters.typicality_shrinkage)
    parts = mapper(task, names.tolist(), None)
    return Typicality(
        np.stack([part.centres[0] for part in parts]),
        np.stack([part.basis[0] for part in parts]),
        np.concatenate([part.rest for part in parts]),
        np.concatenate([part.usual for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part.usual) for part in parts]),
    )


def _hold_out(
    features: Features, codes: Ints, groups: Ints, directions: int, shrinkage: float, name: int
) -> Typicality:
    """Estimate from the other groups how far the samples of one lie from their classes."""
    held, n_classes = groups == name, int(codes.max()) + 1
    with one_thread():
        centres, basis, rest = _spread(
            features[~held], codes[~held], n_classes, directions, shrinkage
        )
    usual = _distances(centres, basis, rest, features[held], codes[held])
    # A class that only this group holds has no place to be far from.
    usual = usual[~np.isnan(usual)]
    group = np.zeros(len(usual), np.int64)
    return Typicality(centres[None], basis[None], np.array([rest]), usual, group)


def _spread(
    features: Features, codes: Ints, n_classes: int, directions: int, shrinkage: float
) -> tuple[Floats, Features, float]:
    """Return the means float64[k, q], the scaled directions float32[r, q] and the others' scale."""
    values = features.astype(np.float64)
    centres = np.full((n_classes, values.shape[1]), np.nan)
    for code in np.unique(codes):
        centres[code] = values[codes == code].mean(axis=0)
    away = values - centres[codes]
    free = max(len(values) - len(np.unique(codes)), 1)
    # With fewer samples than probes all is in the products of the samples, as for linear models.
    squares, vectors = np.linalg.eigh(away @ away.T)
    squares, vectors = squares[::-1][:directions], vectors[:, ::-1][:, :directions]
    kept = squares > max(squares[0], 0.0) * _LEAST_VARIANCE
    variance = squares[kept] / free
    towards = shrinkage * float((away**2).sum()) / free**2
    shrunk = (1 - shrinkage) * variance + towards
    basis = np.zeros((directions, values.shape[1]), dtype=np.float32)
    basis[: kept.sum()] = (vectors[:, kept] / np.sqrt(squares[kept] * shrunk)).T @ away
    return centres, basis, 1 / towards if towards > 0 else 0.0


def _distances(
    centres: Floats, basis: Features, rest: float, features: Features, codes: Ints
) -> Floats:
    """Return the squared distance float64[n] of each row from the class of its code.

    Each row by itself and summed in the order of the probes, so that a sample's bits do not depend
    on its company.
    """
    directions = basis.astype(np.float64)
    lengths = (directions**2).sum(axis=1)
    variance = np.divide(1, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    result = np.empty(len(features))
    for number, (row, code) in enumerate(zip(features, codes, strict=True)):
        away = row.astype(np.float64) - centres[code]
        along = (directions * away).sum(axis=1) ** 2
        outside = np.maximum((away**2).sum() - (along * variance).sum(), 0.0)
        result[number] = along.sum() + rest * outside
    return result
