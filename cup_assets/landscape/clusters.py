"""Groups of samples that nobody named: k-means, hierarchical clustering, HDBSCAN.

Belongs here: who is in which cluster, and the tree of the samples. Does not belong here: what the
clusters have to do with diagnoses (`agreement`), two-dimensional maps.

Clusters are looked for in PC space. A map bends distances, and finds groups where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from cup_assets.compute import single_threaded
from cup_assets.landscape.parameters import LandscapeError, LandscapeParameters
from cup_assets.landscape.space import Floats

Ints = NDArray[np.int64]
CLUSTERINGS = ("kmeans", "hierarchical", "hdbscan")
NO_CLUSTER = -1


def sample_tree(scores: Floats) -> Floats:
    """Return the tree of the samples by Ward's criterion, with near leaves side by side.

    Parameters
    ----------
    scores : float64[n, k]
        Samples in PC space; at least two.

    Returns
    -------
    float64[n - 1, 4]
        Merges in the form of `scipy.cluster.hierarchy.linkage`; the order of the leaves makes
        neighbours as similar as the tree allows (Bar-Joseph et al. 2001).
    """
    from scipy.cluster.hierarchy import linkage

    if len(scores) < 2:
        raise LandscapeError("a tree needs at least two samples")
    return np.asarray(linkage(scores, "ward", optimal_ordering=True), dtype=np.float64)


def clusters(
    scores: Floats, tree: Floats, k: int, seed: int, parameters: LandscapeParameters
) -> dict[str, Ints]:
    """Divide the samples by every method of `CLUSTERINGS`.

    Parameters
    ----------
    scores : float64[n, k]
        Samples in PC space.
    tree
        Of `sample_tree`.
    k
        Clusters that k-means makes and at which the tree is cut. HDBSCAN finds their number by
        itself.
    seed
        Of k-means; the others are deterministic.

    Returns
    -------
    dict
        Method -> cluster of each sample, int64[n], numbered from 0 in the order of the samples;
        `NO_CLUSTER` where HDBSCAN leaves a sample alone.
    """
    makers: Mapping[str, Callable[[], NDArray[np.integer]]] = {
        "kmeans": lambda: _kmeans(scores, k, seed),
        "hierarchical": lambda: _cut(tree, k),
        "hdbscan": lambda: _hdbscan(scores, parameters),
    }
    return {name: _renumbered(makers[name]()) for name in CLUSTERINGS}


def _kmeans(scores: Floats, k: int, seed: int) -> NDArray[np.integer]:
    from sklearn.cluster import KMeans

    # More threads would change the order of additions, and with it the clusters of close calls.
    with single_threaded():
        found: NDArray[np.integer] = KMeans(k, n_init=10, random_state=seed).fit_predict(scores)
    return found


def _cut(tree: Floats, k: int) -> NDArray[np.integer]:
    from scipy.cluster.hierarchy import fcluster

    found: NDArray[np.integer] = fcluster(tree, k, criterion="maxclust")
    return found


def _hdbscan(scores: Floats, parameters: LandscapeParameters) -> NDArray[np.integer]:
    from sklearn.cluster import HDBSCAN

    size = min(parameters.min_cluster_size, len(scores))
    found: NDArray[np.integer] = HDBSCAN(size, copy=True).fit_predict(scores)
    return found


def _renumbered(found: NDArray[np.integer]) -> Ints:
    """Give clusters numbers by first appearance, so that a library's numbering does not show."""
    numbers: dict[int, int] = {}
    for name in found.tolist():
        if name != NO_CLUSTER:
            numbers.setdefault(name, len(numbers))
    return np.array([numbers.get(name, NO_CLUSTER) for name in found.tolist()], dtype=np.int64)
