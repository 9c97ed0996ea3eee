"""Segmentation: stretches of bins of one copy number.

Belongs here: change points in one chromosome's bin values. Does not belong here: what a segment
is called, frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def smooth_outliers(values: Floats, sd: Floats, limit: float) -> Floats:
    """Draw each bin to within ``limit`` standard deviations of its local median.

    The median is over the bin and its two neighbours, so that a lone deviating bin is drawn in
    while two deviating neighbours keep each other.

    Parameters
    ----------
    values, sd : float64[n]
        Bin values and their standard deviations.
    limit : float
        In standard deviations.

    Returns
    -------
    float64[n]
    """
    if values.size < 3:
        return values
    padded = np.concatenate([values[2:3], values, values[-3:-2]])
    local = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return np.clip(values, local - limit * sd, local + limit * sd)


def change_points(
    values: Floats, weights: Floats, penalty: float, min_bins: int
) -> NDArray[np.int64]:
    """Return the first bin of each segment, found by optimal partitioning.

    Minimises the sum over segments of sum(w (x - mean)^2) plus ``penalty`` per segment over all
    partitions into segments of at least ``min_bins`` bins (Jackson et al. 2005, the exact form of
    what PELT computes; pruning does not pay at a few thousand bins a chromosome). With
    w = 1 / variance the fit is a chi-square and the penalty does not depend on the sample.

    Parameters
    ----------
    values, weights : float64[n]
        Bin values and inverse variances (> 0).
    penalty : float
        Cost of one more segment.
    min_bins : int
        Least number of bins of a segment; a chromosome with fewer is one segment.

    Returns
    -------
    int64[n_segments]
        Ascending, the first is 0; empty if there are no bins.
    """
    n = values.size
    if n == 0:
        return np.empty(0, np.int64)
    # Only the sum of w x^2 within segments varies with the partition through sum(wx)^2 / sum(w),
    # so the constant sum(w x^2) is left out; centring keeps the differences of sums exact.
    centred = values - np.average(values, weights=weights)
    w = np.concatenate([[0.0], np.cumsum(weights)])
    wx = np.concatenate([[0.0], np.cumsum(weights * centred)])
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    last = np.zeros(n + 1, np.int64)
    for end in range(min_bins, n + 1):
        stop = end - min_bins + 1
        cost = wx[end] - wx[:stop]
        cost *= cost
        cost /= w[end] - w[:stop]
        np.subtract(best[:stop], cost, out=cost)
        start = int(cost.argmin())
        best[end] = cost[start] + penalty
        last[end] = start
    starts = []
    end = n
    while end > 0:
        end = int(last[end])
        starts.append(end)
    return np.array(starts[::-1], np.int64)


def join_similar(
    starts: NDArray[np.int64], values: Floats, weights: Floats, min_jump: float
) -> NDArray[np.int64]:
    """Join neighbouring segments while the smallest step between means is below ``min_jump``.

    Parameters
    ----------
    starts : int64[n_segments]
        First bin of each segment.
    values, weights : float64[n]
    min_jump : float
        In the units of ``values``.

    Returns
    -------
    int64[<= n_segments]
    """
    while starts.size > 1:
        steps = np.abs(np.diff(segment_means(starts, values, weights)))
        smallest = int(steps.argmin())
        if steps[smallest] >= min_jump:
            break
        starts = np.delete(starts, smallest + 1)
    return starts


def segment_means(starts: NDArray[np.int64], values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of each segment (float64[n_segments])."""
    means: Floats = np.add.reduceat(weights * values, starts) / np.add.reduceat(weights, starts)
    return means
