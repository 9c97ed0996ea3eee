"""What the linear models share: the row space, multinomial ridge, scores from coefficients.

Belongs here: arithmetic common to linear classifiers. Does not belong here: a loss of its own or
a grid of hyperparameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.base import Arrays


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Softmax of x @ coefficients + intercept.

    Attributes
    ----------
    coefficients : float64[p, k]
    intercept : float64[k]
        Minus infinity for a class that the training part did not hold.
    """

    coefficients: Floats
    intercept: Floats

    def scores(self, features: Features | Floats) -> Floats:
        """Return softmax scores float64[n, k], one row at a time.

        Products are summed in the order of the probes rather than by BLAS, whose result depends
        on the batch and on the number of threads: a patient's score must not.
        """
        result = np.empty((len(features), len(self.intercept)))
        for row, values in zip(result, features, strict=True):
            products = values.astype(np.float64)[:, None] * self.coefficients
            row[:] = softmax(products.sum(axis=0) + self.intercept)
        return result

    def arrays(self) -> Arrays:
        """Return coefficients and intercept."""
        return {"coefficients": self.coefficients, "intercept": self.intercept}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> LinearModel:
        """Rebuild from `arrays`."""
        return cls(arrays["coefficients"], arrays["intercept"])


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Training rows rotated into the space that they span.

    With n samples and p >> n probes, an L2-penalised linear model depends on the data only through
    the n x n matrix of inner products. Writing the centred, scaled X = U S V' and fitting on
    U S (n x rank) gives the very model of the p columns: its coefficients are V times the small
    ones.

    Attributes
    ----------
    rotated : float64[n, r]
        Rows to fit on; their mean is 0 and their mean squared norm 1.
    basis : float64[p, r]
        Maps coefficients back to the probes' space, the scale included.
    centre : float64[p]
        Mean of the training rows.
    scale
        What the centred rows were multiplied by.
    """

    rotated: Floats
    basis: Floats
    centre: Floats
    scale: float

    def model(self, coefficients: Floats, intercept: Floats) -> LinearModel:
        """Return the model of the probes for coefficients float64[r, k] of the rotated rows."""
        full = self.basis @ coefficients
        return LinearModel(full, intercept - self.centre @ full)


def row_space(features: Features) -> RowSpace:
    """Rotate features float32[n, p] to their principal axes, those without variance left out."""
    n, p = features.shape
    centred, centre, scale = _scaled(features)
    if n >= p:
        values, axes = np.linalg.eigh(centred.T @ centred)
        axes = axes[:, values > values[-1] * 1e-10]
        return RowSpace(centred @ axes, axes * scale, centre, scale)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    # Centring takes one rank away, duplicated samples more: those directions are rounding only.
    kept = values > values[-1] * 1e-10
    singular = np.sqrt(values[kept])
    left = vectors[:, kept]
    return RowSpace(left * singular, centred.T @ (left / singular) * scale, centre, scale)


@dataclass(frozen=True, eq=False)
class GramSpace:
    """Training rows known by their inner products only, for fits that need no more.

    Attributes
    ----------
    gram : float64[n, n]
        Inner products of the rows, centred and scaled to a mean squared norm of 1.
    centre : float64[p]
        Mean of the training rows.
    scale
        What the centred rows were multiplied by.
    """

    gram: Floats
    centre: Floats
    scale: float
    _centred: Floats

    def model(self, coefficients: Floats, intercept: Floats) -> LinearModel:
        """Return the model of the probes for coefficients float64[n, k] of the rows."""
        full = self._centred.T @ coefficients * self.scale
        return LinearModel(full, intercept - self.centre @ full)


def gram_space(features: Features) -> GramSpace:
    """Take the inner products of features float32[n, p]."""
    centred, centre, scale = _scaled(features)
    return GramSpace(centred @ centred.T, centre, scale, centred)


def _scaled(features: Features) -> tuple[Floats, Floats, float]:
    """Return rows with mean 0 and mean squared norm 1, their centre and the factor."""
    centre = features.mean(axis=0, dtype=np.float64)
    centred = features.astype(np.float64) - centre
    scale = float(np.sqrt((centred**2).sum() / len(features))) or 1.0
    centred /= scale
    return centred, centre, 1 / scale


def multinomial_ridge(
    rows: Floats, codes: Ints, n_classes: int, penalties: tuple[float, ...], weights: Floats | None
) -> list[tuple[Floats, Floats]]:
    """Fit multinomial logistic regression with an L2 penalty for each inverse penalty C.

    Returns coefficients float64[r, k] and intercept float64[k] (minus infinity for a class
    without samples) per C; the intercept is not penalised. Each fit starts from the previous one.
    """
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(tol=1e-10, max_iter=20_000, warm_start=True)
    fits = []
    for penalty in penalties:
        solver.set_params(C=penalty).fit(rows, codes, sample_weight=weights)
        present, coef, bias = solver.classes_, solver.coef_, solver.intercept_
        if len(present) == 2:
            # scikit-learn writes two classes as one log odds; with 0 for the other it is softmax.
            coef, bias = np.vstack([0 * coef, coef]), np.concatenate([0 * bias, bias])
        coefficients = np.zeros((rows.shape[1], n_classes))
        intercept = np.full(n_classes, -np.inf)
        coefficients[:, present], intercept[present] = coef.T, bias
        fits.append((coefficients, intercept))
    return fits


def softmax(values: Floats) -> Floats:
    """Return exp(values) / sum for one row float64[k]; minus infinity gives 0."""
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum(), dtype=np.float64)
