"""From probe ratios to bin values: medians, their variances, the noise figure, the baseline.

Belongs here: one sample's ratios summarised per bin. Does not belong here: segments and calls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.genome import CHROMOSOMES

Floats = NDArray[np.float64]

_MEDIAN_EFFICIENCY = np.pi / 2
_NORMAL_IQR = 1.349
_NORMAL_MAD = 1.4826
_PRIOR_PROBES = 15
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class BinValues:
    """One sample's measured bins.

    Attributes
    ----------
    rows : int64[b]
        Rows of ``Bins.frame`` that are measured in this sample.
    n_probes : int64[b]
        Number of probes that each was measured with.
    log2 : float64[b]
        Median ratio of the bin's probes, baseline shift taken off.
    variance : float64[b]
        Variance of that median.
    shift : float
        The baseline shift (log2 units).
    noise : float
        Root mean square difference of neighbouring probes (log2 units; conumee2's figure).
    probe_sd : float
        Typical standard deviation of a probe within its bin (log2 units).
    wave_sd : float
        Standard deviation of what varies slowly along the genome without being copy number
        (log2 units): no number of bins averages it out within one wave.
    """

    rows: NDArray[np.int64]
    n_probes: NDArray[np.int64]
    log2: Floats
    variance: Floats
    shift: float
    noise: float
    probe_sd: float
    wave_sd: float


def summarise(
    ratio: NDArray[np.float32], bins: Bins, parameters: CnvParameters
) -> BinValues | None:
    """Summarise a sample's probe ratios per bin.

    A bin's variance is that of a median of its probes. The spread within a bin, known from a
    few probes only, is drawn to the typical one, and all variances are scaled so that
    neighbouring bins differ as much as they say (medians of probes that vary together scatter
    more than independent ones would).

    Parameters
    ----------
    ratio : float32[p]
        Ratio of every probe of the array, NaN where it is not known. A bin with less than
        ``min_bin_fraction`` of its probes left is left out.
    bins : Bins
    parameters : CnvParameters

    Returns
    -------
    BinValues or None
        None if no autosomal bin is left.
    """
    ratio = ratio[bins.probes]
    known = ~np.isnan(ratio)
    ratio = ratio[known]
    sizes = np.add.reduceat(known, bins.offsets[:-1], dtype=np.int64)
    least = parameters.min_bin_fraction * np.diff(bins.offsets)
    rows = np.flatnonzero(sizes >= np.maximum(least, 1))
    if not bins.autosomal[rows].any():
        return None
    first = np.cumsum(sizes) - sizes
    first, sizes = first[rows], sizes[rows]
    median, spread = _quartiles(ratio, first, sizes)
    typical = float(np.median(spread**2))
    per_probe = (sizes * spread**2 + _PRIOR_PROBES * typical) / (sizes + _PRIOR_PROBES)
    variance = np.maximum(_MEDIAN_EFFICIENCY * per_probe / sizes, _LEAST_VARIANCE)
    chrom = bins.frame["chrom"].to_numpy()[rows]
    variance *= _inflation(median, variance, chrom[1:] == chrom[:-1])
    shift = baseline(median[bins.autosomal[rows]])
    return BinValues(
        rows=rows,
        n_probes=sizes,
        log2=median - shift,
        variance=variance,
        shift=shift,
        noise=noise_figure(ratio),
        probe_sd=float(np.sqrt(max(typical, _LEAST_VARIANCE))),
        wave_sd=max(
            parameters.systematic_sd, wave_level(median, variance, bins.frame[rows], parameters)
        ),
    )


def noise_figure(ratio: NDArray[np.float32]) -> float:
    """Return the root mean square difference of neighbouring probes (ratio float32[m])."""
    steps = np.diff(ratio.astype(np.float64))
    return float(np.sqrt(np.mean(steps * steps)))


def baseline(values: Floats) -> float:
    """Return the s that minimises the median of |values - s|.

    conumee2 searches for it numerically; it is exactly the middle of the shortest interval that
    holds half of the values (least median of absolute deviations).
    """
    ordered = np.sort(values)
    half = ordered.size // 2 + 1
    widths = ordered[half - 1 :] - ordered[: ordered.size - half + 1]
    shortest = int(widths.argmin())
    return float(ordered[shortest] + widths[shortest] / 2)


def wave_level(
    values: Floats, variance: Floats, frame: pl.DataFrame, parameters: CnvParameters
) -> float:
    """Return how much the genome's level varies beyond the noise of its bins.

    Means of stretches of half a ``wave_length`` are compared with those one ``wave_length``
    further on the same chromosome. They differ by noise, which is known, and by waves; where they
    differ by copy number, too, they are few, and a median of the differences passes them over.

    Parameters
    ----------
    values, variance : float64[b]
        Bin values and their variances.
    frame : pl.DataFrame
        ``chrom`` and ``start`` of the same bins.
    parameters : CnvParameters

    Returns
    -------
    float
        Standard deviation, log2 units.
    """
    half = parameters.wave_length // 2
    stretch = _codes(frame["chrom"]) * 1_000 + frame["start"].to_numpy() // half
    first = np.flatnonzero(np.concatenate([[True], stretch[1:] != stretch[:-1]]))
    weight = 1 / variance
    total = np.add.reduceat(weight, first)
    mean = np.add.reduceat(weight * values, first) / total
    number = stretch[first]
    further = np.searchsorted(number, number + 2)
    pairs = np.flatnonzero(further < number.size)
    pairs = pairs[number[further[pairs]] == number[pairs] + 2]
    if not pairs.size:
        return 0.0
    difference = np.abs(mean[further[pairs]] - mean[pairs])
    noise = 1 / total[pairs] + 1 / total[further[pairs]]
    spread = (_NORMAL_MAD * float(np.median(difference))) ** 2 - float(np.median(noise))
    return math.sqrt(max(spread, 0.0) / 2)


def _codes(chrom: pl.Series) -> NDArray[np.int64]:
    return chrom.replace_strict(
        {name: i for i, name in enumerate(CHROMOSOMES)}, return_dtype=pl.Int64
    ).to_numpy()


def _quartiles(
    ratio: NDArray[np.float32], first: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return median and normal-consistent interquartile spread of each bin.

    A bin is ``sizes`` values from ``first`` on. Bins of equal size are sorted together: a few
    dozen calls instead of one per bin.
    """
    median = np.empty(sizes.size)
    spread = np.empty(sizes.size)
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        block = ratio[first[of_size][:, None] + np.arange(size)]
        block.sort(axis=1)
        median[of_size] = (block[:, (size - 1) // 2].astype(np.float64) + block[:, size // 2]) / 2
        low, high = block[:, (size - 1) // 4], block[:, size - 1 - (size - 1) // 4]
        spread[of_size] = (high.astype(np.float64) - low) / _NORMAL_IQR
    return median, spread


def _inflation(values: Floats, variance: Floats, neighbours: NDArray[np.bool_]) -> float:
    steps = np.diff(values) / np.sqrt(variance[1:] + variance[:-1])
    if not neighbours.any():
        return 1.0
    sd = _NORMAL_MAD * float(np.median(np.abs(steps[neighbours])))
    return max(1.0, sd * sd)
