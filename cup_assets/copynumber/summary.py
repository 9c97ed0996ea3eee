"""From probe ratios to bin values: medians, their variances, the noise figure, the baseline.

Belongs here: one sample's ratios summarised per bin. Does not belong here: segments and calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins

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
    """

    rows: NDArray[np.int64]
    log2: Floats
    variance: Floats
    shift: float
    noise: float
    probe_sd: float


def summarise(ratio: NDArray[np.float32], bins: Bins) -> BinValues:
    """Summarise a sample's probe ratios per bin.

    A bin's variance is that of a median of its probes. The spread within a bin, known from a
    few probes only, is drawn to the typical one, and all variances are scaled so that
    neighbouring bins differ as much as they say (medians of probes that vary together scatter
    more than independent ones would).

    Parameters
    ----------
    ratio : float32[p]
        Ratio of every probe of the array; bins with NaN are left out.
    bins : Bins

    Returns
    -------
    BinValues
    """
    ratio = ratio[bins.probes]
    measured = ~np.isnan(ratio[bins.offsets[:-1]])
    rows = np.flatnonzero(measured)
    median, spread = _quartiles(ratio, bins, measured)
    sizes = np.diff(bins.offsets)[rows]
    typical = float(np.median(spread**2))
    per_probe = (sizes * spread**2 + _PRIOR_PROBES * typical) / (sizes + _PRIOR_PROBES)
    variance = np.maximum(_MEDIAN_EFFICIENCY * per_probe / sizes, _LEAST_VARIANCE)
    chrom = bins.frame["chrom"].to_numpy()[rows]
    variance *= _inflation(median, variance, chrom[1:] == chrom[:-1])
    shift = baseline(median[bins.autosomal[rows]])
    return BinValues(
        rows=rows,
        log2=median - shift,
        variance=variance,
        shift=shift,
        noise=noise_figure(ratio),
        probe_sd=float(np.sqrt(max(typical, _LEAST_VARIANCE))),
    )


def noise_figure(ratio: NDArray[np.float32]) -> float:
    """Return the root mean square difference of neighbouring probes, NaN left out."""
    steps = np.diff(ratio[~np.isnan(ratio)].astype(np.float64))
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


def _quartiles(
    ratio: NDArray[np.float32], bins: Bins, measured: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return median and normal-consistent interquartile spread of each measured bin.

    Bins of equal size are sorted together: a few dozen calls instead of one per bin.
    """
    sizes = np.diff(bins.offsets)
    median = np.empty(sizes.size)
    spread = np.empty(sizes.size)
    for size in np.unique(sizes[measured]):
        of_size = np.flatnonzero(measured & (sizes == size))
        block = ratio[bins.offsets[of_size][:, None] + np.arange(size)]
        block.sort(axis=1)
        median[of_size] = (block[:, (size - 1) // 2].astype(np.float64) + block[:, size // 2]) / 2
        low, high = block[:, (size - 1) // 4], block[:, size - 1 - (size - 1) // 4]
        spread[of_size] = (high.astype(np.float64) - low) / _NORMAL_IQR
    return median[measured], spread[measured]


def _inflation(values: Floats, variance: Floats, neighbours: NDArray[np.bool_]) -> float:
    steps = np.diff(values) / np.sqrt(variance[1:] + variance[:-1])
    if not neighbours.any():
        return 1.0
    sd = _NORMAL_MAD * float(np.median(np.abs(steps[neighbours])))
    return max(1.0, sd * sd)
