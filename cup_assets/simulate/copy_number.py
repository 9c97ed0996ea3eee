"""Copy number of one person's tumour: events drawn from its class, as segments and per probe.

Belongs here: segments and copies. Does not belong here: the events' frequencies (`classes`), their
effect on intensities (`signal`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from cup_assets.genome import CHROMOSOMES, chromosome_arms, chromosome_lengths
from cup_assets.simulate.classes import CLASSES, NORMAL, Event
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.genes import BY_NAME
from cup_assets.simulate.hashing import generator
from cup_assets.simulate.loci import DARK_ARMS

# Half-width of a focal event around its gene, in base pairs: lowest and highest.
_FOCAL_REACH = (300_000, 1_500_000)
# A tumour also carries this many arm events that are not typical of its class, on average.
_SPORADIC_ARMS = 0.6
# Not on the sex chromosomes, nor where no array has probes.
_NO_SPORADIC = (*DARK_ARMS, "Xp", "Xq", "Yp", "Yq")


@dataclass(frozen=True)
class Segment:
    """A stretch of one chromosome with one copy number in the tumour cells."""

    chrom: str
    start: int
    end: int
    copies: int
    normal_copies: int
    kind: str
    region: str | None


def normal_copies(chrom: str, sex: str, design: CohortDesign) -> int:
    """Return the copies of a chromosome in a normal cell (2 for all without a sex effect)."""
    if design.sex_effect == 0 or chrom not in ("X", "Y"):
        return 2
    return {"X": {"F": 2, "M": 1}, "Y": {"F": 0, "M": 1}}[chrom][sex]


def tumour_segments(
    design: CohortDesign, person: int, diagnosis: str, sex: str, build: str
) -> tuple[Segment, ...]:
    """Return the segments of a person's tumour, covering every chromosome.

    Parameters
    ----------
    design : CohortDesign
        With ``copy_number=0`` no event is drawn.
    person : int
        The person's number: their samples share the events.
    diagnosis : str
        The true class; ``normal`` has no events.
    sex : str
        "F" or "M".
    build : str
        ``hg19`` or ``hg38``.

    Returns
    -------
    tuple of Segment
        Ordered by chromosome and start; half-open, base pairs. Y is left out in females.
    """
    arms, lengths = _genome(build)
    events = _draw_events(design, person, diagnosis, tuple(arms))
    segments = []
    for chrom in CHROMOSOMES:
        usual = normal_copies(chrom, sex, design)
        if usual:
            segments.append(Segment(chrom, 0, lengths[chrom], usual, usual, "neutral", None))
    rng = generator(design.seed, "focal reach", person)
    # Arms first, so that a focal event lies on top of its arm's.
    for event in sorted(events, key=lambda event: event.region in BY_NAME):
        if event.region in BY_NAME:
            gene = BY_NAME[event.region]
            start, end = gene.span(build)
            reach = rng.integers(*_FOCAL_REACH, size=2)
            place = (gene.chrom, max(0, start - int(reach[0])), end + int(reach[1]))
            segments = _overlay(segments, *place, event, "focal")
        else:
            segments = _overlay(segments, *arms[event.region], event, "arm")
    return tuple(segments)


def copies_at(segments: tuple[Segment, ...], probes: pl.DataFrame) -> npt.NDArray[np.float32]:
    """Return the tumour's copies at every probe (2 where the place is unknown, 0 without Y)."""
    copies = np.full(len(probes), 2.0, dtype=np.float32)
    chrom = probes["chrom"].fill_null("").to_numpy()
    position = probes["pos"].fill_null(-1).to_numpy()
    for name in CHROMOSOMES:
        here = np.flatnonzero(chrom == name)
        of_chrom = [segment for segment in segments if segment.chrom == name]
        if not of_chrom:
            copies[here] = 0.0
            continue
        starts = np.array([segment.start for segment in of_chrom])
        values = np.array([segment.copies for segment in of_chrom], dtype=np.float32)
        copies[here] = values[np.searchsorted(starts, position[here], side="right") - 1]
    return copies


def _draw_events(
    design: CohortDesign, person: int, diagnosis: str, arms: tuple[str, ...]
) -> list[Event]:
    if design.copy_number == 0 or diagnosis == NORMAL:
        return []
    rng = generator(design.seed, "copy-number events", person)
    events = [e for e in CLASSES[diagnosis].events if rng.random() < e.frequency]
    taken = {event.region for event in events}
    candidates = [arm for arm in arms if arm not in _NO_SPORADIC and arm not in taken]
    # Few sporadic events in the quiet tumours that have hardly any of their own.
    rate = _SPORADIC_ARMS if len(CLASSES[diagnosis].events) > 2 else _SPORADIC_ARMS / 4
    for arm in rng.choice(candidates, size=min(rng.poisson(rate), 4), replace=False):
        events.append(Event(str(arm), 2 + int(rng.choice([-1, 1])), 0.0))
    return events


def _overlay(
    segments: list[Segment], chrom: str, start: int, end: int, event: Event, kind: str
) -> list[Segment]:
    """Cut the event out of the segments it covers and put it in their place."""
    result = []
    for old in segments:
        low, high = max(old.start, start), min(old.end, end)
        if old.chrom != chrom or low >= high:
            result.append(old)
            continue
        copies = max(0, old.normal_copies + event.copies - 2)
        middle = Segment(chrom, low, high, copies, old.normal_copies, kind, event.region)
        before = Segment(chrom, old.start, low, *_state(old))
        after = Segment(chrom, high, old.end, *_state(old))
        result += [part for part in (before, middle, after) if part.end > part.start]
    return result


def _state(segment: Segment) -> tuple[int, int, str, str | None]:
    return segment.copies, segment.normal_copies, segment.kind, segment.region


@cache
def _genome(build: str) -> tuple[dict[str, tuple[str, int, int]], dict[str, int]]:
    """Return the span of every arm and the length of every chromosome."""
    rows = chromosome_arms(build).iter_rows()
    arms = {arm: (chrom, start, end) for chrom, arm, start, end in rows}
    return arms, chromosome_lengths(build)
