"""From the stored values of an array to one row of a learning matrix.

Belongs here: where an array's probes go among the names to learn from, and what replicates of a
name come to. Does not belong here: which names (`probe_space`), reading files
(`cup_assets.warehouse`), missing values and scaling, which belong into the training part of a fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the probes of one array lie among the names to learn from.

    Attributes
    ----------
    probe_ids : pl.Series of q str
        The array's probes that carry one of the names, by the order of the names; the replicates
        of a name (EPICv2) follow one another by their ids, so that their mean has the same bits
        wherever the probes come from.
    rows : int64[q]
        Their positions in the probes frame.
    columns : int64[q]
        Position of each one's name; ascending, and repeated for replicates.
    """

    probe_ids: pl.Series
    rows: Ints
    columns: Ints

    @cached_property
    def replicate_at(self) -> Ints:
        """Positions, among these probes, of those that share their name with another one."""
        return np.flatnonzero(np.bincount(self.columns)[self.columns] > 1)

    @property
    def replicate_ids(self) -> pl.Series:
        """Ids of the probes that share their name with another one, str[r]."""
        return self.probe_ids[self.replicate_at]

    @cached_property
    def _single(self) -> Ints:
        return np.flatnonzero(np.bincount(self.columns)[self.columns] == 1)

    def fill(
        self,
        into: NDArray[np.float32],
        values: NDArray[np.float32],
        replicate_p: NDArray[np.float32] | None = None,
    ) -> None:
        """Put a sample's values into their places; names that the array lacks are not touched.

        Of the replicates of a name that are measured, the one with the smallest detection p-value
        in this sample counts; where several are equally sure, as they are in good samples, their
        mean. A masked one never counts if another is measured; NaN where all are masked. So the
        value follows from this sample alone.

        Parameters
        ----------
        into : float32[names]
            Written to.
        values : float32[q]
            NaN where masked.
        replicate_p : float32[r], optional
            Detection p-values of `replicate_ids`. Without them the mean of all that are measured.
        """
        at = self.replicate_at
        if not at.size:
            into[self.columns] = values
            return
        into[self.columns[self._single]] = values[self._single]
        columns = self.columns[at]
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        given = values[at].astype(np.float64)
        counted = ~np.isnan(given)
        if replicate_p is not None:
            p = np.where(counted & ~np.isnan(replicate_p), replicate_p, np.inf)
            best = np.minimum.reduceat(p, first)
            counted &= p == np.repeat(best, np.diff(first, append=len(p)))
        sums = np.add.reduceat(np.where(counted, given, 0.0), first)
        counts = np.add.reduceat(counted.astype(np.float64), first)
        means = np.divide(sums, counts, out=np.full(len(first), np.nan), where=counts > 0)
        into[columns[first]] = means


def place_probes(probes: pl.DataFrame, names: Sequence[str]) -> Placement:
    """Find the probes of an array that carry one of the names.

    Parameters
    ----------
    probes : pl.DataFrame
        ``probe_id`` and ``name`` of the array's probes.
    names : sequence of str
        Distinct.

    Returns
    -------
    Placement
    """
    wanted = pl.DataFrame({"name": names}, schema={"name": pl.String}).with_row_index("column")
    found = wanted.join(
        probes.select("probe_id", "name").with_row_index("row"),
        on="name",
    ).sort("column", "probe_id")
    return Placement(
        found["probe_id"],
        found["row"].cast(pl.Int64).to_numpy(),
        found["column"].cast(pl.Int64).to_numpy(),
    )
