"""How often a CpG would be chosen from other patients.

Belongs here: selection on random halves of the patients, and how many false choices to expect. Does
not belong here: the scores that choose (`importance`, `univariate`).

Importance measured once says little about the next cohort. Stability selection (Meinshausen and
Bühlmann, J. R. Stat. Soc. B 2010) chooses again from random halves: what is chosen nearly always
does not owe it to a few patients. With q choices a time out of p CpGs, CpGs without information
that are chosen in a share t of the halves or more number at most q^2 / ((2 t - 1) p) on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints, Strings
from cup_assets.compute import Mapper, serial
from cup_assets.panels.parameters import PanelError

STABILITY_SCHEMA = {
    "probe_id": pl.String,
    "frequency": pl.Float64,
    "frequency_of_cluster": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Stability:
    """Selection frequencies.

    Attributes
    ----------
    table
        (probe_id, frequency, frequency_of_cluster): share of the halves in which the CpG, or any
        CpG of its cluster, was chosen.
    chosen
        CpGs chosen from each half.
    n_halves
        Halves drawn.
    """

    table: pl.DataFrame
    chosen: int
    n_halves: int

    def expected_false(self, threshold: float) -> float:
        """Return the bound on the mean number of uninformative CpGs at or above a frequency.

        Raises
        ------
        PanelError
            Where the threshold is not above 1/2, for which nothing is known.
        """
        if not 0.5 < threshold <= 1:
            raise PanelError(f"threshold is {threshold}: the bound holds above 0.5")
        return float(self.chosen**2 / ((2 * threshold - 1) * self.table.height))


def stability(
    features: Features,
    codes: Ints,
    patients: Strings,
    probe_ids: list[str],
    clusters: NDArray[np.int64],
    *,
    chosen: int,
    halves: int,
    seed: int,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Stability:
    """Choose the CpGs of the largest F statistic from random halves of the patients of each class.

    Parameters
    ----------
    features : float32[n, q]
        Candidates without missing values.
    codes : int64[n]
        Classes.
    patients : str[n]
        Samples of one patient are in the same half.
    probe_ids, clusters : q
        Names, and the cluster of correlated CpGs that each belongs to.
    chosen
        CpGs chosen a time; at most all.
    halves
        How many halves are drawn: pairs of complementary ones, as Shah and Samworth (2013) advise;
        an even number.
    seed
        Of the drawing.
    mapper, progress
        Work on and report the halves.

    Raises
    ------
    PanelError
        With an odd number of halves.
    """
    if halves < 2 or halves % 2:
        raise PanelError(f"halves is {halves}: give an even number")
    chosen = min(chosen, len(probe_ids))
    drawn = [
        rows
        for pair in range(halves // 2)
        for rows in _halves(codes, patients, np.random.default_rng([seed, pair]))
    ]
    masks = np.array(mapper(partial(_choose, features, codes, chosen), drawn, progress))
    by_cluster = {
        name: masks[:, clusters == name].any(axis=1).mean() for name in np.unique(clusters).tolist()
    }
    table = pl.DataFrame(
        {
            "probe_id": probe_ids,
            "frequency": masks.mean(axis=0),
            "frequency_of_cluster": [by_cluster[name] for name in clusters.tolist()],
        },
        schema=STABILITY_SCHEMA,
    )
    return Stability(table, chosen, halves)


def _halves(codes: Ints, patients: Strings, generator: np.random.Generator) -> tuple[Ints, Ints]:
    """Divide the patients at random, those of each class (their first sample's) evenly."""
    names, first, of = np.unique(patients, return_index=True, return_inverse=True)
    shuffled = generator.permutation(len(names))
    order = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    side = np.zeros(len(names), dtype=bool)
    side[order[1 - int(generator.integers(2)) :: 2]] = True
    return np.flatnonzero(side[of]), np.flatnonzero(~side[of])


def _choose(features: Features, codes: Ints, chosen: int, rows: Ints) -> NDArray[np.bool_]:
    statistic = _f(features[rows].astype(np.float64), codes[rows])
    mask = np.zeros(len(statistic), dtype=bool)
    mask[np.argsort(-statistic, kind="stable")[:chosen]] = True
    return mask


def _f(betas: Floats, codes: Ints) -> Floats:
    member = (codes[:, None] == np.unique(codes)).astype(np.float64)
    betas = betas - betas.mean(axis=0)
    between = ((member.T @ betas) ** 2 / member.sum(axis=0)[:, None]).sum(axis=0)
    within = np.maximum((betas**2).sum(axis=0) - between, np.finfo(np.float32).eps)
    return np.asarray(between / within, dtype=np.float64)
