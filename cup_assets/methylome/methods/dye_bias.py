"""Non-linear dye-bias correction within one sample.

Belongs here: the two channels' tables and the measure of distortion. Does not belong here:
background.

Definition (``dyeBiasNL`` in sesame; Zhou et al., Nucleic Acids Research 2018, 46:e123): Type I
probes of the two colours measure alike, so that their intensities should have one distribution.
With G and R the in-band intensities of Type I green and red, each value x of R, at the share p of
R's values below it, becomes the middle of x and G's quantile at p,

    x' = (x + Q_G(p)) / 2,  p = (rank(x) - 1) / (n - 1), equal values at their average rank,

and the values of G likewise. Values between are interpolated linearly; above the largest value of
R the correction of the largest is added, below the smallest the ratio of the smallest is applied.
The tables so made correct every intensity of their channel, Type II, out of band and controls
included. They increase strictly, and leave ranks within a channel as they were.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import LEVELS, Counts, counts_of, quantiles
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Intensities

# Sesame gives up the green Type I probes beyond this distortion. Type II needs green as well, so
# that the whole sample is refused here.
_LARGEST_DISTORTION = 10.0
_BRIGHTEST = 20


def dye_tables(
    grn: Intensities, red: Intensities, plan: GatherPlan
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corrected intensity of every level, green and red, float64[65536] each.

    Raises
    ------
    SignalError
        If a channel has no varying Type I intensities.
    """
    # What is in band for one channel's Type I probes is out of band for the other channel.
    green, rot = (
        counts_of(grn.take(plan.out_of_band_red)),
        counts_of(red.take(plan.out_of_band_green)),
    )
    for channel, counts in (("Grn", green), ("Red", rot)):
        if np.count_nonzero(counts) < 2:
            raise SignalError(
                f"the {channel} intensities of Type I probes do not vary; the scan is blank or "
                "saturated, scan the array again"
            )
    return middle_table(green, rot), middle_table(rot, green)


def middle_table(own: Counts, other: Counts) -> NDArray[np.float64]:
    """Return the half-way map from one distribution to another, float64[65536], increasing."""
    seen = np.flatnonzero(own)
    counts = own[seen]
    last = np.cumsum(counts)
    average_rank = last - (counts - 1) / 2
    shares = (average_rank - 1) / (last[-1] - 1)
    middle = (seen + quantiles(other, shares)) / 2
    table = np.interp(LEVELS, seen, middle)
    table[seen[-1] + 1 :] = LEVELS[seen[-1] + 1 :] + (middle[-1] - seen[-1])
    if seen[0] > 0:
        table[: seen[0]] = LEVELS[: seen[0]] * (middle[0] / seen[0])
    return table


def refuse_distorted(grn: Intensities, red: Intensities, plan: GatherPlan) -> float:
    """Return how much more red the brightest Type I probes are than the median one.

    The ratio red to green of the median of the 20 largest M + U, over that of all M + U
    (``RGdistort`` in sesame); 1 for a dye bias that is the same at every intensity.

    Raises
    ------
    SignalError
        If it is above 10 or cannot be told: the green channel has failed.
    """
    is_red = plan.one_red
    a, b = plan.one_a, plan.one_b
    total_red = red[a[is_red]].astype(np.int32) + red[b[is_red]]
    total_green = grn[a[~is_red]].astype(np.int32) + grn[b[~is_red]]
    if len(total_red) and len(total_green):
        middle_red, middle_green = np.median(total_red), np.median(total_green)
        if min(middle_red, middle_green) > 0:
            ratio = _median_of_brightest(total_red) / _median_of_brightest(total_green)
            distortion = float(ratio / (middle_red / middle_green))
            if distortion <= _LARGEST_DISTORTION:
                return distortion
    raise SignalError(
        "the channels of Type I probes are too unlike for the dye-bias correction of sesame; "
        "the green channel has failed, scan the array again"
    )


def _median_of_brightest(totals: NDArray[np.int32]) -> float:
    n = min(_BRIGHTEST, len(totals))
    return float(np.median(np.partition(totals, -n)[-n:]))
