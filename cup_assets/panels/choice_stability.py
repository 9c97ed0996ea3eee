"""How far the folds agree on which CpGs to choose.

Belongs here: how often each CpG is chosen, and one figure for the agreement. Does not belong here:
choosing CpGs, stability selection on halves of the patients (`stability`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cup_assets.classify.data import Floats

MIN_FOLDS = 5
"""Choices from which their agreement has an interval."""
STABILITY_SCHEMA = {
    "size": pl.Int64,
    "stability": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_folds": pl.Int64,
}


def chosen_in(choices: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return (probe_id, chosen_in): the share of the folds that have a CpG in their panel.

    Parameters
    ----------
    choices
        (repeat, outer_fold, rank, probe_id).
    size
        CpGs of the panel.
    """
    folds = choices.select("repeat", "outer_fold").n_unique()
    return (
        choices.filter(pl.col("rank") <= size)
        .group_by("probe_id")
        .agg(chosen_in=pl.len() / folds)
        .sort("chosen_in", "probe_id", descending=[True, False])
    )


def with_votes(panels: pl.DataFrame, choices: pl.DataFrame) -> pl.DataFrame:
    """Add to panels (..., size, probe_id) in how many of the folds a CpG is chosen: ``chosen_in``.

    For a panel of its size; 0 where no fold chose it.
    """
    votes = [
        chosen_in(choices, size).with_columns(size=pl.lit(size, pl.Int64))
        for size in panels["size"].unique(maintain_order=True)
    ]
    joined = panels.join(
        pl.concat(votes), on=["size", "probe_id"], how="left", maintain_order="left"
    )
    return joined.with_columns(pl.col("chosen_in").fill_null(0.0))


def choice_stability(choices: pl.DataFrame, sizes: Sequence[int], n_cpgs: int) -> pl.DataFrame:
    """Return how far the folds agree on the panels of each size.

    The index of Nogueira, Sechidis and Brown (JMLR 2018): 1 where all folds choose the same CpGs,
    about 0 where they choose at random. The training parts of the folds overlap, so that patients
    of another hospital would agree less.

    Parameters
    ----------
    choices
        (repeat, outer_fold, rank, probe_id).
    sizes
        Panel sizes; those that some fold could not fill have no row.
    n_cpgs
        CpGs that there were to choose from.

    Returns
    -------
    pl.DataFrame
        (size, stability, low, high, n_folds); null with fewer than two folds, or where all CpGs
        there are belong to the panel; see `nogueira` for the interval.
    """
    parts = choices.partition_by("repeat", "outer_fold", maintain_order=True)
    least = min(part.height for part in parts)
    rows = []
    for size in (size for size in sizes if size <= least):
        names = [part.filter(pl.col("rank") <= size)["probe_id"].to_list() for part in parts]
        known = {name: at for at, name in enumerate(sorted(set().union(*names)))}
        chosen = np.zeros((len(parts), len(known)))
        for row, own in zip(chosen, names, strict=True):
            row[[known[name] for name in own]] = 1
        rows.append((size, *nogueira(chosen, n_cpgs), len(parts)))
    return pl.DataFrame(rows, schema=STABILITY_SCHEMA, orient="row")


def nogueira(chosen: Floats, n_cpgs: int) -> tuple[float | None, float | None, float | None]:
    """Return the index and its 95 % interval.

    The variance is the asymptotic one. With few choices it is too small: simulated, intervals by
    the normal distribution covered the truth 7 times in 10 for 5 choices. Student's t makes it 8.5
    in 10 (9 for 10 choices); fewer than `MIN_FOLDS` have no interval.

    Parameters
    ----------
    chosen : float64[m, q]
        1 where a choice holds a CpG, else 0; CpGs that none holds may be left out.
    n_cpgs
        All CpGs, those that are left out included.
    """
    m, d = len(chosen), n_cpgs
    counts, share = chosen.sum(axis=1), chosen.mean(axis=0)
    mean = float(counts.mean())
    chance = mean / d * (1 - mean / d)
    if m < 2 or chance <= 0:
        return None, None, None
    index = 1 - (m / (m - 1) * share * (1 - share)).sum() / d / chance
    own = (
        chosen @ share / d
        - counts * mean / d**2
        + index / 2 * (2 * mean * counts / d**2 - counts / d - mean / d + 1)
    ) / chance
    if m < MIN_FOLDS:
        return float(index), None, None
    from scipy.stats import t

    error = np.sqrt(4 / m**2 * ((own - own.mean()) ** 2).sum()) * t.ppf(0.975, m - 1)
    return float(index), float(max(index - error, -1)), float(min(index + error, 1))
