"""Samples that nobody measured: points on the line between two others.

Belongs here: finding them. Does not belong here: making them (`cup_assets.classify.strategies`
does, inside a training part), and what follows.

Public tables come balanced by SMOTE now and then. A sample made from two others that is learnt from
while one of the two is tested gives the answer away, so that the error looks smaller than it is. No
measured tumour lies on the line between two others: over hundreds of probes, noise alone takes it
away from there by a thousand times the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LEAST_PROBES = 50
_MOST_PROBES = 2000
_MOST_MISSING = 0.25
# Mean deviation of a probe from the line: what rounding to three decimals leaves, and not noise.
_TOLERANCE = 5e-4
# Nearer to an end than this share of the way, a point is a copy of the end.
_END = 1e-4
# SMOTE joins near neighbours: of the two ends one is near, but for other made samples.
_NEAREST = 50


def interpolated(
    X: NDArray[np.float32], labels: Sequence[str | None]
) -> dict[int, tuple[int, int]]:
    """Find the samples that lie exactly between two others of their class.

    Parameters
    ----------
    X : float32[n, p]
        Betas. Of a class, samples that lack more than a quarter of them are passed over, and the
        probes that all others have are looked at, 2,000 of them at most, evenly spread; with fewer
        than 50 nothing is found.
    labels
        Class of each sample; those without are passed over.

    Returns
    -------
    Row of each such sample -> the rows of the two that it lies between.
    """
    known = np.array([label or "" for label in labels], dtype=np.str_)
    absent = np.isnan(X)
    usable = (known != "") & (absent.mean(axis=1) <= _MOST_MISSING)
    found: dict[int, tuple[int, int]] = {}
    for label in np.unique(known[usable]):
        rows = np.flatnonzero(usable & (known == label))
        complete = np.flatnonzero(~absent[rows].any(axis=0))
        if len(complete) < _LEAST_PROBES:
            continue
        step = -(-len(complete) // _MOST_PROBES)
        values = X[np.ix_(rows, complete[::step])].astype(np.float64)
        for of, (one, other) in _on_lines(values).items():
            found[int(rows[of])] = int(rows[one]), int(rows[other])
    return found


def _on_lines(values: NDArray[np.float64]) -> dict[int, tuple[int, int]]:
    """Hold each row against the lines from its `_NEAREST` rows to all others."""
    n, p = values.shape
    if n < 3:
        return {}
    values = values - values.mean(axis=0)
    gram = values @ values.T
    size = gram.diagonal()
    squared = np.maximum(size[:, None] + size - 2 * gram, 0.0)
    others = squared + np.diag(np.full(n, np.inf))
    near = np.argsort(others, axis=1, kind="stable")[:, : min(_NEAREST, n - 1)]
    found = {}
    for row in range(n):
        for end in near[row]:
            # |row - end - t (other - end)|^2 at the best t, for every other row at once.
            along = gram[row] - gram[row, end] - gram[end] + gram[end, end]
            length = np.maximum(squared[end], 1e-12)
            t = along / length
            away = np.sqrt(np.maximum(squared[row, end] - along * t, 0.0) / p)
            fits = (away < _TOLERANCE) & (t > _END) & (t < 1 - _END)
            fits[[row, end]] = False
            if fits.any():
                found[row] = int(end), int(np.flatnonzero(fits)[away[fits].argmin()])
                break
    return found
