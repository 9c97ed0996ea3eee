"""Models that are linear in a Gaussian (RBF) kernel.

Belongs here: the kernel, its own space, scores from training rows. Does not belong here: a loss
or a grid of hyperparameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats
from cup_assets.classify.models.base import Arrays
from cup_assets.classify.models.linear import GramSpace, softmax


@dataclass(frozen=True, eq=False)
class Anchors:
    """Training rows float32[m, p] that new samples are compared with."""

    rows: Features

    @cached_property
    def _double(self) -> tuple[Floats, Floats]:
        rows = np.ascontiguousarray(self.rows, dtype=np.float64)
        return rows, np.einsum("ij,ij->i", rows, rows)

    def squares(self, values: Features) -> Floats:
        """Return the squared distances of one sample to all rows, float64[m].

        By einsum, which sums alike whatever the number of threads, as BLAS does not.
        """
        rows, norms = self._double
        own = values.astype(np.float64)
        products = np.einsum("ij,j->i", rows, own)
        squares = norms - 2 * products + np.einsum("i,i->", own, own)
        return np.asarray(np.maximum(squares, 0.0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class KernelModel:
    """Softmax of exp(-rate * squared distances to the anchors) @ coefficients + intercept.

    Attributes
    ----------
    anchors
        The training rows: whoever holds the model holds them.
    rate
        Of the kernel.
    coefficients : float64[m, k]
    intercept : float64[k]
        Minus infinity for a class that the training part did not hold.
    """

    anchors: Anchors
    rate: float
    coefficients: Floats
    intercept: Floats

    def scores(self, features: Features) -> Floats:
        """Return softmax scores float64[n, k], one row at a time."""
        result = np.empty((len(features), len(self.intercept)))
        for row, values in zip(result, features, strict=True):
            row[:] = self.score(self.anchors.squares(values))
        return result

    def score(self, squares: Floats) -> Floats:
        """Return the scores float64[k] of a sample at these squared distances."""
        products = np.exp(-self.rate * squares)[:, None] * self.coefficients
        return softmax(products.sum(axis=0) + self.intercept)

    def arrays(self) -> Arrays:
        """Return anchors, rate, coefficients and intercept."""
        return {
            "anchors": self.anchors.rows,
            "rate": np.array(self.rate),
            "coefficients": self.coefficients,
            "intercept": self.intercept,
        }

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> KernelModel:
        """Rebuild from `arrays`."""
        coefficients = np.ascontiguousarray(arrays["coefficients"])
        anchors = Anchors(arrays["anchors"])
        return cls(anchors, float(arrays["rate"]), coefficients, arrays["intercept"])


@dataclass(frozen=True, eq=False)
class KernelSpace:
    """Training rows known by their kernel only.

    Attributes
    ----------
    gram : float64[n, n]
        The kernel of the rows, centred in the space that it spans.
    """

    anchors: Anchors
    rate: float
    gram: Floats
    _means: Floats

    def model(self, coefficients: Floats, intercept: Floats) -> KernelModel:
        """Return the model of the anchors for coefficients float64[n, k] of the rows."""
        # A new row's kernel is centred too: less its mean, and less the rows' means plus theirs.
        sums = coefficients.sum(axis=0)
        full = coefficients - sums / len(coefficients)
        return KernelModel(self.anchors, self.rate, full, intercept - self._means @ full)


def kernel_space(anchors: Anchors, space: GramSpace, gamma: float) -> KernelSpace:
    """Return the space of the kernel exp(-gamma * squared distance).

    Parameters
    ----------
    anchors
        The training rows.
    space
        Their inner products; distances are in its scale.
    """
    norms = np.diag(space.gram)
    squares = np.maximum(norms[:, None] + norms - 2 * space.gram, 0.0)
    kernel = np.exp(-gamma * squares)
    means = kernel.mean(axis=0)
    centred = kernel - means - means[:, None] + means.mean()
    return KernelSpace(anchors, gamma * space.scale**2, centred, means)
