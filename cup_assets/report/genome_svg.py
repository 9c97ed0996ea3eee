"""A sample's copy-number profile as SVG, for pages in any language.

Belongs here: drawing of bins, segments and altered genes. Does not belong here: the pictures of the
UI (`genome_figures`), the page to zoom in (`interactive_genome`).
"""

from __future__ import annotations

from html import escape

import numpy as np
import polars as pl

from cup_assets.genome import CHROMOSOMES, chromosome_arms, chromosome_lengths
from cup_assets.report.case_sections import Genome
from cup_assets.report.pages import Drawing
from cup_assets.report.style import GAIN, INK, LOSS, MUTED

RANGE = 1.25
"""Absolute log2 ratio at the edge; what lies beyond is drawn on the edge."""
NOTABLE = 0.1
"""Absolute log2 ratio from which a bin is coloured, conumee's display limit."""
_WIDTH, _LEFT, _RIGHT = 1000.0, 60.0, 4.0
_STEP, _STEPS = 14.0, 6
_TOP, _PLOT, _BOTTOM = 8.0, 220.0, 34.0
_GREY = "#a3a3a3"


def genome_svg(genome: Genome, build: str, alt: str, axis: str, point: str = ".") -> Drawing:
    """Draw a profile.

    Parameters
    ----------
    genome : Genome
        Bins and segments; ``genes`` are altered genes with ``region``, ``chrom``, ``start``,
        ``end``, ``log2``, and are named.
    build : str
        ``hg19`` or ``hg38``.
    alt : str
        Text that stands for the drawing.
    axis : str
        Name of the vertical axis.
    point : str
        Decimal point.
    """
    lengths = chromosome_lengths(build)
    present = set(genome.bins["chrom"])
    drawn = [name for name in CHROMOSOMES if name in present]
    offsets = dict(zip(drawn, np.cumsum([0, *(lengths[c] for c in drawn)]).tolist(), strict=False))
    total = sum(lengths[c] for c in drawn)
    scale = (_WIDTH - _LEFT - _RIGHT) / total
    genes = genome.genes.filter(pl.col("chrom").is_in(drawn))
    names, above, below = _names(genes, offsets, scale)
    parts = [
        *_chromosomes(drawn, offsets, lengths, scale, build, _PLOT + _STEP * below),
        *_levels(axis, point),
        *_dots(_along(genome.bins, offsets, scale), genome.bins),
        _lines(genome.segments.filter(pl.col("chrom").is_in(drawn)), offsets, scale),
        *names,
    ]
    # As high as the names of genes above and below the data make it.
    top = _TOP + _STEP * above
    height = top + _PLOT + _STEP * below + _BOTTOM
    return Drawing(
        f'<svg viewBox="0 {-top:g} {_WIDTH:g} {height:g}" role="img" aria-label="{escape(alt)}">'
        f"{''.join(parts)}</svg>"
    )


def beyond_edge(genome: Genome) -> int:
    """Return how many bins lie beyond what is drawn."""
    return int((genome.bins["log2"].abs() > RANGE).sum())


def _y(log2: float) -> float:
    return _PLOT * (0.5 - max(-RANGE, min(RANGE, log2)) / (2 * RANGE))


def _along(frame: pl.DataFrame, offsets: dict[str, int], scale: float) -> np.ndarray:
    kept = frame.select(
        pl.col("chrom").replace_strict(offsets, return_dtype=pl.Float64, default=None)
        + (pl.col("start") + pl.col("end")) / 2
    )
    return _LEFT + kept[:, 0].to_numpy() * scale


def _chromosomes(
    drawn: list[str],
    offsets: dict[str, int],
    lengths: dict[str, int],
    scale: float,
    build: str,
    foot: float,
) -> list[str]:
    arms = chromosome_arms(build).filter(pl.col("arm").str.ends_with("p"))
    centromeres = dict(arms.select("chrom", "end").iter_rows())
    parts = []
    for number, chrom in enumerate(drawn):
        x, width = _LEFT + offsets[chrom] * scale, lengths[chrom] * scale
        if number % 2 == 0:
            parts.append(
                f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{_PLOT:g}" fill="#f3f5f7"/>'
            )
        middle = x + centromeres[chrom] * scale
        parts.append(
            f'<path d="M{middle:.1f} 0v{_PLOT:g}" stroke="#c4c9ce" stroke-dasharray="2 3"/>'
        )
        # The smallest chromosomes sit closer together than their names are wide.
        lower = 12 if chrom in ("18", "20", "22") else 0
        parts.append(
            f'<text x="{x + width / 2:.1f}" y="{foot + 16 + lower:.1f}" text-anchor="middle" '
            f'font-size="12" fill="{INK}">{chrom}</text>'
        )
    return parts


def _levels(axis: str, point: str) -> list[str]:
    parts = []
    for level in (-1.0, -0.5, 0.0, 0.5, 1.0):
        y = _y(level)
        stroke = f'stroke="{MUTED}"' if level == 0 else 'stroke="#dfe3e6"'
        said = f"{level:g}".replace("-", "−").replace(".", point)
        parts.append(
            f'<path d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}" {stroke}/>'
            f'<text x="{_LEFT - 5:g}" y="{y + 4:.1f}" text-anchor="end" font-size="12" '
            f'fill="{INK}">{said}</text>'
        )
    middle = _PLOT / 2
    parts.append(
        f'<text transform="translate(11 {middle:g}) rotate(-90)" text-anchor="middle" '
        f'font-size="12" fill="{INK}">{escape(axis)}</text>'
    )
    return parts


def _dots(x: np.ndarray, bins: pl.DataFrame) -> list[str]:
    """Return the bins as points of no length with round ends, one path a colour."""
    log2 = bins["log2"].to_numpy()
    colours = np.where(log2 >= NOTABLE, GAIN, np.where(log2 <= -NOTABLE, LOSS, _GREY))
    size = 3.4 if len(log2) < 3000 else 2.0
    parts = []
    for colour in (_GREY, LOSS, GAIN):
        path = "".join(
            f"M{x[i]:.1f} {_y(float(log2[i])):.1f}h0" for i in np.flatnonzero(colours == colour)
        )
        if path:
            parts.append(
                f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{size:g}" '
                'stroke-linecap="round" stroke-opacity=".75"/>'
            )
    return parts


def _lines(segments: pl.DataFrame, offsets: dict[str, int], scale: float) -> str:
    path = "".join(
        f"M{_LEFT + (offsets[chrom] + start) * scale:.1f} {_y(log2):.1f}"
        f"H{_LEFT + (offsets[chrom] + end) * scale:.1f}"
        for chrom, start, end, log2 in segments.select("chrom", "start", "end", "log2").iter_rows()
    )
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="2.2"/>' if path else ""


def _names(
    genes: pl.DataFrame, offsets: dict[str, int], scale: float
) -> tuple[list[str], int, int]:
    """Name altered genes above (gained) or below (lost) the data; return how many lines it took."""
    parts = []
    placed = genes.with_columns(x=pl.Series(_along(genes, offsets, scale), dtype=pl.Float64))
    ends: dict[int, list[float]] = {1: [], -1: []}
    for region, x, log2 in placed.sort("x", "region").select("region", "x", "log2").iter_rows():
        side = 1 if log2 > 0 else -1
        wide = 7.6 * len(region) + 8
        at = min(max(x, _LEFT + wide / 2), _WIDTH - _RIGHT - wide / 2)
        # Neighbouring genes climb a small staircase instead of overprinting each other.
        step = next(
            (step for step, end in enumerate(ends[side]) if end <= at - wide / 2), len(ends[side])
        )
        if step >= _STEPS:
            continue  # the table beside the drawing names them all
        ends[side][step : step + 1] = [at + wide / 2]
        y = -6 - _STEP * step if side > 0 else _PLOT + 14 + _STEP * step
        tip, near = _y(log2), (y + 3 if side > 0 else y - 11)
        colour = GAIN if side > 0 else "#a33f00"
        parts.append(
            f'<path d="M{x:.1f} {tip:.1f}V{near:.1f}" stroke="{MUTED}" stroke-width=".7"/>'
            f'<text x="{at:.1f}" y="{y:.1f}" text-anchor="middle" font-size="12" '
            f'font-weight="700" fill="{colour}" stroke="#fff" stroke-width="3" '
            f'paint-order="stroke">{escape(region)}</text>'
        )
    return parts, len(ends[1]), len(ends[-1])
