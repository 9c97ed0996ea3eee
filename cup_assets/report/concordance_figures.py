"""Classifiers and unsupervised structure side by side.

Belongs here: drawing. Does not belong here: answers and their comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report.landscape_figures import METHOD_NAMES
from cup_assets.report.style import (
    ACCENT,
    INK,
    LOSS,
    MUTED,
    count,
    entitle,
    grid,
    message_figure,
    need,
    new_figure,
    picture,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = {
    "classifier": (ACCENT, "o", "classifier, cross-validated"),
    "neighbours": (LOSS, "s", "nearest samples of other patients"),
    "clusters": (MUTED, "D", "other patients of the cluster"),
}
_NAMES = METHOD_NAMES | {"pc_space": "PC space", "kmeans": "k-means", "hdbscan": "HDBSCAN"}


@picture
def concordance_plot(table: pl.DataFrame, *, title: str = "Who names the diagnosis") -> Figure:
    """Draw the accuracy of every classifier, neighbourhood and clustering with its interval.

    Parameters
    ----------
    table : pl.DataFrame
        ``kind``, ``method``, ``n``, ``accuracy``, ``low``, ``high``, ``balanced_accuracy``.

    Returns
    -------
    bytes
        PNG, 900 px wide.
    """
    need(table, "concordance_plot", ["kind", "method", "n", "accuracy", "low", "high"])
    if table.is_empty():
        return message_figure(title, "Nothing has been compared yet.")
    rows = table.sort("accuracy", "method", descending=[False, True]).to_dicts()
    figure = new_figure(1.5 + 0.3 * len(rows))
    axes = figure.add_subplot()
    for line, row in enumerate(rows):
        colour, marker, _ = _KINDS[row["kind"]]
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [line, line], color=colour, linewidth=2)
        axes.plot(row["accuracy"], line, marker, color=colour, markersize=7)
        axes.plot(row["balanced_accuracy"], line, "|", color=INK, markersize=11)
    names = [_NAMES.get(row["method"], row["method"].replace("_", " ")) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel("share of the samples whose diagnosis is named")
    axes.set_xlim(right=1.01)
    grid(axes, "x")
    used = {row["kind"] for row in rows}
    for kind, (colour, marker, meaning) in _KINDS.items():
        if kind in used:
            axes.plot([], [], marker, color=colour, label=meaning)
    axes.plot([], [], "|", color=INK, markersize=11, label="mean over the classes")
    figure.legend(loc="outside upper right", ncols=2)
    entitle(figure, title, f"n = {count(rows[0]['n'], 'sample')}; lines: 95 % over patients")
    return figure
