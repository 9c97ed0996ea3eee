"""The heat map of the most variable CpGs, with the tree of the samples and what is known of them.

Belongs here: drawing. Does not belong here: which CpGs, the tree, the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.report.style import (
    GRID,
    INK,
    MUTED,
    ReportError,
    class_palette,
    count,
    entitle,
    message_figure,
    new_figure,
    picture,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS = ("class", "family", "material", "batch", "site", "array", "sex")
"""Columns of the labels that get an annotation bar, where they have two values or more."""
_BAR = 0.17  # inches
# Share of the legend's height that the colour scale takes.
_SCALE = 0.12


@picture
def beta_heatmap(
    betas: NDArray[np.float32],
    tree: NDArray[np.float64],
    sample_ids: Sequence[str],
    labels: pl.DataFrame,
    *,
    title: str = "The most variable CpGs, samples by likeness",
) -> Figure:
    """Draw betas as colours, samples in the order of their tree, with bars of what they are.

    Parameters
    ----------
    betas : float32[q, n]
        A row a CpG, in the order to be drawn; NaN is missing, and drawn grey.
    tree : float64[n - 1, 4]
        Merges of the samples, as `scipy.cluster.hierarchy.linkage`.
    sample_ids : n str
    labels : pl.DataFrame
        ``sample_id`` and any of `BARS`.

    Returns
    -------
    bytes
        PNG, 900 px wide.

    Raises
    ------
    ReportError
        Where betas, tree and names do not fit.
    """
    if not betas.shape[1] == len(sample_ids) == len(tree) + 1:
        raise ReportError(
            f"beta_heatmap: {betas.shape[1]} samples, {len(sample_ids)} names, {len(tree)} merges"
        )
    if not betas.size:
        return message_figure(title, "No CpG varies between the samples.")
    from matplotlib import colormaps
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(tree, no_plot=True)
    order = np.array(drawn["leaves"])
    known = pl.DataFrame({"sample_id": list(sample_ids)}).join(
        labels.unique("sample_id"), on="sample_id", how="left", maintain_order="left"
    )[order.tolist()]
    bars = [name for name in BARS if name in known.columns and known[name].n_unique() > 1]
    legend_lines = sum(known[name].n_unique() + 1.5 for name in bars)
    height = max(6.2 + _BAR * len(bars), 1.4 + 0.145 * legend_lines)
    figure = new_figure(height)
    heights = [0.9, *[_BAR] * len(bars), height - 2.4]
    grid = figure.add_gridspec(
        len(heights), 2, height_ratios=heights, width_ratios=(6.4, 2.6), hspace=0.01
    )
    _draw_tree(figure.add_subplot(grid[0, 0]), drawn)
    legends = {}
    for line, name in enumerate(bars, start=1):
        legends[name] = _bar(figure.add_subplot(grid[line, 0]), name, known[name].to_list())
    axes = figure.add_subplot(grid[len(heights) - 1, 0])
    colours = colormaps["viridis"].with_extremes(bad="#d0d0d0")
    shown = axes.imshow(
        betas[:, order],
        aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest",
    )  # fmt: skip
    axes.set(xticks=[], yticks=[], ylabel=f"{count(len(betas), 'CpG')}")
    axes.set_xlabel(f"{count(len(order), 'sample')}, in the order of their tree (Ward)")
    side = figure.add_subplot(grid[:, 1])
    side.axis("off")
    scale = side.inset_axes((0.0, 0.055, 0.85, 0.022))
    figure.colorbar(shown, cax=scale, orientation="horizontal", label="beta")
    _legend(side, legends, height)
    missing = float(np.isnan(betas).mean())
    entitle(
        figure,
        title,
        f"n = {count(len(order), 'sample')}; {missing:.1%} of the values are missing (grey)",
    )
    return figure


def _draw_tree(axes: Axes, drawn: Mapping[str, list[list[float]]]) -> None:
    # Leaf i of scipy's drawing stands at 10 i + 5; column i of the heat map at i.
    for xs, ys in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot((np.array(xs) - 5) / 10, ys, color=MUTED, linewidth=0.6)
    axes.set_xlim(-0.5, len(drawn["leaves"]) - 0.5)
    axes.set_ylim(bottom=0)
    axes.axis("off")


def _bar(axes: Axes, name: str, values: Sequence[str | None]) -> dict[str, str]:
    from matplotlib.colors import to_rgb

    palette = class_palette(value for value in values if value is not None)
    colours = [to_rgb(palette[value].colour if value is not None else GRID) for value in values]
    axes.imshow(np.array([colours]), aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8.5)
    for side in axes.spines.values():
        side.set_visible(False)
    return {value: mark.colour for value, mark in palette.items()}


def _legend(axes: Axes, legends: Mapping[str, Mapping[str, str]], height: float) -> None:
    """Write the legends below each other, as far as there is room; hues repeat past fourteen."""
    lines = [(name, value, colour) for name, of in legends.items() for value, colour in of.items()]
    step = min(0.032, (1 - _SCALE) / max(len(lines) + 1.5 * len(legends), 1))
    # Points in a line, of which letters take some two thirds.
    place, size = 1.0, float(np.clip(step * (height - 1) * 72 * 0.68, 4.5, 8))
    for name, of in legends.items():
        axes.text(0, place, name, fontsize=size, fontweight="bold", va="top", color=INK)
        place -= step
        for value, colour in of.items():
            axes.text(0.0, place, "■", fontsize=size, color=colour, va="top")
            axes.text(0.07, place, shorten(value, 34), fontsize=size, va="top", color=INK)
            place -= step
        place -= step / 2
    axes.set(xlim=(0, 1), ylim=(0, 1))
