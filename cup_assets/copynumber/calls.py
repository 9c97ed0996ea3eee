"""What a measured level means for a region: calls of arms and genes.

Belongs here: the level and error of a region, and its call. Does not belong here: the probability
of a state (`states`), calls of segments (`stretches`), files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.states import NO_CALL, STATES, StateModel
from cup_assets.copynumber.summary import BinValues
from cup_assets.genome import chromosome_arms

_MEDIAN_EFFICIENCY = math.pi / 2
_ALIKE = {
    **dict.fromkeys(("deletion", "loss"), ("deletion", "loss")),
    "neutral": ("neutral",),
    **dict.fromkeys(("gain", "amplification"), ("gain", "amplification")),
}
_PLAIN = 0.05  # plausibility of a high-level event that does not stand out of its arm


@dataclass(frozen=True)
class Call:
    """One call: its log2 level, its state and that state's probability."""

    kind: str
    region: str
    log2: float | None
    call: str
    confidence: float | None


@dataclass(frozen=True)
class Level:
    """A region's mean and its standard error, noise and waves included (log2 units)."""

    log2: float
    sd: float


@dataclass(frozen=True, eq=False)
class Caller:
    """What all calls of one sample share.

    Attributes
    ----------
    values : BinValues
    bins : Bins
    parameters : CnvParameters
    model : StateModel
        Of the sample's purity.
    male : bool
        Whether X and Y have one normal copy.
    """

    values: BinValues
    bins: Bins
    parameters: CnvParameters
    model: StateModel
    male: bool

    def error(self, se: float, length: float) -> float:
        """Add to a standard error what more probes do not average out over this length."""
        waves = max(length / self.parameters.wave_length, 1.0)
        systematic = self.values.wave_sd / math.sqrt(waves)
        return math.hypot(se, max(systematic, self.parameters.systematic_sd))

    def probabilities(self, level: Level, chrom: str, *, high_level: float) -> dict[str, float]:
        """Return the probability of each state of a region."""
        normal = 1 if self.male and chrom in ("X", "Y") else 2
        return self.model.probabilities(
            level.log2, level.sd, high_level=high_level, normal_copies=normal
        )

    def call(self, kind: str, region: str, level: Level, chrom: str, *, high_level: float) -> Call:
        """Return the most probable state, or no call if it is not probable enough.

        Enough that something is lost, or gained, is probable: how much may stay open, and the
        confidence is that of the state alone.
        """
        probability = self.probabilities(level, chrom, high_level=high_level)
        state = max(STATES, key=probability.__getitem__)
        confidence = sum(probability[alike] for alike in _ALIKE[state])
        call = state if confidence >= self.parameters.min_confidence else NO_CALL
        return Call(kind, region, level.log2, call, probability[state])


def arm_calls(caller: Caller) -> list[Call]:
    """Call every arm of the build from the median of its bins, weighted by their length.

    That is the level of half of the measured arm, wherever its probes crowd: a focal event does
    not make an arm's. Arms with fewer than ``min_arm_bins`` measured bins, or without a state of
    ``min_confidence``, get no call.
    """
    values, bins = caller.values, caller.bins
    frame = bins.frame[values.rows]
    length = (frame["end"] - frame["start"]).to_numpy().astype(np.float64)
    calls = []
    for chrom, arm, start, end in chromosome_arms(bins.build).iter_rows():
        here = (frame["arm"] == arm).to_numpy()
        if int(here.sum()) < caller.parameters.min_arm_bins:
            calls.append(Call("arm", arm, None, NO_CALL, None))
            continue
        weights = length[here] / length[here].sum()
        median = _weighted_median(values.log2[here], weights)
        se = math.sqrt(_MEDIAN_EFFICIENCY * float(weights**2 @ values.variance[here]))
        level = Level(median, caller.error(se, end - start))
        calls.append(caller.call("arm", arm, level, chrom, high_level=0.0))
    return calls


def gene_calls(
    ratio: NDArray[np.float32], segments: pl.DataFrame, arms: list[Call], caller: Caller
) -> list[Call]:
    """Call each gene of the parameters.

    A gene has the level of the segment it lies in, unless the median of its own probes departs
    from that by ``focal_excess`` and by ``gene_z`` standard errors: an event too small for the
    segmentation. Amplification and (homozygous) deletion are hardly to be expected of a gene that
    does not stand out of its arm: they are taken for the arm's gain or loss. A gene of which fewer
    than ``min_gene_probes`` probes are measured gets no call: its segment could hide a small event.

    Parameters
    ----------
    ratio : float32[p]
        log2 ratio of every probe of the array, baseline shift not taken off; NaN where it is not
        known: a gene has those of its probes that are.
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``, ``se`` (standard error), in genome order.
    arms : list of Call
        Result of `arm_calls`.
    caller : Caller
    """
    parameters, values = caller.parameters, caller.values
    arm_level = {call.region: call.log2 or 0.0 for call in arms}
    # Of the bins' variances, which know how far neighbouring probes vary together.
    per_probe = float(np.median(values.variance * values.n_probes))
    calls = []
    for gene in parameters.genes:
        place = caller.bins.genes.get(gene)
        around = segments.filter(pl.col("chrom") == place.chrom) if place else segments.clear()
        probes = ratio[place.rows] if place else ratio[:0]
        probes = probes[~np.isnan(probes)].astype(np.float64)
        if place is None or around.is_empty() or probes.size < parameters.min_gene_probes:
            calls.append(Call("gene", gene, None, NO_CALL, None))
            continue
        at = max(int(around["start"].search_sorted(place.centre, side="right")) - 1, 0)
        of_segment = around.row(at, named=True)
        level, se = of_segment["log2"], of_segment["se"]
        length = of_segment["end"] - of_segment["start"]
        own = float(np.median(probes)) - values.shift
        own_se = math.sqrt(per_probe / probes.size)
        if abs(own - level) >= max(parameters.focal_excess, parameters.gene_z * own_se):
            level, se, length = own, own_se, 0
        calls.append(
            caller.call(
                "gene",
                gene,
                Level(level, caller.error(se, length)),
                place.chrom,
                high_level=plausibility(level, arm_level[place.arm], parameters),
            )
        )
    return calls


def departs(level: float, of_arm: float, parameters: CnvParameters) -> bool:
    """Tell whether a level stands out of its arm's."""
    return abs(level - of_arm) >= parameters.focal_excess


def plausibility(level: float, of_arm: float, parameters: CnvParameters) -> float:
    """Return how plausible a high-level state is, given the level of the arm."""
    return 1.0 if departs(level, of_arm, parameters) else _PLAIN


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    middle = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    return float(values[order][middle])
