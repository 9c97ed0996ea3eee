"""What a forest loses when CpGs are shuffled among samples that it has not seen.

Belongs here: walking a forest's trees with shuffled values. Does not belong here: growing the
forest, and which samples it has not seen (`held_out`).

Of correlated CpGs, shuffling one costs a forest little, since the others still tell the same: all
CpGs of a cluster are therefore shuffled together, by one permutation of the samples (grouped
permutation importance; Au et al., Data Min. Knowl. Discov. 36:1401, 2022), and what is lost is the
cluster's. The loss is that of the votes for the right class, not of accuracy, which a forest of
hundreds of trees hardly ever loses by a single change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.random_forest import Forest


def votes_lost(
    forest: Forest,
    features: Features,
    codes: Ints,
    clusters: Ints,
    n_clusters: int,
    *,
    rounds: int,
    seed: int,
) -> Floats:
    """Return the share of votes for its class that each sample loses, float64[n, n_clusters].

    Parameters
    ----------
    forest
        That was grown on other samples.
    features : float32[n, p]
        Of samples that it has not seen.
    codes : int64[n]
        Their classes, as the forest numbers them.
    clusters : int64[p]
        Cluster of each column, 0 .. ``n_clusters`` - 1: its columns are shuffled together.
    rounds
        Permutations that are averaged.
    seed
        Of the permutations.
    """
    generator = np.random.default_rng(seed)
    ends = np.append(forest.roots, len(forest.feature))
    lost = np.zeros((len(features), n_clusters))
    for _ in range(rounds):
        order = generator.permuted(np.tile(np.arange(len(features)), (n_clusters, 1)), axis=1)
        _compiled()(
            features, codes, clusters, order, ends, forest.feature, forest.threshold,
            forest.left, forest.right, forest.value, lost,
        )  # fmt: skip
    return lost / (rounds * len(forest.roots))


@cache
def _compiled() -> Callable[..., None]:
    """Compile the loops on first use; it takes seconds, and few processes walk shuffled trees."""
    import numba

    return numba.njit(_add_losses)  # type: ignore[no-any-return]


def _add_losses(
    features: Features, codes: Ints, clusters: Ints, order: Ints, ends: Ints,
    feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Floats, lost: Floats,
) -> None:  # fmt: skip  # pragma: no cover
    """Add to ``lost`` what each tree's leaf gives the right class less what the shuffled gives.

    A tree without a split on a cluster loses nothing by it and is not walked.
    """
    n = len(features)
    asked = np.full(lost.shape[1], -1, np.int64)
    for tree in range(len(ends) - 1):
        start, end = ends[tree], ends[tree + 1]
        for split in range(start, end):
            if feature[split] < 0 or asked[clusters[feature[split]]] == tree:
                continue
            cluster = clusters[feature[split]]
            asked[cluster] = tree
            for row in range(n):
                node = other = start
                while feature[node] >= 0:
                    column = feature[node]
                    goes_left = features[row, column] <= threshold[node]
                    node = left[node] if goes_left else right[node]
                while feature[other] >= 0:
                    column = feature[other]
                    at = order[cluster, row] if clusters[column] == cluster else row
                    goes_left = features[at, column] <= threshold[other]
                    other = left[other] if goes_left else right[other]
                lost[row, cluster] += value[node, codes[row]] - value[other, codes[row]]
