"""From importance to an ordered list of CpGs, and from the list to nested panels.

Belongs here: combining the methods, leaving out what is redundant, the released panels. Does not
belong here: how good a panel is (curve).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.panels.importance import Candidates, find_candidates, importance_of
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.redundancy import redundancy

PANEL_SCHEMA = {
    "panel_id": pl.String,
    "size": pl.Int64,
    "rank": pl.Int64,
    "probe_id": pl.String,
}


def mean_ranks(importance: pl.DataFrame) -> pl.DataFrame:
    """Combine the methods: the mean over methods of a CpG's rank in each.

    Of per-class ranks the best one counts, so that a CpG that marks a single class is not
    outvoted by the classes that it says nothing of.

    Returns
    -------
    pl.DataFrame
        (probe_id, mean_rank), best first, equals by name.
    """
    return (
        importance.group_by("probe_id", "method")
        .agg(pl.col("rank").min())
        .with_columns(pl.col("rank").rank("average").over("method"))
        .sort("probe_id", "method")
        .group_by("probe_id", maintain_order=True)
        .agg(pl.col("rank").mean().alias("mean_rank"))
        .sort("mean_rank", "probe_id")
    )


def order_cpgs(
    candidates: Candidates, importance: pl.DataFrame, parameters: PanelParameters
) -> pl.DataFrame:
    """Order the best CpGs so that the first k are the panel of size k.

    First the representatives of the clusters of correlated CpGs by mean rank; after them, for
    panels larger than the number of clusters, the others by mean rank.

    Returns
    -------
    pl.DataFrame
        (rank, probe_id, mean_rank, cluster, representative, correlation), in order.
    """
    best = mean_ranks(importance).head(parameters.screened)
    position = {name: at for at, name in enumerate(candidates.pipeline.probe_ids.tolist())}
    probes = best["probe_id"].to_list()
    features = candidates.features[:, [position[name] for name in probes]]
    clusters = redundancy(features, probes, parameters.correlated)
    return (
        best.join(clusters, on="probe_id", maintain_order="left")
        .with_columns((pl.col("probe_id") != pl.col("representative")).alias("redundant"))
        .sort("redundant", "mean_rank", "probe_id")
        .drop("redundant")
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64))
    )


def final_panels(data: TrainingData, parameters: PanelParameters) -> pl.DataFrame:
    """Choose nested panels on all samples.

    How well panels chosen this way work is what `panel_curve` estimates.

    Returns
    -------
    pl.DataFrame
        (panel_id, size, rank, probe_id): panel ``ranked_10`` is the first 10 CpGs of
        ``ranked_20``. A size beyond the ordered CpGs has no panel.

    Raises
    ------
    PanelError
        With fewer than two classes, or fewer CpGs than the smallest panel.
    """
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    ordered = order_cpgs(candidates, importance_of(candidates, parameters), parameters)
    possible = [size for size in parameters.sizes if size <= ordered.height]
    if not possible:
        raise PanelError(
            f"{ordered.height} CpGs are left: too few for a panel of {parameters.sizes[0]}"
        )
    frames = [
        ordered.head(size).select(
            pl.lit(f"ranked_{size}").alias("panel_id"),
            pl.lit(size, pl.Int64).alias("size"),
            "rank",
            "probe_id",
        )
        for size in possible
    ]
    return pl.concat(frames).cast(PANEL_SCHEMA)  # type: ignore[arg-type]
