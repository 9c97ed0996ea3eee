"""How a copy-number profile compares with the simulated truth.

Belongs here: counts per sample, and rates over samples. Does not belong here: simulation, tables.

Autosomes only: the sex chromosomes of the simulated tumours have no events. Everything is strict:
no call where there is an event is a miss, and a call is right only with the right direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from cnv_tumours import Tumour, truth_log2
from numpy.typing import NDArray

from cup_assets.copynumber import Bins, CnvProfile
from cup_assets.genome import AUTOSOMES

Index = NDArray[np.int64]

NEAR_BINS = 10  # a breakpoint is found if one is called within so many bins
_HIGH = ("amplification", "deletion")
_UP = ("gain", "amplification")
_DOWN = ("loss", "deletion")
_LARGE_BP, _LARGE_PROBES = 1_000_000, 30


@dataclass
class Score:
    """Counts of one sample; (right, of all) where there are two."""

    arms_altered: tuple[int, int] = (0, 0)
    arms_neutral: tuple[int, int] = (0, 0)
    arms_no_call: int = 0
    large_amplified: tuple[int, int] = (0, 0)
    large_deleted: tuple[int, int] = (0, 0)
    small: tuple[int, int] = (0, 0)
    seen: tuple[int, int] = (0, 0)
    parts: tuple[int, int] = (0, 0)
    genes: tuple[int, int] = (0, 0)
    false_genes: int = 0
    false_focal: int = 0
    false_high: int = 0
    breaks: tuple[int, int] = (0, 0)
    called_breaks: tuple[int, int] = (0, 0)
    errors_bp: list[int] = field(default_factory=list)
    errors_bins: list[int] = field(default_factory=list)


def score_tumour(profile: CnvProfile, tumour: Tumour, purity: float, bins: Bins) -> Score:
    """Compare a profile with its tumour."""
    truth = _Truth(tumour, purity, bins)
    calls = profile.calls
    score = Score()
    _score_arms(score, dict(calls.filter(kind="arm")["region", "call"].iter_rows()), truth)
    focal = _regions(calls.filter(kind="focal"))
    _score_focal(score, focal, truth)
    _score_genes(score, dict(calls.filter(kind="gene")["region", "call"].iter_rows()), truth)
    segments = profile.segments.filter(pl.col("chrom").is_in(AUTOSOMES))
    score_breaks(score, called_breaks(segments, bins), truth.breaks)
    return score


def called_breaks(segments: pl.DataFrame, bins: Bins) -> Index:
    """Return the row of the first bin after each boundary between segments of a chromosome."""
    inner = segments.filter(pl.col("chrom") == pl.col("chrom").shift(1)).select("chrom", "start")
    rows = bins.frame.select("chrom", "start").with_row_index("row")
    return inner.join(rows, on=["chrom", "start"], how="left")["row"].cast(pl.Int64).to_numpy()


def score_breaks(score: Score, called: Index, truth: tuple[Index, Index, Index]) -> None:
    """Match called boundaries with true ones of the same chromosome."""
    rows, places, starts = truth
    near = np.abs(called[:, None] - rows[None, :]) <= NEAR_BINS
    same = starts[0][called][:, None] == starts[0][rows][None, :]
    near &= same
    found = near.any(axis=0)
    score.breaks = (int(found.sum()), rows.size)
    score.called_breaks = (int(near.any(axis=1).sum()), called.size)
    for i in np.flatnonzero(found):
        candidates = called[near[:, i]]
        best = candidates[np.abs(candidates - rows[i]).argmin()]
        score.errors_bins.append(int(abs(best - rows[i])))
        score.errors_bp.append(int(abs(starts[1][best] - places[i])))


class _Truth:
    """A tumour's events, seen from an array's bins."""

    def __init__(self, tumour: Tumour, purity: float, bins: Bins) -> None:
        self.tumour = tumour
        self.events = tumour.events.with_columns(
            log2=pl.Series([truth_log2(tumour, c, purity) for c in tumour.events["copies"]])
        )
        self.bins = bins
        self.measured = set(bins.frame["arm"].unique())
        self.breaks = true_breaks(tumour, bins)

    def n_probes(self, chrom: str, start: int, end: int) -> int:
        middle = (pl.col("start") + pl.col("end")) // 2
        here = self.bins.frame.filter(pl.col("chrom") == chrom, middle.is_between(start, end))
        return int(here["n_probes"].sum())

    def share(self, chrom: str, start: int, end: int, kinds: tuple[str, ...], sign: int) -> float:
        """Return the part of a stretch that events of these kinds and direction cover."""
        cover = 0
        for event in self.events.filter(pl.col("kind").is_in(kinds), chrom=chrom).iter_rows(
            named=True
        ):
            if np.sign(event["log2"]) == sign:
                cover += max(0, min(end, event["end"]) - max(start, event["start"]))
        return cover / (end - start)


def true_breaks(tumour: Tumour, bins: Bins) -> tuple[Index, Index, tuple[Index, Index]]:
    """Return bin rows and places of the true breakpoints, and chromosome and start of every bin."""
    frame = bins.frame
    chrom = frame["chrom"].to_numpy()
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    rows, places = [], []
    for before, after in zip(tumour.segments, tumour.segments[1:], strict=False):
        if before.chrom != after.chrom or before.copies == after.copies:
            continue
        of_chrom = np.flatnonzero(chrom == after.chrom)
        if after.chrom not in AUTOSOMES or not of_chrom.size:
            continue
        middle = (start[of_chrom] + end[of_chrom]) // 2
        at = int(np.searchsorted(middle, after.start))
        if 2 <= at <= of_chrom.size - 2:
            rows.append(int(of_chrom[at]))
            # Where no probe lies, as over a centromere, no place within is wrong.
            places.append(int(np.clip(after.start, end[of_chrom[at - 1]], start[of_chrom[at]])
                              if end[of_chrom[at - 1]] < start[of_chrom[at]]
                              else after.start))  # fmt: skip
    codes = np.unique(chrom, return_inverse=True)[1]
    return np.array(rows, np.int64), np.array(places, np.int64), (codes, start)


def _score_arms(score: Score, calls: dict[str, str], truth: _Truth) -> None:
    whole = truth.events.filter(kind="arm")
    partly = set(truth.events.filter(kind="part")["arm"])
    sign = dict(zip(whole["arm"], np.sign(whole["log2"].to_numpy()), strict=True))
    found = altered = right = neutral = 0
    for arm, call in calls.items():
        if arm[:-1] not in AUTOSOMES or arm not in truth.measured or arm in partly:
            continue
        score.arms_no_call += call == "no_call"
        if arm in sign:
            altered += 1
            found += call == ("gain" if sign[arm] > 0 else "loss")
        else:
            neutral += 1
            right += call not in ("gain", "loss")
    score.arms_altered, score.arms_neutral = (found, altered), (right, neutral)


def _regions(focal: pl.DataFrame) -> list[tuple[str, int, int, str]]:
    rows = []
    for region, call in focal["region", "call"].iter_rows():
        chrom, _, span = region.partition(":")
        start, _, end = span.partition("-")
        if chrom in AUTOSOMES:
            rows.append((chrom, int(start), int(end), call))
    return rows


def _score_focal(score: Score, focal: list[tuple[str, int, int, str]], truth: _Truth) -> None:
    def covered(event: dict[str, object], states: tuple[str, ...]) -> bool:
        chrom, low, high = event["chrom"], int(event["start"]), int(event["end"])  # type: ignore[call-overload]
        cover = sum(
            max(0, min(high, end) - max(low, start))
            for c, start, end, call in focal
            if c == chrom and call in states
        )
        return bool(cover >= (high - low) / 2)

    for event in truth.events.filter(pl.col("kind").is_in((*_HIGH, "part"))).iter_rows(named=True):
        kind, up = event["kind"], event["log2"] > 0
        seen = covered(event, _UP if up else _DOWN)
        if kind == "part":
            score.parts = _add(score.parts, seen)
            continue
        n = truth.n_probes(event["chrom"], event["start"], event["end"])
        found = covered(event, (kind,))
        if event["end"] - event["start"] >= _LARGE_BP and n >= _LARGE_PROBES:
            name = "large_amplified" if up else "large_deleted"
            setattr(score, name, _add(getattr(score, name), found))
            score.seen = _add(score.seen, seen)
        else:
            score.small = _add(score.small, found)
    for chrom, start, end, call in focal:
        sign = 1 if call in _UP else -1
        # Bins are wider than the smallest events: a call is right from a third of it on.
        high = truth.share(chrom, start, end, _HIGH, sign) >= 1 / 3
        part = truth.share(chrom, start, end, ("part", *_HIGH), sign) >= 1 / 3
        score.false_focal += not (high or (part and call not in _HIGH))
        score.false_high += call in _HIGH and not high


def _score_genes(score: Score, calls: dict[str, str], truth: _Truth) -> None:
    high = truth.events.filter(pl.col("kind").is_in(_HIGH))
    for gene, call in calls.items():
        place = truth.bins.genes.get(gene)
        if place is None:
            continue
        here = high.filter(
            pl.col("chrom") == place.chrom,
            pl.col("start") <= place.centre,
            pl.col("end") >= place.centre,
        )
        if here.height:
            score.genes = _add(score.genes, call == here["kind"][0])
        elif call in _HIGH:
            score.false_genes += 1


def _add(pair: tuple[int, int], hit: bool) -> tuple[int, int]:
    return pair[0] + int(hit), pair[1] + 1
