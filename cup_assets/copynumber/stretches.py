"""What segments mean: their states, the focal events among them, and how much is altered.

Belongs here: stretches of neighbouring segments, against the arms that they lie in. Does not belong
here: the probability of a state (`states`), arms and genes (`calls`), segmentation.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import polars as pl

from cup_assets.copynumber.calls import Call, Caller, Level, departs, plausibility
from cup_assets.copynumber.states import NO_CALL, STATES
from cup_assets.genome import AUTOSOMES, chromosome_arms


class Stretch(NamedTuple):
    """Neighbouring segments taken as one: place, mean, and standard error of noise alone."""

    chrom: str
    start: int
    end: int
    log2: float
    se: float

    @property
    def length(self) -> int:
        """Base pairs."""
        return self.end - self.start


_STRETCH = list(Stretch._fields)


def call_segments(segments: pl.DataFrame, arms: list[Call], caller: Caller) -> pl.DataFrame:
    """Add the most probable state of each segment, as column ``call``.

    Not the bounds of a level alone: a short noisy chromosome is one segment however uncertain its
    mean. High-level states are for segments that depart from their arm, as for genes.

    Parameters
    ----------
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``, ``se``.
    arms : list of Call
        Result of `arm_calls`.
    caller : Caller
    """
    places = _ArmPlaces(caller.bins.build, arms)
    states = []
    for row in segments.select(_STRETCH).iter_rows():
        segment = Stretch(*row)
        level = Level(segment.log2, caller.error(segment.se, segment.length))
        of_arm = places.around(segment).log2
        high = plausibility(segment.log2, of_arm, caller.parameters)
        probability = caller.probabilities(level, segment.chrom, high_level=high)
        states.append(max(STATES, key=probability.__getitem__))
    return segments.with_columns(call=pl.Series(states, dtype=pl.String))


def focal_calls(segments: pl.DataFrame, arms: list[Call], caller: Caller) -> list[Call]:
    """List the altered stretches that are no arm events.

    Neighbouring segments of one direction that differ by less than ``focal_excess`` are one
    stretch. It is focal if it covers less than ``focal_arm_fraction`` of its arm, and is no piece
    of a longer run or of an arm altered in its direction; or if it stands out of both its arm and
    its neighbours.

    Parameters
    ----------
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``, ``call``, ``se`` (standard error), in genome order.
    arms : list of Call
        Result of `arm_calls`.
    caller : Caller
    """
    parameters = caller.parameters
    places = _ArmPlaces(caller.bins.build, arms)
    calls = []
    for run in _runs(segments):
        parts = _stretches(run, parameters.focal_excess)
        for part, stands_out in zip(parts, _peaks(parts), strict=True):
            arm = places.around(part)
            limit = parameters.focal_arm_fraction * arm.length
            alone = parts[-1].end - parts[0].start < limit and arm.direction != _sign(part.log2)
            beyond = stands_out and departs(part.log2, arm.log2, parameters)
            if part.length >= limit or not (alone or beyond):
                continue
            level = Level(part.log2, caller.error(part.se, part.length))
            region = f"{part.chrom}:{part.start}-{part.end}"
            high = plausibility(part.log2, arm.log2, parameters)
            call = caller.call("focal", region, level, part.chrom, high_level=high)
            if call.call not in ("neutral", NO_CALL):
                calls.append(call)
    return calls


def altered_fraction(segments: pl.DataFrame) -> float:
    """Return the fraction of the segmented autosomal length that is not neutral."""
    length = pl.col("end") - pl.col("start")
    autosomal = segments.filter(pl.col("chrom").is_in(AUTOSOMES))
    altered = autosomal.filter(pl.col("call") != "neutral")
    whole = autosomal.select(length.sum()).item()
    return float(altered.select(length.sum()).item() / whole) if whole else 0.0


class _Arm(NamedTuple):
    """An arm: place, level (0 where it has none), and direction of its call (1, 0, -1)."""

    start: int
    end: int
    log2: float
    direction: int

    @property
    def length(self) -> int:
        return self.end - self.start


class _ArmPlaces:
    """Which arm a stretch lies in."""

    def __init__(self, build: str, arms: list[Call]) -> None:
        of_arm = {call.region: call for call in arms}
        self._arms: dict[str, list[_Arm]] = {}
        for chrom, arm, start, end in chromosome_arms(build).iter_rows():
            call = of_arm[arm]
            direction = {"gain": 1, "loss": -1}.get(call.call, 0)
            self._arms.setdefault(chrom, []).append(_Arm(start, end, call.log2 or 0.0, direction))

    def around(self, part: Stretch) -> _Arm:
        """Return the arm that holds the middle of a stretch."""
        middle = (part.start + part.end) // 2
        arms = self._arms[part.chrom]
        return next((arm for arm in arms if middle < arm.end), arms[-1])


def _sign(level: float) -> int:
    return 1 if level > 0 else -1


def _peaks(parts: list[Stretch]) -> list[bool]:
    """Tell which stretches of a run are further from 0 than both neighbours."""
    height = [0.0, *(abs(part.log2) for part in parts), 0.0]
    return [
        before < here > after
        for before, here, after in zip(height, height[1:], height[2:], strict=False)
    ]


def _runs(segments: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the longest stretches of neighbouring segments altered in one direction."""
    up = pl.col("call").is_in(["gain", "amplification"]).cast(pl.Int8)
    down = pl.col("call").is_in(["loss", "deletion"]).cast(pl.Int8)
    runs = segments.with_columns(direction=up - down).with_columns(
        run=pl.struct("chrom", "direction").rle_id()
    )
    altered = runs.filter(pl.col("direction") != 0)
    return altered.partition_by("run", maintain_order=True)


def _stretches(run: pl.DataFrame, step: float) -> list[Stretch]:
    """Join the segments of a run, except where their level changes by ``step``."""
    level = run["log2"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.abs(np.diff(level)) >= step) + 1).tolist(), level.size]
    return [_joined(run[first:last]) for first, last in itertools.pairwise(cuts)]


def _joined(part: pl.DataFrame) -> Stretch:
    weight = 1 / part["se"].to_numpy() ** 2
    mean = float(weight @ part["log2"].to_numpy() / weight.sum())
    error = float(1 / math.sqrt(weight.sum()))
    return Stretch(part["chrom"][0], part["start"][0], part["end"][-1], mean, error)
