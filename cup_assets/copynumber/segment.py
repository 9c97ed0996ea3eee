"""Segmentation: stretches of bins of one copy number.

Belongs here: change points in bin values, chromosome by chromosome. Does not belong here: what a
segment is called, frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.parameters import CnvParameters

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JumpRule:
    """How far apart the means of neighbouring segments are.

    Attributes
    ----------
    least : float
        In any case (log2 units).
    z : float
        In standard errors of their difference, which noise and waves make.
    wave_sd : float
        Standard deviation of the waves (log2 units).
    wave_length : float
        Length (base pairs) over which waves do not average out.
    """

    least: float
    z: float
    wave_sd: float
    wave_length: float


def segment_starts(
    values: Floats,
    variance: Floats,
    lengths: Floats,
    first: NDArray[np.int64],
    wave_sd: float,
    parameters: CnvParameters,
) -> NDArray[np.int64]:
    """Return the first bin of each segment of a genome: partition, then join what is no step.

    Parameters
    ----------
    values, variance : float64[n]
        Bin values, lone outliers drawn in (`smooth_outliers`), and their variances.
    lengths : float64[n]
        Length of each bin (base pairs).
    first : int64[n_chromosomes]
        First bin of each chromosome, ascending from 0.
    wave_sd : float
        Standard deviation of the sample's waves (log2 units).
    parameters : CnvParameters

    Returns
    -------
    int64[n_segments]
        Ascending; every chromosome's first bin is among them.
    """
    weights = 1 / variance
    parts = [slice(*edges) for edges in itertools.pairwise([*first.tolist(), values.size])]
    stretches = [(values[part], weights[part]) for part in parts]
    penalty = parameters.penalty * float(np.log(max(values.size, 2)))
    jumps = JumpRule(parameters.min_jump, parameters.jump_z, wave_sd, parameters.wave_length)
    found = change_points(stretches, penalty, parameters.min_segment_bins)
    return np.concatenate(
        [
            part.start + join_similar(starts, *stretch, lengths[part], jumps)
            for part, stretch, starts in zip(parts, stretches, found, strict=True)
        ]
    )


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
    stretches: Sequence[tuple[Floats, Floats]], penalty: float, min_bins: int
) -> list[NDArray[np.int64]]:
    """Return the first bin of each segment of each chromosome, found by optimal partitioning.

    Minimises the sum over segments of sum(w (x - mean)^2) plus ``penalty`` per segment over all
    partitions into segments of at least ``min_bins`` bins (Jackson et al. 2005, the exact form of
    what PELT computes). With w = 1 / variance the fit is a chi-square and the penalty does not
    depend on the sample.

    Chromosomes do not depend on each other and go side by side, as rows of one table, which
    costs a call per bin of the longest instead of a call per bin. PELT's pruning would not help:
    where there is no change it prunes nothing.

    Parameters
    ----------
    stretches : sequence of (values, weights)
        Bin values and inverse variances (> 0) of each chromosome, float64[n] both.
    penalty : float
        Cost of one more segment.
    min_bins : int
        Least number of bins of a segment; a chromosome with fewer is one segment.

    Returns
    -------
    list of int64[n_segments]
        Ascending, the first is 0; empty if there are no bins.
    """
    sizes = np.array([values.size for values, _ in stretches], np.int64)
    by_size = np.argsort(-sizes, kind="stable")
    longest = int(sizes.max(initial=0))
    w, wx = np.zeros((2, sizes.size, longest + 1))
    for row, i in enumerate(by_size):
        values, weights = stretches[i]
        if values.size:
            # Only the sum of w x^2 within segments varies with the partition, through
            # sum(wx)^2 / sum(w), so the constant sum(w x^2) is left out; centring keeps the
            # differences of sums exact.
            centred = values - np.average(values, weights=weights)
            w[row, 1 : values.size + 1] = np.cumsum(weights)
            wx[row, 1 : values.size + 1] = np.cumsum(weights * centred)
    best = np.full((sizes.size, longest + 1), np.inf)
    best[:, 0] = -penalty
    last = np.zeros((sizes.size, longest + 1), np.int64)
    rows = np.arange(sizes.size)
    reaching = np.searchsorted(-sizes[by_size], -np.arange(longest + 1), side="right").tolist()
    for end in range(min_bins, longest + 1):
        here, stop = reaching[end], end - min_bins + 1
        cost = wx[:here, end, None] - wx[:here, :stop]
        cost *= cost
        cost /= w[:here, end, None] - w[:here, :stop]
        np.subtract(best[:here, :stop], cost, out=cost)
        start = cost.argmin(axis=1)
        best[:here, end] = cost[rows[:here], start] + penalty
        last[:here, end] = start
    found = {int(i): _starts(last[row, : sizes[i] + 1]) for row, i in enumerate(by_size)}
    return [found[i] for i in range(sizes.size)]


def _starts(last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow the last segment's first bin back to the beginning."""
    starts = []
    end = last.size - 1
    while end > 0:
        end = int(last[end])
        starts.append(end)
    return np.array(starts[::-1], np.int64)


def join_similar(
    starts: NDArray[np.int64],
    values: Floats,
    weights: Floats,
    lengths: Floats,
    jumps: JumpRule,
) -> NDArray[np.int64]:
    """Join neighbouring segments while the least step between means is too small to be one.

    Parameters
    ----------
    starts : int64[n_segments]
        First bin of each segment.
    values, weights : float64[n]
        Bin values and inverse variances.
    lengths : float64[n]
        Length of each bin (base pairs).
    jumps : JumpRule

    Returns
    -------
    int64[<= n_segments]
    """
    while starts.size > 1:
        weight = np.add.reduceat(weights, starts)
        step = np.abs(np.diff(segment_means(starts, values, weights)))
        # Over a stretch as long as several waves, waves average out as bins do.
        waves = np.maximum(np.add.reduceat(lengths, starts) / jumps.wave_length, 1)
        variance = 1 / weight + jumps.wave_sd**2 / waves
        needed = np.maximum(jumps.least, jumps.z * np.sqrt(variance[1:] + variance[:-1]))
        least = int((step / needed).argmin())
        if step[least] >= needed[least]:
            break
        starts = np.delete(starts, least + 1)
    return starts


def segment_means(starts: NDArray[np.int64], values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of each segment (float64[n_segments])."""
    means: Floats = np.add.reduceat(weights * values, starts) / np.add.reduceat(weights, starts)
    return means
