"""Tumours of known copy number: events of a single copy and of many, on any ploidy.

Belongs here: which events a simulated tumour has, and the level that they show. Does not belong
here: how it is measured (`cnv_truth`), how calls are counted (`cnv_measures`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.genome import AUTOSOMES, chromosome_arms, chromosome_lengths
from cup_assets.simulate.copy_number import Segment
from cup_assets.simulate.genes import GENES
from cup_assets.simulate.hashing import generator

RESPONSE = 0.75  # of the DNA's log2 ratio
TRUTH_SCHEMA = {
    "kind": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "arm": pl.String,
    "copies": pl.Int64,
    "gene": pl.String,
}
Row = tuple[str, str, int, int, str, int, str | None]
_DARK = ("13p", "14p", "15p", "21p", "22p")
_PLOIDIES, _PLOIDY_SHARES = (2, 3, 4), (0.6, 0.2, 0.2)
_N_ARMS, _N_PARTS, _N_FOCAL = 6, 3, 8
_APART = 4_000_000  # between a focal event and any other breakpoint


@dataclass(frozen=True)
class Tumour:
    """A tumour's copies.

    Attributes
    ----------
    ploidy : int
        Copies of an autosome without an event.
    events : pl.DataFrame
        `TRUTH_SCHEMA`; ``kind`` arm, part, amplification or deletion. Half-open base pairs.
    segments : tuple of Segment
        Of all chromosomes.
    """

    ploidy: int
    events: pl.DataFrame
    segments: tuple[Segment, ...]


def truth_log2(tumour: Tumour, copies: int, purity: float) -> float:
    """Return the log2 ratio to the tumour's own baseline that the array shows."""
    change = (purity * copies + 2 * (1 - purity)) / (purity * tumour.ploidy + 2 * (1 - purity))
    return float(RESPONSE * np.log2(max(change, 0.02)))


def draw_tumour(seed: int, number: int, sex: str, probes: pl.DataFrame, build: str) -> Tumour:
    """Draw a tumour: arms, parts of other arms, and focal events away from their bounds."""
    rng = generator(seed, "benchmark tumour", number)
    ploidy = int(rng.choice(_PLOIDIES, p=_PLOIDY_SHARES))
    arms = chromosome_arms(build).filter(
        pl.col("chrom").is_in(AUTOSOMES), ~pl.col("arm").is_in(_DARK)
    )
    rows: list[Row] = []
    chosen = rng.permutation(arms.height)[: _N_ARMS + _N_PARTS]
    for i, row in enumerate(chosen.tolist()):
        chrom, arm, start, end = arms.row(row)
        copies = ploidy + int(rng.choice([-1, 1]))
        if i >= _N_ARMS:
            length = int((end - start) * rng.uniform(0.2, 0.45))
            first = start + int(rng.integers(0, end - start - length))
            start, end = first, first + length
        rows.append(("arm" if i < _N_ARMS else "part", chrom, start, end, arm, copies, None))
    rows += _focal_events(rng, ploidy, rows, arms, probes, build)
    events = pl.DataFrame(rows, schema=TRUTH_SCHEMA, orient="row")
    return Tumour(ploidy, events, _segments(rows, ploidy, sex, build))


def _focal_events(
    rng: np.random.Generator,
    ploidy: int,
    others: list[Row],
    arms: pl.DataFrame,
    probes: pl.DataFrame,
    build: str,
) -> list[Row]:
    """Draw amplifications and homozygous deletions, two of them at genes, .3 to 8 Mb long."""
    positions = {
        str(c): np.sort(g["pos"].to_numpy())
        for (c,), g in probes.drop_nulls("pos").group_by("chrom")
    }
    taken = [(chrom, edge, edge) for _, chrom, *edges, _, _, _ in others for edge in edges]
    rows: list[Row] = []
    while len(rows) < _N_FOCAL:
        length = int(np.exp(rng.uniform(np.log(300_000), np.log(8_000_000))))
        gene = GENES[int(rng.integers(len(GENES)))] if len(rows) < 2 else None
        if gene:
            chrom, middle = gene.chrom, sum(gene.span(build)) // 2
        else:
            chrom = str(rng.choice(AUTOSOMES, p=_shares(positions)))
            middle = int(rng.choice(positions[chrom]))
        start, end = middle - length // 2, middle + length // 2
        arm = arms.filter(pl.col("chrom") == chrom, pl.col("start") <= start, pl.col("end") >= end)
        near = any(c == chrom and lo - _APART < end and start < hi + _APART for c, lo, hi in taken)
        held = np.searchsorted(positions[chrom], [start, end])
        if arm.is_empty() or near or held[1] - held[0] < 10:
            continue
        taken.append((chrom, start, end))
        gained = len(rows) % 2 == 0
        copies = ploidy * 4 + int(rng.integers(0, 8)) if gained else 0
        kind = "amplification" if gained else "deletion"
        name = gene.name if gene else None
        rows.append((kind, chrom, start, end, arm["arm"].item(), copies, name))
    return rows


def _shares(positions: dict[str, NDArray[np.int64]]) -> NDArray[np.float64]:
    sizes = np.array([positions[c].size for c in AUTOSOMES], np.float64)
    return sizes / sizes.sum()


def _segments(rows: list[Row], ploidy: int, sex: str, build: str) -> tuple[Segment, ...]:
    """Lay events over the chromosomes; focal events, the last of the rows, on top."""
    segments = []
    for chrom, length in chromosome_lengths(build).items():
        usual = {"X": {"F": 2, "M": 1}, "Y": {"F": 0, "M": 1}}.get(chrom, {sex: 2})[sex]
        here = [row for row in rows if row[1] == chrom]
        edges = sorted({0, length, *(edge for row in here for edge in row[2:4])})
        for start, end in itertools.pairwise(edges):
            over = [row for row in here if row[2] <= start and row[3] >= end]
            copies = over[-1][5] if over else usual * ploidy // 2
            segments.append(Segment(chrom, start, end, copies, usual, "neutral", None))
    return tuple(s for s in segments if s.normal_copies)
