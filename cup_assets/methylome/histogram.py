"""Robust estimates of 16-bit intensities from their histogram.

Belongs here: quantiles, median absolute deviation, Huber's location and the empirical distribution,
all exact, because a 16-bit intensity has only 65,536 values. Does not belong here: any meaning of
the intensities.

Intensities that went through an increasing table keep their histogram: ``values`` then says what
each level became. Without it a level stands for itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_LEVELS = 65_536
# Makes the median absolute deviation estimate a normal standard deviation: 1 / qnorm(3/4).
_MAD_TO_SD = 1.4826
_HUBER_K = 1.5
_HUBER_TOLERANCE = 1e-6

Counts = NDArray[np.int64]
# Every level, for building a table.
LEVELS = np.arange(N_LEVELS, dtype=np.float64)
LEVELS.setflags(write=False)
_WHOLE_LEVELS = np.arange(N_LEVELS)
_WHOLE_LEVELS.setflags(write=False)


def counts_of(intensities: NDArray[np.uint16]) -> Counts:
    """Return how often each of the 65,536 levels occurs, int64[65536]."""
    return np.bincount(intensities, minlength=N_LEVELS)


def median(counts: Counts) -> float:
    """Return the median, the mean of the two middle values for an even number."""
    return _median(np.cumsum(counts))


def _median(cumulated: Counts) -> float:
    total = int(cumulated[-1])
    if total == 0:
        raise ValueError("the median of no values")
    low, high = np.searchsorted(cumulated, [(total - 1) // 2, total // 2], side="right")
    return float(low + high) / 2


def _median_distance(cumulated: Counts, centre: float) -> float:
    """Return the median distance from the median, without a histogram of the distances.

    The values within a distance are a difference of two cumulated counts: bisection finds the
    smallest distance that holds the two middle ones.
    """
    n_levels, total = len(cumulated), int(cumulated[-1])
    # The median may lie between two levels: doubled distances are whole numbers.
    doubled = round(2 * centre)

    def smallest_distance_holding(n: int) -> int:
        low, high = 0, 2 * n_levels
        while low < high:
            middle = (low + high) // 2
            last = min((doubled + middle) // 2, n_levels - 1)
            before = -((middle - doubled) // 2) - 1
            within = int(cumulated[last]) - (int(cumulated[before]) if before >= 0 else 0)
            low, high = (low, middle) if within >= n else (middle + 1, high)
        return low

    middle_two = ((total - 1) // 2 + 1, total // 2 + 1)
    return sum(smallest_distance_holding(n) for n in middle_two) / 4


def quantiles(
    counts: Counts, shares: NDArray[np.float64], values: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the quantiles at ``shares`` (in [0, 1]), interpolated as by default in R and numpy.

    Hyndman & Fan's type 7: of n values, the one at rank ``1 + (n - 1) share``, linear between
    whole ranks. ``values`` float64[len(counts)], increasing.
    """
    cumulated = np.cumsum(counts)
    total = int(cumulated[-1])
    if total == 0:
        raise ValueError("a quantile of no values")
    at = shares * (total - 1)
    below = np.floor(at).astype(np.int64)
    at_low = np.searchsorted(cumulated, below, side="right")
    at_high = np.searchsorted(cumulated, np.minimum(below + 1, total - 1), side="right")
    levels = LEVELS if values is None else values
    low, high = levels[at_low], levels[at_high]
    found: NDArray[np.float64] = low + (at - below) * (high - low)
    return found


def median_and_sd(counts: Counts, values: NDArray[np.float64] | None = None) -> tuple[float, float]:
    """Return the median and the scaled median absolute deviation from it."""
    if values is None:
        cumulated = np.cumsum(counts)
        centre = _median(cumulated)
        return centre, _MAD_TO_SD * _median_distance(cumulated, centre)
    half = np.array([0.5])
    centre = float(quantiles(counts, half, values)[0])
    present = np.flatnonzero(counts)
    apart = np.abs(values[present] - centre)
    order = np.argsort(apart, kind="stable")
    return centre, _MAD_TO_SD * float(quantiles(counts[present][order], half, apart[order])[0])


def huber(counts: Counts, values: NDArray[np.float64] | None = None) -> tuple[float, float]:
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
    location, scale = median_and_sd(counts, values)
    if scale == 0:
        raise ValueError(f"no spread: more than half of the values are {location:g}")
    # Prefix sums (exact for whole numbers), then two look-ups an iteration.
    counts = counts[: int(counts.nonzero()[0][-1]) + 1]
    levels = _WHOLE_LEVELS[: len(counts)] if values is None else values[: len(counts)]
    n_up_to, sum_up_to = np.cumsum(counts), np.cumsum(counts * levels)
    total = int(n_up_to[-1])
    while True:
        low, high = location - _HUBER_K * scale, location + _HUBER_K * scale
        first = int(np.searchsorted(levels, low, side="left"))
        behind = int(np.searchsorted(levels, high, side="right"))
        below = int(n_up_to[first - 1]) if first else 0
        above = total - (int(n_up_to[behind - 1]) if behind else 0)
        inside = float(sum_up_to[behind - 1]) if behind else 0.0
        inside -= float(sum_up_to[first - 1]) if first else 0.0
        moved = (low * below + inside + high * above) / total
        if abs(moved - location) < _HUBER_TOLERANCE * scale:
            return location, scale
        location = moved


def upper_tail(counts: Counts) -> NDArray[np.float64]:
    """Return the share of values above each level, 1 - ECDF, float64[65536]."""
    cumulated = np.cumsum(counts)
    above: NDArray[np.float64] = 1 - cumulated / cumulated[-1]
    return above
