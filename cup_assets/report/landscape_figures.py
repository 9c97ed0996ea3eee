"""Pictures of the sample landscape: PCA, t-SNE and UMAP side by side.

Belongs here: drawing of two-dimensional maps. Does not belong here: computing them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.report.style import (
    INK,
    MUTED,
    NEUTRAL,
    Mark,
    class_palette,
    count,
    entitle,
    message_figure,
    need,
    new_figure,
    picture,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHOD_NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


@picture
def landscape_plot(
    landscape: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    colour_by: str = "class",
    palette: Mapping[str, Mark] | None = None,
    explained: Sequence[float] | None = None,
    unlabelled: str = "diagnostic case",
    title: str | None = None,
) -> Figure:
    """Draw every map of the samples, coloured by class (or batch, or material).

    Parameters
    ----------
    landscape : pl.DataFrame
        ``method`` (pca, tsne, umap), ``seed``, ``sample_id``, ``x``, ``y``; of several seeds the
        lowest is drawn.
    labels : pl.DataFrame
        ``sample_id`` and the column ``colour_by``; samples without a label are drawn
        as black crosses.
    colour_by : str
    palette : mapping, optional
        From `class_palette`, to agree with other pictures.
    explained : (float, float), optional
        Shares of the variance along the two PCA axes.
    unlabelled : str
        What a sample without a label is.
    title : str, optional

    Returns
    -------
    bytes
        PNG, 900 px wide, one panel a method.
    """
    need(landscape, "landscape_plot", ["method", "seed", "sample_id", "x", "y"])
    need(labels, "landscape_plot labels", ["sample_id", colour_by])
    title = title or f"Landscape of the samples, coloured by {colour_by}"
    if landscape.is_empty():
        return message_figure(title, "No sample has been mapped yet.")
    named = landscape.join(
        labels.select("sample_id", pl.col(colour_by).alias("label")).unique("sample_id"),
        on="sample_id",
        how="left",
    ).sort("sample_id")
    methods = [m for m in METHOD_NAMES if m in set(named["method"])]
    methods += sorted(set(named["method"]) - set(METHOD_NAMES))
    marks = palette or class_palette(named["label"].drop_nulls())
    columns = 2
    lines = -(-(len(methods) + 1) // columns)
    figure = new_figure(0.9 + 3.7 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, method in zip(panels, methods, strict=False):
        some = named.filter(pl.col("method") == method)
        _map(axes, some.filter(pl.col("seed") == some["seed"].min()), marks, method)
        if method == "pca" and explained is not None:
            axes.set_xlabel(f"PCA 1 ({explained[0]:.0%} of the variance)")
            axes.set_ylabel(f"PCA 2 ({explained[1]:.0%})")
    for axes in panels[len(methods) :]:
        axes.axis("off")
    one = named.filter(pl.col("method") == methods[0]).unique("sample_id")
    _legend(panels[len(methods)], one, marks, unlabelled)
    entitle(
        figure,
        title,
        f"n = {count(one.height, 'sample')}; distances between far groups mean nothing in t-SNE "
        "and UMAP, and no axis of theirs has a unit",
    )
    return figure


def _map(axes: Axes, some: pl.DataFrame, marks: Mapping[str, Mark], method: str) -> None:
    cases = some.filter(pl.col("label").is_null())
    size = 30 if some.height <= 300 else 16
    for name, mark in marks.items():
        points = some.filter(pl.col("label") == name)
        axes.scatter(
            points["x"],
            points["y"],
            s=size,
            color=mark.colour,
            marker=mark.marker,
            edgecolor="white",
            linewidth=0.4,
            zorder=3,
        )
    axes.scatter(cases["x"], cases["y"], s=26, color=INK, marker="x", linewidth=1.3, zorder=5)
    name = METHOD_NAMES.get(method, method)
    axes.set(title=name, xlabel=f"{name} 1", ylabel=f"{name} 2")
    axes.margins(0.06)
    if method == "pca":
        axes.axhline(0, color=MUTED, linewidth=0.5, zorder=0)
        axes.axvline(0, color=MUTED, linewidth=0.5, zorder=0)
    else:
        axes.set_xticks([])
        axes.set_yticks([])


def _legend(axes: Axes, samples: pl.DataFrame, marks: Mapping[str, Mark], unlabelled: str) -> None:
    from matplotlib.lines import Line2D

    sizes = dict(samples["label"].drop_nulls().value_counts().iter_rows())
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            color=mark.colour,
            marker=mark.marker,
            markersize=6,
            label=f"{shorten(name, 30)} ({sizes[name]})",
        )
        for name, mark in marks.items()
        if name in sizes
    ]
    without = samples["label"].null_count()
    if without:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="none",
                color=INK,
                marker="x",
                label=f"{unlabelled} ({without})",
            )
        )
    font = float(np.clip(190 / max(len(handles), 1), 6.5, 9))
    columns = 1 if len(handles) <= 22 else 2
    axes.legend(handles=handles, loc="upper left", ncols=columns, fontsize=font, labelcolor=INK)
    if not handles:
        axes.text(0, 0.9, "no labels", color=NEUTRAL)
