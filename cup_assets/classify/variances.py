"""The most variable probes of many training parts, by one walk over the matrix.

Belongs here: the walk. Does not belong here: what is learnt of the probes that it finds
(`pipeline`), the regression behind the shifts (`shifts`).

Nested cross-validation has thirty training parts and more, each of them most of the samples. A few
columns at a time are read once, and while they lie in the cache serve all parts: what depends on a
beta alone is computed once; means and shifts of all parts are a few matrix products; what is left
for each part is the variance of its adjusted betas, about their mean. That takes no exponential,
because a shift of the M-value multiplies the odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.shifts import Design, odds_against
from cup_assets.compute import Mapper, keep_freed_memory, serial, single_threaded

# Columns that are read at a time, 16 KiB of each sample; of these, columns computed at a time, few
# enough that hundreds of samples in double precision stay in the cache; and columns that are walked
# over by one task.
_READ, _BLOCK, _WALK = 4096, 256, 65_536
# Rounding leaves a constant probe with a variance of about 1e-17.
_CONSTANT = 1e-12


def most_variable(
    X: Features,
    parts: Sequence[tuple[Ints, Design]],
    n_probes: int,
    max_missing: float,
    mapper: Mapper = serial,
) -> list[Ints]:
    """Find the probes of the largest variance, filled and adjusted, in each training part.

    Parameters
    ----------
    X : float32[n, p]
        Betas, NaN is missing; may be memory-mapped.
    parts
        Rows int64[k] of each part, none twice, and the regression of its shifts.
    n_probes
        At most so many are kept; of equal ones the first.
    max_missing
        A probe missing in a larger share of a part is not kept there, nor one that does not vary.
    mapper
        Shares the walk out; the result does not depend on it.

    Returns
    -------
    Of each part the columns int64[q], rising.
    """
    if not parts:
        return []
    used = np.unique(np.concatenate([rows for rows, _ in parts]))
    plans = [_plan(np.searchsorted(used, rows), design, len(used)) for rows, design in parts]
    walk = partial(_walk, X, used, plans, n_probes, max_missing)
    p = X.shape[1]
    found = mapper(walk, [(start, min(start + _WALK, p)) for start in range(0, p, _WALK)])
    return [
        _merged([_Found.none(), *(of[part] for of in found)], n_probes).columns
        for part in range(len(parts))
    ]


@dataclass(frozen=True, eq=False)
class _Plan:
    """A training part, its rows sorted by their levels.

    Attributes
    ----------
    rows : int64[k]
        Positions among the rows that are walked over.
    place : int64[n]
        Position of each of those in ``rows``; -1 if it is not in the part.
    member : float64[n]
        1 where it is in the part.
    solver : float64[m, n]
        Turns M-values into the shifts of the levels; 0 outside of the part.
    alike
        Where rows of the same levels lie in ``rows``, and these levels, none if unknown.
    kind : int64[k]
        Position of each row's levels in ``alike``.
    """

    rows: Ints
    place: Ints
    member: Floats
    solver: Floats
    alike: list[tuple[slice, Ints]]
    kind: Ints


def _plan(rows: Ints, design: Design, n: int) -> _Plan:
    order, kind = np.arange(len(rows)), np.zeros(len(rows), dtype=np.int64)
    combinations = np.zeros((1, 0))
    if len(design.levels):
        combinations, of = np.unique(design.indicator, axis=0, return_inverse=True)
        order = np.argsort(of.ravel(), kind="stable")
        kind = of.ravel()[order]
    ends = np.searchsorted(kind, np.arange(len(combinations) + 1)).tolist()
    alike = [
        (slice(*ends[number : number + 2]), np.flatnonzero(levels))
        for number, levels in enumerate(combinations)
    ]
    place, member = np.full(n, -1), np.zeros(n)
    place[rows[order]], member[rows] = np.arange(len(rows)), 1.0
    solver = np.zeros((len(design.levels), n))
    solver[:, rows] = design.solver
    return _Plan(rows[order], place, member, solver, alike, kind)


@dataclass(frozen=True, eq=False)
class _Found:
    """Columns int64[q], rising, and their variances float32[q].

    In single precision, because matrix products round in the last bits of double precision as
    their shapes ask for: the choice between equal probes must not depend on that.
    """

    columns: Ints
    variance: Features

    @classmethod
    def none(cls) -> _Found:
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))


def _merged(found: Sequence[_Found], n_probes: int) -> _Found:
    """Return the most variable of columns that are given in the order of the matrix."""
    columns = np.concatenate([each.columns for each in found])
    variance = np.concatenate([each.variance for each in found])
    kept = np.sort(np.argsort(-variance, kind="stable")[:n_probes])
    return _Found(columns[kept], variance[kept])


def _walk(
    X: Features,
    used: Ints,
    plans: Sequence[_Plan],
    n_probes: int,
    max_missing: float,
    ends: tuple[int, int],
) -> list[_Found]:
    """Return the most variable probes of each part between two columns."""
    keep_freed_memory()
    sums = np.stack([plan.member for plan in plans])
    solvers = np.concatenate([plan.solver for plan in plans])
    kept = [_Kept(n_probes) for _ in plans]
    with single_threaded():
        for start in range(*ends, _READ):
            betas = X[used, start : min(start + _READ, ends[1])]
            for first in range(0, betas.shape[1], _BLOCK):
                block = betas[:, first : first + _BLOCK]
                variances = _variances(block, plans, sums, solvers, max_missing)
                for own, variance in zip(kept, variances, strict=True):
                    own.add(start + first, variance)
    return [own.best() for own in kept]


class _Kept:
    """The most variable probes so far, and as many again that may be among them."""

    def __init__(self, n_probes: int) -> None:
        self._n_probes = n_probes
        self._found = [_Found.none()]
        self._size = 0
        self._least = np.float32(_CONSTANT)

    def add(self, start: int, variance: Floats) -> None:
        """Take the variances of columns from ``start`` on, if they may be among the largest."""
        single = variance.astype(np.float32)
        # Of equal probes the first is kept: a later one must be above the least.
        if (above := np.flatnonzero(single > self._least)).size:
            self._found.append(_Found(start + above, single[above]))
            self._size += len(above)
            if self._size > 2 * self._n_probes:
                self._found, self._size = [self.best()], self._n_probes
                self._least = self._found[0].variance.min()

    def best(self) -> _Found:
        return _merged(self._found, self._n_probes)


def _variances(
    betas: Features, plans: Sequence[_Plan], sums: Floats, solvers: Floats, max_missing: float
) -> Floats:
    """Return the variances float64[parts, w] of some columns; -1 where too much is missing."""
    missing = np.isnan(betas)
    gaps = np.nonzero(missing)
    absent = missing.astype(np.float64)
    values = betas.astype(np.float64)
    values[gaps] = 0.0
    sizes = sums.sum(axis=1)[:, None]
    measured = sizes - sums @ absent
    means = sums @ values / np.maximum(measured, 1)
    odds, mean_odds, shifts = values, means, np.empty((0, values.shape[1]))
    if len(solvers):
        odds, mean_odds = odds_against(values), odds_against(means)
        m_values = -np.log2(odds)
        m_values[gaps] = 0.0
        of_level = np.repeat(np.arange(len(plans)), [len(plan.solver) for plan in plans])
        shifts = solvers @ m_values - solvers @ absent * np.log2(mean_odds)[of_level]
    block = _Block(values, odds, gaps)
    result, first = np.empty_like(means), 0
    for number, plan in enumerate(plans):
        own = slice(first, first := first + len(plan.solver))
        result[number] = _variance(block, plan, means[number], mean_odds[number], shifts[own])
    return np.where(measured >= (1 - max_missing) * sizes, result, -1.0)


@dataclass(frozen=True, eq=False)
class _Block:
    """Betas float64[n, w] of some columns, 0 where missing; odds against; where gaps are."""

    values: Floats
    odds: Floats
    gaps: tuple[NDArray[np.intp], ...]


def _variance(block: _Block, plan: _Plan, mean: Floats, mean_odds: Floats, shift: Floats) -> Floats:
    """Return the variance float64[w] of one part, its gaps filled with its means."""
    values = np.empty((len(plan.rows), len(mean)))
    means = np.tile(mean, (len(plan.alike), 1))
    for kind, (where, levels) in enumerate(plan.alike):
        own, rows = values[where], plan.rows[where]
        if not len(levels):
            np.take(block.values, rows, axis=0, out=own, mode="clip")
            continue
        # beta = 1 / (1 + odds * 2 ** shift), in as few steps as can be.
        share = np.exp2(-shift[levels].sum(axis=0))
        np.take(block.odds, rows, axis=0, out=own, mode="clip")
        np.divide(share, np.add(own, share, out=own), out=own)
        means[kind] = share / (mean_odds + share)
    place = plan.place[block.gaps[0]]
    rows, columns = place[place >= 0], block.gaps[1][place >= 0]
    values[rows, columns] = means[plan.kind[rows], columns]
    values -= values.mean(axis=0)
    return np.asarray(np.einsum("ij,ij->j", values, values) / len(values), dtype=np.float64)
