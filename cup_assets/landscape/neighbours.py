"""Nearest reference samples in PC space.

Belongs here: distances between samples and who is nearest. Does not belong here: what the
neighbours' labels say about agreement.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.landscape.parameters import LandscapeError
from cup_assets.landscape.space import Floats

NEIGHBOUR_SCHEMA = {
    "sample_id": pl.String,
    "place": pl.Int64,
    "neighbour": pl.String,
    "class": pl.String,
    "distance": pl.Float64,
}


def distances(left: Floats, right: Floats) -> Floats:
    """Return Euclidean distances float64[m, n] between rows of float64[m, k] and float64[n, k]."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float64)


def nearest(table: Floats, k: int) -> NDArray[np.int64]:
    """Return the columns of the k smallest entries of each row, ties by position: int64[m, k]."""
    return np.argsort(table, axis=1, kind="stable")[:, :k]


def neighbours(
    cases: Floats,
    case_ids: Sequence[str],
    reference: Floats,
    reference_ids: Sequence[str],
    classes: Sequence[str | None],
    k: int,
) -> pl.DataFrame:
    """List the k reference samples nearest to each case.

    Parameters
    ----------
    cases : float64[m, c]
        Diagnostic cases in PC space (`Landscape.cases`).
    case_ids : m str
    reference : float64[n, c]
        Reference samples in the same space (`PcaSpace.scores`).
    reference_ids, classes : n str
    k
        How many; all of the reference if it holds fewer.

    Returns
    -------
    pl.DataFrame
        (sample_id, place 1 = nearest, neighbour, class, distance), by case and place. Distances
        are Euclidean, in beta units summed over the probes of the space.

    Raises
    ------
    LandscapeError
        If names and rows do not match.
    """
    if len(cases) != len(case_ids) or not len(reference) == len(reference_ids) == len(classes):
        raise LandscapeError(
            f"{len(case_ids)} names for {len(cases)} cases, {len(reference_ids)} names and "
            f"{len(classes)} classes for {len(reference)} reference samples"
        )
    table = distances(cases, reference)
    rows = [
        (case, place, reference_ids[at], classes[at], float(away[at]))
        for case, away, order in zip(case_ids, table, nearest(table, k), strict=True)
        for place, at in enumerate(order.tolist(), start=1)
    ]
    return pl.DataFrame(rows, schema=NEIGHBOUR_SCHEMA, orient="row")
