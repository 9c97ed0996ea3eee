"""The space of principal components that maps, neighbours and clusters are made in.

Belongs here: choice of probes, filling of missing values, the decomposition, placing of new
samples. Does not belong here: two-dimensional maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.landscape.parameters import LandscapeError, LandscapeParameters

Floats = NDArray[np.float64]
_LEAST_SAMPLES = 4
# Columns at a time: few enough that hundreds of samples, in double precision, stay in the cache.
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class PcaSpace:
    """Principal components of the most variable probes of the reference samples.

    Attributes
    ----------
    columns : int64[q]
        Positions of the probes used.
    fill : float64[q]
        Median beta of each probe, in place of a missing value.
    centre : float64[q]
        Mean of each probe after filling.
    loadings : float64[q, k]
        Unit vectors; of each the entry of the largest magnitude is positive.
    explained : float64[k]
        Share of the variance of the probes used, per component.
    scores : float64[n, k]
        The samples that the space was fitted on.
    """

    columns: NDArray[np.int64]
    fill: Floats
    centre: Floats
    loadings: Floats
    explained: Floats
    scores: Floats

    def transform(self, X: NDArray[np.float32]) -> Floats:
        """Place samples float32[m, p] of the same probes into the space, which does not move.

        Raises
        ------
        LandscapeError
            If the columns cannot be those that the space was fitted on.
        """
        if X.ndim != 2 or X.shape[1] <= int(self.columns.max()):
            raise LandscapeError(f"samples of shape {X.shape} lack the probes of the landscape")
        betas = X[:, self.columns].astype(np.float64)
        filled = np.where(np.isnan(betas), self.fill, betas)
        return np.asarray((filled - self.centre) @ self.loadings, dtype=np.float64)


def fit_space(X: NDArray[np.float32], parameters: LandscapeParameters) -> PcaSpace:
    """Fit the principal components of betas float32[n, p]; NaN is filled with the probe's median.

    The decomposition is exact (eigenvectors of the samples' n x n inner products), so that no
    seed is involved.

    Raises
    ------
    LandscapeError
        With fewer than four samples, or where no probe varies.
    """
    n = len(X)
    if n < _LEAST_SAMPLES:
        raise LandscapeError(f"{n} samples make no landscape: at least {_LEAST_SAMPLES} are needed")
    columns, fill = _most_variable(X, parameters.n_probes)
    betas = X[:, columns].astype(np.float64)
    betas = np.where(np.isnan(betas), fill, betas)
    centre = betas.mean(axis=0)
    betas -= centre
    values, vectors = np.linalg.eigh(betas @ betas.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > values[0] * 1e-10).sum())
    kept = min(parameters.n_components, rank)
    singular = np.sqrt(values[:kept])
    loadings = betas.T @ (vectors[:, :kept] / singular)
    largest = np.abs(loadings).argmax(axis=0)
    sign = np.sign(loadings[largest, np.arange(kept)])
    loadings = loadings * sign
    explained = values[:kept] / values.clip(min=0).sum()
    return PcaSpace(columns, fill, centre, loadings, explained, betas @ loadings)


def _most_variable(X: NDArray[np.float32], n_probes: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the positions of the most variable probes, in order of position, and their medians."""
    p = X.shape[1]
    fill, variance = np.zeros(p), np.zeros(p)
    for start in range(0, p, _BLOCK):
        block = X[:, start : start + _BLOCK].astype(np.float64)
        measured = ~np.isnan(block).all(axis=0)
        block = block[:, measured]
        medians = _medians(block)
        filled = np.where(np.isnan(block), medians, block)
        at = start + np.flatnonzero(measured)
        fill[at], variance[at] = medians, filled.var(axis=0)
    order = np.argsort(-variance, kind="stable")
    # Rounding leaves a constant probe with a variance of about 1e-17.
    columns = np.sort(order[variance[order] > 1e-12][:n_probes])
    if not columns.size:
        raise LandscapeError("no probe varies between the samples: there is nothing to map")
    return columns, fill[columns]


def _medians(block: Floats) -> Floats:
    """Return the median of each column without its NaN; every column holds at least one number.

    `np.nanmedian` gives the same bits, a column at a time in Python for tables of this size.
    """
    ordered = np.sort(np.ascontiguousarray(block.T), axis=1)  # NaN comes last
    known = (~np.isnan(block)).sum(axis=0)
    column = np.arange(block.shape[1])
    middle = ordered[column, (known - 1) // 2] + ordered[column, known // 2]
    return np.asarray(middle / 2, dtype=np.float64)
