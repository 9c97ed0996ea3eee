"""How well single CpGs separate pairs of groups, and few CpGs that together separate every pair.

Belongs here: arithmetic on betas and groups. Does not belong here: who the groups are and how well
the chosen CpGs work (`differential`), ranking for panels of all classes (`importance`, `select`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.panels.parameters import PanelError

# Betas of one and the same DNA differ by about this standard deviation between arrays: without it
# CpGs that hardly vary would seem to separate best.
_TECHNICAL = 0.05
# Columns at a time.
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Moments:
    """What the separation of groups by single CpGs is made of.

    Attributes
    ----------
    names
        Groups.
    sizes : int64[k]
        Their samples.
    counts, sums, squares : float64[k, p]
        Of each group and CpG: known betas, their sum, and the sum of their squares.
    """

    names: tuple[str, ...]
    sizes: Ints
    counts: Floats
    sums: Floats
    squares: Floats

    def of(self, names: Sequence[str]) -> Moments:
        """Return those of some groups, in the order given.

        Raises
        ------
        PanelError
            Where a group is not among them.
        """
        if unknown := sorted(set(names) - set(self.names)):
            raise PanelError(f"a training part holds no sample of {unknown[0]!r}")
        at = [self.names.index(name) for name in names]
        parts = (self.sizes[at], self.counts[at], self.sums[at], self.squares[at])
        return Moments(tuple(names), *parts)

    def missing(self) -> Floats:
        """Return the share of the samples without a beta of each CpG, float64[p]."""
        return np.asarray(1 - self.counts.sum(axis=0) / self.sizes.sum(), dtype=np.float64)


def moments(betas: Features, rows: Ints, codes: Ints, names: Sequence[str]) -> Moments:
    """Sum up betas float32[n, p] of some rows by group; NaN is left out.

    Parameters
    ----------
    rows, codes : int64[m]
        Rows, and the place of each one's group in ``names``.
    """
    member = (codes == np.arange(len(names))[:, None]).astype(np.float64)
    found = np.zeros((3, len(names), betas.shape[1]))
    # A few columns at a time, so that a whole array needs little memory.
    for start in range(0, betas.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        part = betas[rows, block].astype(np.float64)
        known = ~np.isnan(part)
        part[~known] = 0
        for place, values in enumerate((known.astype(np.float64), part, part**2)):
            found[place, :, block] = member @ values
    return Moments(tuple(names), member.sum(axis=1).astype(np.int64), *found)


def pair_separation(betas: Features, codes: Ints, pairs: Ints) -> Floats:
    """Return how far each CpG sets the groups of each pair apart, float64[m, p].

    Parameters
    ----------
    betas : float32[n, p]
        NaN is missing and left out.
    codes : int64[n]
        Groups, from 0.
    pairs : int64[m, 2]
        Groups to separate.
    """
    names = [str(code) for code in range(int(codes.max()) + 1)]
    return separation_of(moments(betas, np.arange(len(codes)), codes, names), pairs)


def separation_of(groups: Moments, pairs: Ints) -> Floats:
    """Return how far each CpG sets the groups of each pair apart.

    The squared difference of the means over the variance inside the groups (pooled over all
    groups, with a floor for technical noise): the squared Mahalanobis distance by one CpG, so that
    those of independent CpGs add up.

    Parameters
    ----------
    groups
        All groups that the variance is pooled over.
    pairs : int64[m, 2]
        Places of the groups to separate.

    Returns
    -------
    float64[m, p]
        0 where a group has no value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        means = groups.sums / groups.counts
    within = groups.squares.sum(axis=0) - np.nansum(groups.sums * means, axis=0)
    spread = np.maximum(within, 0) / np.maximum(groups.counts.sum(axis=0) - len(means), 1)
    floor = spread + _TECHNICAL**2
    # Pair by pair: all of them at once would be much for a whole array.
    return np.array([np.nan_to_num((means[i] - means[j]) ** 2 / floor) for i, j in pairs])


def separating(
    features: Features, codes: Ints, pairs: Ints, size: int, correlated: float
) -> tuple[Ints, Ints]:
    """Choose CpGs one by one, each the one that leaves least to be confused.

    What is minimised is the sum over pairs of exp(-D^2 / 8), D^2 the pair's separation by all
    chosen CpGs: Bhattacharyya's bound (1943) on the error between two normal distributions at the
    distance D, twice. A pair that is still confused weighs more than one that is not.

    A CpG that varies inside the groups as a chosen one does (neighbours in an island) adds its
    noise again: it comes after all others, where the panel is larger than they are. CpGs that
    differ between the same groups but vary independently inside them are not redundant: each makes
    the answer surer.

    Parameters
    ----------
    features : float32[n, q]
        Betas without missing values.
    codes : int64[n]
        Groups, from 0.
    pairs : int64[m, 2]
    size
        CpGs to choose; the first k are what a smaller size would give.
    correlated
        Absolute correlation inside the groups from which two CpGs tell the same; in few samples
        many correlate by chance.

    Returns
    -------
    chosen, pair_of : int64[size]
        Columns, and the pair for which each does most.

    Raises
    ------
    PanelError
        Where there are fewer CpGs than ``size``.
    """
    left = np.exp(-pair_separation(features, codes, pairs) / 8)
    inside = _inside_groups(features, codes)
    confused = np.ones(len(pairs))
    free = np.ones(features.shape[1], dtype=bool)
    chosen: list[int] = []
    pair_of: list[int] = []
    if features.shape[1] < size:
        raise PanelError(
            f"only {features.shape[1]} CpGs are left for a panel of {size}: ask for fewer"
        )
    for _ in range(size):
        if not free.any():
            free[:] = True
            free[chosen] = False
        best = int(np.where(free, confused @ left, np.inf).argmin())
        chosen.append(best)
        pair_of.append(int((confused * (1 - left[:, best])).argmax()))
        confused *= left[:, best]
        confused /= confused.max()  # only their proportions count; the product would vanish
        free &= np.abs(inside.T @ inside[:, best]) < correlated
        free[best] = False
    return np.array(chosen, dtype=np.int64), np.array(pair_of, dtype=np.int64)


def _inside_groups(features: Features, codes: Ints) -> Floats:
    """Return deviations from the groups' means, each CpG scaled to length 1 (or 0)."""
    rest = features.astype(np.float64)
    for code in np.unique(codes):
        rest[codes == code] -= rest[codes == code].mean(axis=0)
    length = np.sqrt((rest**2).sum(axis=0))
    # What is left of a CpG that is constant inside the groups is rounding.
    return np.asarray(np.where(length > 1e-6, rest / np.maximum(length, 1e-6), 0))
