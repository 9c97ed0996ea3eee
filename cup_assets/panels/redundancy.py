"""CpGs that tell the same: clusters of correlated ones, and who represents them.

Belongs here: correlation between CpGs. Does not belong here: how important a CpG is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cup_assets.classify.data import Features
from cup_assets.panels.parameters import PanelError

REDUNDANCY_SCHEMA = {
    "probe_id": pl.String,
    "cluster": pl.Int64,
    "representative": pl.String,
    "correlation": pl.Float64,
}


def redundancy(features: Features, probe_ids: Sequence[str], correlated: float) -> pl.DataFrame:
    """Cluster CpGs by correlation; the first of each cluster represents it.

    Hierarchical clustering with complete linkage on 1 - |correlation|: any two CpGs of a cluster
    correlate at least ``correlated``, in either direction.

    Parameters
    ----------
    features : float32[n, q]
        CpGs that vary, the most important first.
    probe_ids : q str
    correlated
        Least absolute correlation inside a cluster.

    Returns
    -------
    pl.DataFrame
        (probe_id, cluster, representative, correlation), in the order given. Clusters count from 1
        in the order of their representatives; correlation is the absolute one with the
        representative.

    Raises
    ------
    PanelError
        If names and columns do not match, or a CpG does not vary.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if features.shape[1] != len(probe_ids):
        raise PanelError(f"{len(probe_ids)} names for {features.shape[1]} CpGs")
    spread = features.std(axis=0, dtype=np.float64)
    if (spread == 0).any():
        raise PanelError(f"CpG {probe_ids[int(spread.argmin())]!r} does not vary")
    standard = (features - features.mean(axis=0, dtype=np.float64)) / spread
    correlation = np.abs(standard.T @ standard) / len(features)
    q = len(probe_ids)
    labels = np.ones(q, dtype=np.int64)
    if q > 1:
        condensed = np.clip(1 - correlation, 0, None)[np.triu_indices(q, 1)]
        # The margin forgives rounding: perfectly correlated CpGs lie at 1e-8, not at 0.
        labels = fcluster(linkage(condensed, "complete"), 1 - correlated + 1e-6, "distance")
    _, first, cluster = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return pl.DataFrame(
        {
            "probe_id": list(probe_ids),
            "cluster": order[cluster] + 1,
            "representative": [probe_ids[at] for at in first[cluster]],
            "correlation": np.minimum(correlation[np.arange(q), first[cluster]], 1),
        },
        schema=REDUNDANCY_SCHEMA,
    )
