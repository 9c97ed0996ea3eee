"""How much each of many features helps a forest of shallow trees, fast.

Belongs here: binning, and growing trees for the sake of their importances. Does not belong here:
forests that predict (`cup_assets.classify.models.random_forest`), what is done with importances.

A tree is asked for nothing but its importances, so that it need not be kept; and betas in 32 bins
tell as much as betas do about whether a CpG matters. A split is then found by adding up a small
table of bins and classes, without sorting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints

BINS = 32
Bins = NDArray[np.uint8]


def binned(features: Features) -> Bins:
    """Return the bin of each value, uint8[n, q]: `BINS` bins of about equal size in each column."""
    n, q = features.shape
    order = np.argsort(features, axis=0, kind="stable")
    ranks = np.empty((n, q), dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(n)[:, None], axis=0)
    ordered = np.take_along_axis(features, order, axis=0)
    # Equal values share the rank of the first of them, so that they share a bin.
    first = np.where(np.vstack([np.ones((1, q), bool), ordered[1:] > ordered[:-1]]), 1, 0)
    start = np.maximum.accumulate(first * np.arange(n)[:, None], axis=0)
    shared = np.take_along_axis(start, ranks, axis=0)
    return np.asarray(shared * BINS // n, dtype=np.uint8)


def forest_importance(
    bins: Bins, codes: Ints, n_classes: int, trees: int, depth: int, seed: int
) -> Floats:
    """Return the mean decrease of Gini impurity by each column, float64[q], summing to one.

    Each tree learns from a bootstrap sample in which all classes weigh the same, and tries sqrt(q)
    columns that vary at each split (Breiman 2001; the importances are those of scikit-learn's
    ``RandomForestClassifier(class_weight="balanced_subsample")`` but for the bins).

    Parameters
    ----------
    bins : uint8[n, q]
        Of `binned`, below `BINS`.
    codes : int64[n]
        Classes, below ``n_classes``.
    trees, depth
        Number of trees and their most levels of splits.
    seed
        Of bootstrap samples and columns.
    """
    columns = np.ascontiguousarray(bins.T)
    seeds = np.random.default_rng(seed).integers(2**31 - 1, size=trees)
    total = np.zeros(len(columns))
    grow = _compiled()
    for tree_seed in seeds.tolist():
        total += grow(columns, codes, n_classes, depth, tree_seed)
    size = total.sum()
    return np.asarray(total / size if size > 0 else total, dtype=np.float64)


@lru_cache(maxsize=1)
def _compiled() -> Callable[[Bins, Ints, int, int, int], Floats]:
    """Return the machine code of `_tree_importance`: seconds of work, once a process."""
    import numba

    return numba.njit(nogil=True)(_tree_importance)  # type: ignore[no-any-return]


def _tree_importance(
    columns: Bins, codes: Ints, n_classes: int, depth: int, seed: int
) -> Floats:  # pragma: no cover
    np.random.seed(seed)  # noqa: NPY002 - numba's own generator; it knows no other
    q, n = columns.shape
    tried = max(1, int(np.sqrt(q)))
    rows = np.empty(n, np.int64)
    sizes = np.zeros(n_classes)
    for i in range(n):
        rows[i] = np.random.randint(n)  # noqa: NPY002
        sizes[codes[rows[i]]] += 1
    present = (sizes > 0).sum()
    weight = np.zeros(n_classes)
    for c in range(n_classes):
        if sizes[c] > 0:
            weight[c] = 1.0 / (present * sizes[c])
    importance = np.zeros(q)
    order = np.arange(q)
    table = np.zeros((BINS, n_classes))
    here, left = np.zeros(n_classes), np.zeros(n_classes)
    stack = np.empty((2**depth + depth + 2, 3), np.int64)
    stack[0] = (0, n, 0)
    top = 1
    while top > 0:
        top -= 1
        start, end, level = stack[top]
        here[:] = 0.0
        for i in range(start, end):
            code = codes[rows[i]]
            here[code] += weight[code]
        heavy = here.sum()
        squares = (here**2).sum() / heavy
        if level >= depth or end - start < 2 or squares >= heavy * (1 - 1e-12):
            continue
        best, best_column, best_bin = squares + 1e-12, -1, 0
        found = 0
        for step in range(q):
            pick = step + np.random.randint(q - step)  # noqa: NPY002
            column = order[pick]
            order[pick] = order[step]
            order[step] = column
            low, high = BINS, 0
            table[:] = 0.0
            for i in range(start, end):
                value = columns[column, rows[i]]
                code = codes[rows[i]]
                table[value, code] += weight[code]
                low, high = min(low, value), max(high, value)
            if low == high:
                continue
            left[:] = 0.0
            for value in range(low, high):
                one = other = one_squares = other_squares = 0.0
                for c in range(n_classes):
                    left[c] += table[value, c]
                    right = here[c] - left[c]
                    one += left[c]
                    other += right
                    one_squares += left[c] ** 2
                    other_squares += right**2
                if one > 0 and other > 0:
                    score = one_squares / one + other_squares / other
                    if score > best:
                        best, best_column, best_bin = score, column, value
            found += 1
            if found >= tried:
                break
        if best_column < 0:
            continue
        importance[best_column] += best - squares
        middle = start
        for i in range(start, end):
            if columns[best_column, rows[i]] <= best_bin:
                rows[i], rows[middle] = rows[middle], rows[i]
                middle += 1
        stack[top] = (start, middle, level + 1)
        stack[top + 1] = (middle, end, level + 1)
        top += 2
    return importance
