"""Pictures of which class is taken for which.

Belongs here: confusion matrices. Does not belong here: counting them
(`cup_assets.classify.reliability`), other pictures of classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


@style.picture
def confusion_diagram(
    table: pl.DataFrame, *, level: str = "class", title: str = "What is taken for what?"
) -> Figure:
    """Draw a table of confusions, of classes or of families.

    Parameters
    ----------
    table : pl.DataFrame
        ``level``, ``true``, ``predicted``, ``n``, as
        `cup_assets.classify.reliability.confusion_table` gives it.
    level : str
        ``class`` or ``family``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide: counts, coloured by the share of the true class (rows sum to 1).
    """
    style.need(table, "confusion_diagram", ["level", "true", "predicted", "n"])
    rows = table.filter(pl.col("level") == level)
    names = sorted({*rows["true"], *rows["predicted"]})
    if rows["n"].sum() == 0:
        return style.message_figure(title, "No prediction to compare yet.")
    counts = _counted(rows, names)
    figure = style.new_figure(min(9.0, max(4.6, 2.6 + 0.3 * len(names))))
    axes = figure.subplots()
    image = _cells(axes, counts, names)
    axes.set(xlabel=f"Predicted {level}", ylabel=f"True {level} (predictions)")
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.025)
    bar.set_label(f"Share of the true {level}")
    bar.outline.set_visible(False)
    correct, n = int(np.trace(counts)), int(counts.sum())
    style.entitle(
        figure,
        title,
        f"n = {style.count(n, 'prediction')}; {correct:,} on the diagonal ({correct / n:.1%}); "
        "cells hold counts",
    )
    return figure


def _counted(rows: pl.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for true, predicted, n in rows.select("true", "predicted", "n").iter_rows():
        counts[place[true], place[predicted]] += n
    return counts


def _cells(axes: Axes, counts: NDArray[np.int64], names: Sequence[str]) -> AxesImage:
    """Draw the counts, coloured by row, with names at both axes."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    image = axes.imshow(shares, cmap=_blues(), vmin=0, vmax=1, aspect="auto")
    font = 9 if len(names) <= 16 else 7.5 if len(names) <= 28 else 6.5
    for i, j in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[i, j] > 0.55 else style.INK
        axes.text(j, i, f"{counts[i, j]}", ha="center", va="center", fontsize=font, color=colour)
    labels = [style.shorten(name, 32 if len(names) <= 28 else 26) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(names)), [f"{a} ({n})" for a, n in zip(labels, totals[:, 0], strict=True)]
    )
    axes.tick_params(length=0, labelsize=max(font - 0.5, 6.5))
    _cell_borders(axes, len(names))
    return image


def _cell_borders(axes: Axes, n: int) -> None:
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(visible=True, which="minor", color=style.GRID, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)


def _blues() -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "share", ["#ffffff", "#bcd7ea", style.ACCENT, "#003f6b"]
    )
