"""Pictures of what is gained and lost how often, along the genome.

Belongs here: drawing of frequencies. Does not belong here: counting them, single profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.genome import CHROMOSOMES, chromosome_lengths
from cup_assets.report.style import (
    GAIN,
    LOSS,
    MUTED,
    NEUTRAL,
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

_MOST_CLASSES = 14


@picture
def frequency_plot(
    frequency: pl.DataFrame, build: str, *, title: str = "Gains and losses by class"
) -> Figure:
    """Draw how many samples of each class are gained (up) or lost (down) along the genome.

    Parameters
    ----------
    frequency : pl.DataFrame
        ``class``, ``chrom``, ``start``, ``end``, ``n``, ``gain``, ``loss`` (fractions).
    build : str
        ``hg19`` or ``hg38``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; the classes with most samples, and in the caption how many are left out.
    """
    need(frequency, "frequency_plot", ["class", "chrom", "start", "end", "n", "gain", "loss"])
    if frequency.is_empty():
        return message_figure(title, "No sample of a class has a copy-number profile.")
    sizes = frequency.group_by("class").agg(pl.col("n").max()).sort(
        ["n", "class"], descending=[True, False]
    )  # fmt: skip
    shown = sizes.head(_MOST_CLASSES).sort("class")
    figure = new_figure(1.6 + 0.62 * shown.height)
    rows = figure.subplots(shown.height, 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, n) in zip(rows, shown.iter_rows(), strict=True):
        _class_row(axes, frequency.filter(pl.col("class") == name), build)
        axes.set_ylabel(
            f"{shorten(name, 30)} ({n})", rotation=0, ha="right", va="center", fontsize=8.5
        )
    offsets, lengths = _offsets(build), chromosome_lengths(build)
    rows[-1].set_xticks([offsets[c] + lengths[c] / 2 for c in CHROMOSOMES], CHROMOSOMES, fontsize=7)
    for label, chrom in zip(rows[-1].get_xticklabels(), CHROMOSOMES, strict=True):
        if chrom in ("18", "20", "22"):  # closer together than their names are wide
            label.set_y(-0.22)
    rows[-1].set_xlabel("Chromosome")
    left_out = sizes.height - shown.height
    more = (
        f"; {count(left_out, 'smaller class', 'smaller classes')} in the table" if left_out else ""
    )
    entitle(
        figure,
        title,
        f"n in brackets; fraction of samples, scale -1 to 1: blue up = gained, orange down = lost; "
        f"{build}{more}",
    )
    return figure


def _offsets(build: str) -> dict[str, int]:
    lengths = chromosome_lengths(build)
    ends = np.cumsum(list(lengths.values())).tolist()
    return dict(zip(lengths, [0, *ends[:-1]], strict=True))


def _class_row(axes: Axes, rows: pl.DataFrame, build: str) -> None:
    offsets, lengths = _offsets(build), chromosome_lengths(build)
    shift = pl.col("chrom").replace_strict(offsets, return_dtype=pl.Float64)
    start, end = (rows.select(shift + pl.col(c)).to_series().to_numpy() for c in ("start", "end"))
    # One outline for all windows: thousands of bars would take minutes.
    x = np.stack([start, start, end, end], axis=1).ravel()
    for values, colour in ((rows["gain"], GAIN), (-rows["loss"], LOSS)):
        height = np.zeros((rows.height, 4))
        height[:, 1:3] = values.to_numpy()[:, None]
        axes.fill_between(x, height.ravel(), color=colour, linewidth=0, antialiased=False)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    for chrom in CHROMOSOMES[1:]:
        axes.axvline(offsets[chrom], color=NEUTRAL, linewidth=0.5)
    axes.set(xlim=(0, sum(lengths.values())), ylim=(-1, 1), yticks=[])
    axes.tick_params(length=0)
