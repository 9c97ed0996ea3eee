"""Pictures of chromosome arms of many samples.

Belongs here: drawing of arm calls. Does not belong here: calling them, single profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.genome import chromosome_arms
from cup_assets.report.style import (
    FULL_COLOUR,
    INK,
    count,
    entitle,
    gain_loss_colours,
    message_figure,
    need,
    new_figure,
    picture,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@picture
def arm_heatmap(
    calls: pl.DataFrame,
    labels: pl.DataFrame | None = None,
    *,
    title: str = "Copy number of chromosome arms",
) -> Figure:
    """Draw the log2 ratio of every chromosome arm of many samples.

    Parameters
    ----------
    calls : pl.DataFrame
        ``sample_id``, ``kind``, ``region`` ("1p"), ``log2``, ``call``; only kind ``arm`` is
        drawn. An arm without a value or with call ``no_call`` is left white.
    labels : pl.DataFrame, optional
        ``sample_id``, ``class``: samples are grouped by class, the groups are named.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; up to 40 samples are named one by one.
    """
    need(calls, "arm_heatmap", ["sample_id", "kind", "region", "log2", "call"])
    arms = calls.filter(pl.col("kind") == "arm")
    if arms.is_empty():
        return message_figure(title, "No arm has been called.")
    order = _row_order(arms, labels)
    present = set(arms["region"])
    columns = [a for a in chromosome_arms("hg19")["arm"] if a in present]
    values = _arm_matrix(arms, order["sample_id"].to_list(), columns)
    figure = new_figure(min(9.5, 1.7 + 0.19 * max(order.height, 4)))
    axes = figure.subplots()
    image = axes.imshow(
        values,
        cmap=gain_loss_colours(),
        vmin=-FULL_COLOUR,
        vmax=FULL_COLOUR,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7.5)
    axes.set_xlabel("Chromosome arm")
    _name_rows(axes, order)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.025, aspect=30, extend="both")
    bar.set_label("log2 ratio")
    bar.outline.set_visible(False)
    entitle(
        figure,
        title,
        f"n = {count(order.height, 'sample')}, {count(len(columns), 'arm')}; "
        f"log2 ratio to normal controls: blue = gain, orange = loss, white = no call",
    )
    return figure


def _row_order(arms: pl.DataFrame, labels: pl.DataFrame | None) -> pl.DataFrame:
    samples = arms.select("sample_id").unique()
    if labels is None:
        return samples.with_columns(pl.lit(None, pl.String).alias("class")).sort("sample_id")
    need(labels, "arm_heatmap labels", ["sample_id", "class"])
    known = labels.select("sample_id", "class").unique("sample_id")
    return samples.join(known, on="sample_id", how="left").sort(
        "class", "sample_id", nulls_last=True
    )


def _arm_matrix(arms: pl.DataFrame, samples: list[str], columns: list[str]) -> np.ndarray:
    values = np.full((len(samples), len(columns)), np.nan)
    row = {name: i for i, name in enumerate(samples)}
    column = {name: i for i, name in enumerate(columns)}
    called = arms.filter((pl.col("call") != "no_call") & pl.col("log2").is_not_null())
    for sample, region, log2 in called.select("sample_id", "region", "log2").iter_rows():
        if region in column:
            values[row[sample], column[region]] = log2
    return values


def _name_rows(axes: Axes, order: pl.DataFrame) -> None:
    """Name classes by block when there are any, else samples when there is room."""
    classes = order["class"].fill_null("(no class)").to_list()
    if order["class"].null_count() < order.height:
        starts = [i for i, c in enumerate(classes) if i == 0 or classes[i - 1] != c]
        stops = [*starts[1:], len(classes)]
        for start in starts[1:]:
            axes.axhline(start - 0.5, color=INK, linewidth=0.8)
        axes.set_yticks(
            [(a + b - 1) / 2 for a, b in zip(starts, stops, strict=True)],
            [f"{shorten(classes[a])} ({b - a})" for a, b in zip(starts, stops, strict=True)],
            fontsize=8.5,
        )
    elif order.height <= 40:
        axes.set_yticks(
            range(order.height), [shorten(s, 26) for s in order["sample_id"]], fontsize=8.5
        )
    else:
        axes.set_yticks([])
        axes.set_ylabel("Samples")
