"""Whether a map can be believed: it keeps neighbours, and another seed draws the same.

Belongs here: trustworthiness and agreement between seeds. Does not belong here: labels
(`agreement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from cup_assets.landscape.neighbours import distances, nearest
from cup_assets.landscape.parameters import LandscapeParameters
from cup_assets.landscape.space import Floats

Row = tuple[str, int | None, str, str, float, int]


def map_figures(
    scores: Floats, maps: Mapping[tuple[str, int], Floats], parameters: LandscapeParameters
) -> list[Row]:
    """Return what maps keep of PC space, and of each other.

    Parameters
    ----------
    scores : float64[n, k]
        Reference samples in PC space.
    maps
        (method, seed) -> their places, float64[n, 2].

    Returns
    -------
    list
        (method, seed, metric, label, value, n). ``trustworthiness`` against ``pc_space`` (Venna and
        Kaski 2001, of the ``neighbours`` nearest; 1: no sample is drawn beside one that is far away
        in PC space); ``seed_stability`` against ``other seeds``, for each method with several, seed
        None: share of a sample's nearest neighbours that two maps have in common, the mean over
        samples and pairs of seeds.
    """
    n = len(scores)
    k = min(parameters.neighbours, (n - 1) // 2)
    if k < 1:
        return []
    from sklearn.manifold import trustworthiness

    rows: list[Row] = [
        (method, seed, "trustworthiness", "pc_space",
         float(trustworthiness(scores, places, n_neighbors=k)), n)
        for (method, seed), places in maps.items()
    ]  # fmt: skip
    by_method: dict[str, list[Floats]] = {}
    for (method, _), places in maps.items():
        by_method.setdefault(method, []).append(places)
    for method, drawn in by_method.items():
        if len(drawn) > 1:
            rows.append((method, None, "seed_stability", "other seeds", _shared(drawn, k), n))
    return rows


def _shared(drawn: list[Floats], k: int) -> float:
    """Return the mean share of the k nearest neighbours that two maps have in common."""
    members = []
    for places in drawn:
        table = distances(places, places)
        np.fill_diagonal(table, np.inf)
        member = np.zeros(table.shape, dtype=bool)
        np.put_along_axis(member, nearest(table, k), values=True, axis=1)
        members.append(member)
    shares = [(one & other).sum() / one.sum() for one, other in combinations(members, 2)]
    return float(np.mean(shares))
