"""What would make up for classes of unequal size.

Belongs here: one weight a sample for each strategy, and how many samples SMOTE would make. Does not
belong here: applying them, which happens in the training part of each fold
(`cup_assets.classify`).
"""

from __future__ import annotations

from typing import Literal, get_args

import polars as pl

from cup_assets.cohort.groups import keyed_order
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import CohortError

Strategy = Literal["none", "class_weight", "down_sample", "smote"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def training_plan(
    strategy: Strategy, members: pl.DataFrame, parameters: CohortParameters | None = None
) -> pl.DataFrame:
    """Return the weight of every member under one strategy.

    Parameters
    ----------
    strategy : str
        ``none``: every weight is 1. ``class_weight``: n / (classes x size of the class), so that
        all classes weigh the same and the mean weight is 1. ``down_sample``: 1 for as many samples
        of each class as the smallest class has, 0 for the others; which ones is drawn once per
        sample, so that a growing cohort adds samples and never exchanges them within a class.
        ``smote``: every weight is 1, because SMOTE weighs no sample: it adds others
        (`synthetic_samples`).
    members : pl.DataFrame
        ``sample_id``, ``class``; rows of which ``included`` is false are passed over.
    parameters : CohortParameters, optional
        The seed of the draw.

    Returns
    -------
    pl.DataFrame
        ``strategy``, ``sample_id``, ``weight`` (float64), by ``sample_id``.

    Raises
    ------
    CohortError
        If the strategy is unknown or there are no members.
    """
    if strategy not in STRATEGIES:
        raise CohortError(f"strategy {strategy!r} is unknown: use one of {', '.join(STRATEGIES)}")
    if "included" in members.columns:
        members = members.filter(pl.col("included"))
    if members.is_empty():
        raise CohortError("no members: take in reference samples with a diagnosis first")
    members = members.select("sample_id", "class").sort("sample_id")
    size = pl.len().over("class")
    if strategy == "class_weight":
        weight = pl.lit(members.height) / (size * members["class"].n_unique())
    elif strategy == "down_sample":
        seed = (parameters or CohortParameters()).seed
        draw = [keyed_order(seed, "down_sample", name) for name in members["sample_id"]]
        members = members.with_columns(pl.Series("draw", draw, dtype=pl.Binary))
        rank = pl.col("draw").rank("ordinal").over("class")
        weight = (rank <= size.min()).cast(pl.Float64)
    else:
        weight = pl.lit(1.0)
    return members.select(
        pl.lit(strategy).alias("strategy"), "sample_id", weight.cast(pl.Float64).alias("weight")
    )


def synthetic_samples(members: pl.DataFrame) -> pl.DataFrame:
    """Return how many samples SMOTE would make of each class: as many as the largest has more.

    They are made anew in each training part, of its own samples; none is stored.

    Parameters
    ----------
    members : pl.DataFrame
        As for `training_plan`.

    Returns
    -------
    pl.DataFrame
        ``class``, ``samples`` (real ones), ``synthetic``, by ``class``.
    """
    if "included" in members.columns:
        members = members.filter(pl.col("included"))
    sizes = members.group_by("class").agg(samples=pl.len().cast(pl.Int64)).sort("class")
    return sizes.with_columns(synthetic=pl.col("samples").max() - pl.col("samples"))
