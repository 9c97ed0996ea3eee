"""Robust estimates of 16-bit intensities from their histogram.

Belongs here: median, median absolute deviation, Huber's location and the empirical distribution,
all exact, because a 16-bit intensity has only 65,536 values. Does not belong here: any meaning of
the intensities.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

N_LEVELS = 65_536
# Makes the median absolute deviation estimate a normal standard deviation: 1 / qnorm(3/4).
_MAD_TO_SD = 1.4826
_HUBER_K = 1.5
_HUBER_TOLERANCE = 1e-6

Counts = NDArray[np.int64]


def counts_of(intensities: NDArray[np.uint16]) -> Counts:
    """Return how often each of the 65,536 levels occurs, int64[65536]."""
    return np.bincount(intensities, minlength=N_LEVELS)


def median(counts: Counts) -> float:
    """Return the median, the mean of the two middle values for an even number."""
    cumulated = np.cumsum(counts)
    total = int(cumulated[-1])
    if total == 0:
        raise ValueError("the median of no values")
    low, high = np.searchsorted(cumulated, [(total - 1) // 2, total // 2], side="right")
    return float(low + high) / 2


def median_and_sd(counts: Counts) -> tuple[float, float]:
    """Return the median and the scaled median absolute deviation from it."""
    centre = median(counts)
    # The median may lie between two levels: doubled distances are whole numbers.
    doubled = np.abs(2 * np.arange(len(counts)) - round(2 * centre))
    distances = np.bincount(doubled, weights=counts).astype(np.int64)
    return centre, _MAD_TO_SD * median(distances) / 2


def huber(counts: Counts) -> tuple[float, float]:
    """Return Huber's M-estimate of location and the scale it was computed with.

    Proposal of Huber (1981) with the scale fixed at the scaled median absolute deviation and the
    observations pulled in to ``location +- 1.5 scale`` until the location moves by less than
    ``1e-6 scale``: the definition of ``MASS::huber`` (Venables & Ripley 2002), which limma and
    minfi use for the background.

    Raises
    ------
    ValueError
        If there is no value, or more than half of them are equal (the scale is 0).
    """
    location, scale = median_and_sd(counts)
    if scale == 0:
        raise ValueError(f"no spread: more than half of the values are {location:g}")
    # Whole-number prefix sums: exact, and two look-ups an iteration.
    n_up_to = np.concatenate([[0], np.cumsum(counts)])
    sum_up_to = np.concatenate([[0], np.cumsum(counts * np.arange(len(counts)))])
    total = int(n_up_to[-1])
    while True:
        low, high = location - _HUBER_K * scale, location + _HUBER_K * scale
        first = max(math.ceil(low), 0)
        behind = min(math.floor(high) + 1, len(counts))
        below, above = int(n_up_to[first]), total - int(n_up_to[behind])
        inside = int(sum_up_to[behind] - sum_up_to[first])
        moved = (low * below + inside + high * above) / total
        if abs(moved - location) < _HUBER_TOLERANCE * scale:
            return location, scale
        location = moved


def upper_tail(counts: Counts) -> NDArray[np.float64]:
    """Return the share of values above each level, 1 - ECDF, float64[65536]."""
    cumulated = np.cumsum(counts)
    above: NDArray[np.float64] = 1 - cumulated / cumulated[-1]
    return above
