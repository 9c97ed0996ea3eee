"""Drawings on a case's page, as SVG: sharp at any size and in print, a few kilobytes each.

Belongs here: the map of the reference samples with the case. Does not belong here: the genome
(`genome_svg`), choosing what is drawn (`case_page`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from cup_assets.report.case_sections import ReferenceMap
from cup_assets.report.pages import Drawing
from cup_assets.report.style import GRID, INK

WIDTH, HEIGHT = 640.0, 420.0
_MARGIN = 16.0
_PALE = "#bdbdbd"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7a5c00")


@dataclass(frozen=True)
class Entry:
    """A line of a map's legend."""

    name: str
    n: int
    symbol: Drawing


def map_svg(
    reference: ReferenceMap, named: Sequence[str], alt: str, case: str
) -> tuple[Drawing, list[Entry], int]:
    """Draw the map.

    Parameters
    ----------
    reference : ReferenceMap
    named : sequence of str
        Classes that are coloured, the most important first; the first five count.
    alt : str
        Text that stands for the drawing.
    case : str
        Label of the case.

    Returns
    -------
    svg, legend, n_others
        The drawing, its coloured classes, and how many points of others there are.
    """
    points = reference.points
    x, y = _scaled(
        np.append(points["x"].to_numpy(), reference.case[0]),
        np.append(points["y"].to_numpy(), reference.case[1]),
    )
    classes = points["class"].to_list()
    shown = [name for name in dict.fromkeys(named) if name in classes][: len(_COLOURS)]
    parts = []
    legend: list[Entry] = []
    pale = [i for i, name in enumerate(classes) if name not in shown]
    if pale:
        parts.append(_marks(0, [(x[i], y[i]) for i in pale], _PALE, 2.6))
    for number, name in reversed(list(enumerate(shown))):
        at = [(x[i], y[i]) for i, other in enumerate(classes) if other == name]
        parts.append(_marks(number, at, _COLOURS[number], 4.4))
        legend.insert(0, Entry(name, len(at), _symbol(number, _COLOURS[number])))
    parts.append(_case(float(x[-1]), float(y[-1]), case))
    svg = (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(alt)}">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1:g}" height="{HEIGHT - 1:g}" rx="6" '
        f'fill="#fff" stroke="{GRID}"/>{"".join(parts)}</svg>'
    )
    return Drawing(svg), legend, len(pale)


def case_symbol() -> Drawing:
    """Return the mark of the case, for the legend."""
    return Drawing(
        f'<svg viewBox="-11 -11 22 22" class="symbol" aria-hidden="true">{_ring(0, 0)}</svg>'
    )


def _scaled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the points into the drawing, one scale for both axes."""
    span = max(float(np.ptp(x)) / (WIDTH - 2 * _MARGIN), float(np.ptp(y)) / (HEIGHT - 2 * _MARGIN))
    scale = 1 / span if span > 0 else 1.0
    across = WIDTH / 2 + (x - (x.min() + x.max()) / 2) * scale
    # Values grow upwards, pixels downwards.
    down = HEIGHT / 2 - (y - (y.min() + y.max()) / 2) * scale
    return across, down


def _marks(shape: int, at: Sequence[tuple[float, float]], colour: str, size: float) -> str:
    """Return all points of one class as one path, a shape a class."""
    path = "".join(_shape(shape, x, y, size) for x, y in at)
    return f'<path d="{path}" fill="{colour}" fill-opacity=".85" stroke="#fff" stroke-width=".6"/>'


def _shape(shape: int, x: float, y: float, r: float) -> str:
    if shape == 1:
        return f"M{x - r:.1f} {y - r:.1f}h{2 * r:.1f}v{2 * r:.1f}h{-2 * r:.1f}z"
    if shape == 2:
        return f"M{x:.1f} {y - 1.2 * r:.1f}l{1.2 * r:.1f} {2 * r:.1f}h{-2.4 * r:.1f}z"
    if shape == 3:
        a = 1.3 * r
        return f"M{x:.1f} {y - a:.1f}l{a:.1f} {a:.1f}l{-a:.1f} {a:.1f}l{-a:.1f} {-a:.1f}z"
    if shape == 4:
        return f"M{x:.1f} {y + 1.2 * r:.1f}l{1.2 * r:.1f} {-2 * r:.1f}h{-2.4 * r:.1f}z"
    half = f"a{r:.1f} {r:.1f} 0 1 0"
    return f"M{x - r:.1f} {y:.1f}{half} {2 * r:.1f} 0{half} {-2 * r:.1f} 0z"


def _symbol(shape: int, colour: str) -> Drawing:
    return Drawing(
        '<svg viewBox="-8 -8 16 16" class="symbol" aria-hidden="true">'
        f'<path d="{_shape(shape, 0, 0, 5)}" fill="{colour}"/></svg>'
    )


def _ring(x: float, y: float) -> str:
    cross = f"M{x - 9:.1f} {y:.1f}h18M{x:.1f} {y - 9:.1f}v18"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="#fff" stroke-width="5"/>'
        f'<path d="{cross}" stroke="#fff" stroke-width="4.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="{INK}" stroke-width="2"/>'
        f'<path d="{cross}" stroke="{INK}" stroke-width="1.6"/>'
    )


def _case(x: float, y: float, label: str) -> str:
    right = x < WIDTH * 0.75
    at, anchor = (x + 14, "start") if right else (x - 14, "end")
    return (
        f'{_ring(x, y)}<text x="{at:.1f}" y="{y - 8:.1f}" text-anchor="{anchor}" font-size="15" '
        f'font-weight="700" fill="{INK}" stroke="#fff" stroke-width="4" paint-order="stroke">'
        f"{escape(label)}</text>"
    )
