"""What a measured level means: gain, loss, neutral, high-level events, and how sure that is.

Belongs here: calls of arms, genes and focal segments, and the altered fraction. Does not belong
here: segmentation, files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.summary import BinValues
from cup_assets.genome import AUTOSOMES, chromosome_arms

STATES = ("deletion", "loss", "neutral", "gain", "amplification")
NO_CALL = "no_call"
_MEDIAN_EFFICIENCY = math.pi / 2


@dataclass(frozen=True)
class Call:
    """One call: its log2 level, its state and that state's probability."""

    kind: str
    region: str
    log2: float | None
    call: str
    confidence: float | None


def state_probabilities(
    level: float, se: float, parameters: CnvParameters, *, high_level: bool
) -> dict[str, float]:
    """Return the probability of each state, given a measured level and its error.

    The true level is taken as normal around the measured one; the part of that distribution
    within a state's bounds is weighted by the state's prior. With a small error the bounds alone
    decide, with a large one the neutral state needs less to be believed than the others.

    Parameters
    ----------
    level, se : float
        Measured level and its standard error (log2 units); ``systematic_sd`` is added to the
        latter in quadrature.
    parameters : CnvParameters
    high_level : bool
        Whether deletion and amplification are states of their own; otherwise they count as
        loss and gain.

    Returns
    -------
    dict of str to float
        Keys of `STATES`; the values sum to 1.
    """
    sd = math.hypot(se, parameters.systematic_sd)
    edges = (
        parameters.deletion if high_level else -math.inf,
        parameters.loss,
        parameters.gain,
        parameters.amplification if high_level else math.inf,
    )
    below = [0.0, *((1 + math.erf((edge - level) / sd / math.sqrt(2))) / 2 for edge in edges), 1.0]
    altered = (1 - parameters.neutral_prior) / 2
    prior = (altered, altered, parameters.neutral_prior, altered, altered)
    joint = [prior[i] * (below[i + 1] - below[i]) for i in range(len(STATES))]
    return {state: value / sum(joint) for state, value in zip(STATES, joint, strict=True)}


def segment_call(level: float, se: float, parameters: CnvParameters) -> str:
    """Return the most probable state of a segment of this mean and standard error (log2 units).

    Not the bounds alone: a short noisy chromosome is one segment however uncertain its mean.
    """
    probability = state_probabilities(level, se, parameters, high_level=True)
    return max(STATES, key=probability.__getitem__)


def arm_calls(values: BinValues, bins: Bins, parameters: CnvParameters) -> list[Call]:
    """Call every arm of the build from the median of its bins, weighted by their length.

    That is the level of half of the measured arm, wherever its probes crowd: a focal event does
    not make an arm call. Arms with fewer than ``min_arm_bins`` measured bins, or without a state of
    ``min_confidence``, get no call.
    """
    frame = bins.frame[values.rows]
    arm_of = frame["arm"].to_numpy()
    length = (frame["end"] - frame["start"]).to_numpy().astype(np.float64)
    calls = []
    for arm in chromosome_arms(bins.build)["arm"]:
        here = arm_of == arm
        if int(here.sum()) < parameters.min_arm_bins:
            calls.append(Call("arm", arm, None, NO_CALL, None))
            continue
        weights = length[here] / length[here].sum()
        level = _weighted_median(values.log2[here], weights)
        se = math.sqrt(_MEDIAN_EFFICIENCY * float(weights**2 @ values.variance[here]))
        probability = state_probabilities(level, se, parameters, high_level=False)
        calls.append(_most_probable("arm", arm, level, probability, parameters))
    return calls


def gene_calls(
    ratio: NDArray[np.float32],
    values: BinValues,
    segments: pl.DataFrame,
    arms: list[Call],
    bins: Bins,
    parameters: CnvParameters,
) -> list[Call]:
    """Call each gene of the parameters.

    A gene has the level of the segment it lies in, unless the median of its own probes departs
    from that by ``focal_excess`` and by ``gene_z`` standard errors: an event too small for the
    segmentation. Amplification and (homozygous) deletion also need a level ``focal_excess``
    beyond the arm's median: a pure tumour's arm event is no focal one.

    Parameters
    ----------
    ratio : float32[p]
        log2 ratio of every probe of the array, baseline shift not taken off; NaN where it is not
        known: a gene has those of its probes that are.
    values : BinValues
    segments : pl.DataFrame
        ``chrom``, ``start``, ``log2``, ``se`` (standard error), in genome order.
    arms : list of Call
        Result of `arm_calls`.
    bins : Bins
    parameters : CnvParameters
    """
    arm_level = {call.region: call.log2 for call in arms}
    calls = []
    for gene in parameters.genes:
        place = bins.genes.get(gene)
        around = segments.filter(pl.col("chrom") == place.chrom) if place else segments.clear()
        probes = ratio[place.rows] if place else ratio[:0]
        probes = probes[~np.isnan(probes)].astype(np.float64)
        if place is None or around.is_empty() or probes.size < parameters.min_gene_probes:
            calls.append(Call("gene", gene, None, NO_CALL, None))
            continue
        at = max(int(around["start"].search_sorted(place.centre, side="right")) - 1, 0)
        level, se = float(around["log2"][at]), float(around["se"][at])
        own = float(np.median(probes)) - values.shift
        own_se = math.sqrt(_MEDIAN_EFFICIENCY / probes.size) * values.probe_sd
        if abs(own - level) >= max(parameters.focal_excess, parameters.gene_z * own_se):
            level, se = own, own_se
        departs = abs(level - (arm_level[place.arm] or 0.0)) >= parameters.focal_excess
        probability = state_probabilities(level, se, parameters, high_level=departs)
        calls.append(_most_probable("gene", gene, level, probability, parameters))
    return calls


def focal_calls(segments: pl.DataFrame, bins: Bins, parameters: CnvParameters) -> list[Call]:
    """List the altered segments that cover less than ``focal_arm_fraction`` of their arm.

    Parameters
    ----------
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``, ``call``, ``se`` (standard error).
    bins : Bins
    parameters : CnvParameters
    """
    arms = bins.frame.group_by("chrom", "arm").agg(pl.col("start").min(), pl.col("end").max())
    calls = []
    for row in segments.iter_rows(named=True):
        arm_length = arms.filter(
            pl.col("chrom") == row["chrom"],
            pl.col("start") <= row["start"],
            pl.col("end") >= row["end"],
        ).select(pl.col("end") - pl.col("start"))
        if row["call"] == "neutral" or arm_length.is_empty():
            continue
        if row["end"] - row["start"] >= parameters.focal_arm_fraction * arm_length.item():
            continue
        probability = state_probabilities(row["log2"], row["se"], parameters, high_level=True)
        confidence = probability[row["call"]]
        if confidence >= parameters.min_confidence:
            region = f"{row['chrom']}:{row['start']}-{row['end']}"
            calls.append(Call("focal", region, row["log2"], row["call"], confidence))
    return calls


def altered_fraction(segments: pl.DataFrame) -> float:
    """Return the fraction of the segmented autosomal length that is not neutral."""
    length = pl.col("end") - pl.col("start")
    autosomal = segments.filter(pl.col("chrom").is_in(AUTOSOMES))
    altered = autosomal.filter(pl.col("call") != "neutral")
    whole = autosomal.select(length.sum()).item()
    return float(altered.select(length.sum()).item() / whole) if whole else 0.0


def _most_probable(
    kind: str,
    region: str,
    level: float,
    probability: dict[str, float],
    parameters: CnvParameters,
) -> Call:
    state = max(STATES, key=probability.__getitem__)
    confidence = probability[state]
    call = state if confidence >= parameters.min_confidence else NO_CALL
    return Call(kind, region, level, call, confidence)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    middle = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    return float(values[order][middle])
