"""The betas that a heat map shows.

Belongs here: which CpGs, in which order. Does not belong here: the tree of the samples
(`clusters`), drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.landscape.space import Floats, PcaSpace


@dataclass(frozen=True, eq=False)
class HeatTable:
    """The most variable CpGs of all samples.

    Attributes
    ----------
    columns : int64[q]
        Positions of the CpGs, alike ones side by side.
    betas : float32[q, n]
        A row a CpG, samples in the order of the data; NaN is missing.
    """

    columns: NDArray[np.int64]
    betas: NDArray[np.float32]


def heat_table(X: NDArray[np.float32], space: PcaSpace, n_cpgs: int) -> HeatTable:
    """Return the CpGs of the largest variance, ordered by how alike they are.

    Parameters
    ----------
    X : float32[n, p]
        Betas of the samples that the space was fitted on.
    space
        Only its CpGs are considered, with its medians in place of missing values.
    n_cpgs
        How many; all of the space if it has fewer.
    """
    variance = np.empty(len(space.columns))
    for start in range(0, len(variance), 1024):
        some = slice(start, start + 1024)
        variance[some] = _filled(X, space, np.arange(len(variance))[some]).var(axis=0)
    chosen = np.sort(np.argsort(-variance, kind="stable")[:n_cpgs])
    order = chosen[_alike(_filled(X, space, chosen))]
    columns = space.columns[order]
    return HeatTable(columns, np.ascontiguousarray(X[:, columns].T))


def _filled(X: NDArray[np.float32], space: PcaSpace, at: NDArray[np.int64]) -> Floats:
    betas = X[:, space.columns[at]].astype(np.float64)
    return np.where(np.isnan(betas), space.fill[at], betas)


def _alike(betas: Floats) -> NDArray[np.int64]:
    """Return an order of the columns that puts correlated ones side by side."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if betas.shape[1] < 3:
        return np.arange(betas.shape[1])
    away = 1 - np.corrcoef(betas.T)
    np.fill_diagonal(away, 0)
    tree = linkage(squareform(np.maximum(away, 0), checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
