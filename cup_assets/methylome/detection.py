"""Detection p-values: how likely an intensity as large as a probe's is background.

Belongs here: the two definitions. Does not belong here: what is masked for them (`betas`).

Both are of raw intensities, because a background correction would remove what they are compared
with.

``pOOBAH`` (Zhou, Triche, Laird & Shen, Nucleic Acids Research 2018, 46:e123): the share of the
channel's background, its out-of-band intensities and negative controls, that exceeds an intensity.
A probe's p-value is the smaller one of its two intensities M and U, each in its own channel.

``negative`` (``detectionP`` in minfi; Aryee et al., Bioinformatics 2014, 30:1363): the upper tail
of a normal distribution at M + U, whose mean is the sum of the medians of the negative controls in
the channels of M and U, and whose standard deviation is the sum (not the root of the sum of
squares: minfi's definition) of their scaled median absolute deviations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import N_LEVELS, counts_of, median_and_sd, upper_tail
from cup_assets.methylome.layout import GatherPlan, ProbeLevels

Intensities = NDArray[np.uint16]
Detection = Callable[[Intensities, Intensities, GatherPlan, ProbeLevels], NDArray[np.float32]]


def poobah(
    grn: Intensities, red: Intensities, plan: GatherPlan, levels: ProbeLevels
) -> NDArray[np.float32]:
    """Return the pOOBAH p-value of every probe, float32[p]; of no meaning where it is absent."""
    table = np.concatenate(
        [
            poobah_table(grn, plan.out_of_band_green, plan.negative),
            poobah_table(red, plan.out_of_band_red, plan.negative),
        ]
    )
    smaller: NDArray[np.float32] = np.minimum(table.take(levels.m_at), table.take(levels.u_at))
    return smaller


def poobah_table(
    mean: Intensities, out_of_band: NDArray[np.int32], negative: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the pOOBAH p-value of every 16-bit level in one channel, float32[65536].

    Raises
    ------
    SignalError
        If the background does not vary: on a blank scan, no share of it exceeds any intensity,
        and every probe would seem detected.
    """
    counts = counts_of(mean.take(out_of_band)) + counts_of(mean.take(negative))
    if np.count_nonzero(counts) < 2:
        raise SignalError(
            "the background intensities (out-of-band and negative controls) do not vary; "
            "the scan is blank or saturated, scan the array again"
        )
    return upper_tail(counts).astype(np.float32)


def negative(
    grn: Intensities, red: Intensities, plan: GatherPlan, levels: ProbeLevels
) -> NDArray[np.float32]:
    """Return the negative-control p-value of every probe; of no meaning where it is absent.

    Raises
    ------
    SignalError
        If the array has no negative controls, or more than half of them are equal.
    """
    from scipy.special import ndtr

    if not len(plan.negative):
        raise SignalError(
            "the array has no negative controls; use the complete manifest with its [Controls]"
        )
    green_mean, green_sd = median_and_sd(counts_of(grn[plan.negative]))
    red_mean, red_sd = median_and_sd(counts_of(red[plan.negative]))
    if min(green_sd, red_sd) == 0:
        raise SignalError(
            "the negative controls do not vary; the scan is blank, scan the array again"
        )
    # The sum of two 16-bit levels has 131,071 values: one table for each pair of channels.
    sums = np.arange(2 * N_LEVELS - 1, dtype=np.float64)
    table = np.concatenate(
        [
            ndtr((mean - sums) / sd).astype(np.float32)
            for mean, sd in (
                (2 * green_mean, 2 * green_sd),
                (green_mean + red_mean, green_sd + red_sd),
                (2 * red_mean, 2 * red_sd),
            )
        ]
    )
    total = levels.m.astype(np.intp) + levels.u
    in_red = (plan.m > plan.n_beads).astype(np.intp) + (plan.u > plan.n_beads)
    p: NDArray[np.float32] = table.take(total + in_red * len(sums))
    return p


DETECTIONS: dict[str, Detection] = {"pOOBAH": poobah, "negative": negative}
