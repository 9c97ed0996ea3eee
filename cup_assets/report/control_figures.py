"""Pictures of the laboratory's controls: every measure of quality across the samples of a batch.

Belongs here: the small multiples of measures with their thresholds. Does not belong here: computing
a measure or judging it, signal and beta densities (`sample_figures`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.report.sample_figures import severity
from cup_assets.report.style import (
    MUTED,
    NEUTRAL,
    VERDICT_COLOURS,
    count,
    entitle,
    grid,
    message_figure,
    need,
    new_figure,
    picture,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_NAMED = 2  # samples named in one panel
_SOFT = 120  # samples up to which dots have soft edges
_SPREAD = 10.0  # from which ratio of highest to lowest a logarithmic axis is easier to read


@picture
def control_strips(
    quality: pl.DataFrame,
    limits: pl.DataFrame,
    *,
    title: str = "Every measure of quality, one dot a sample",
) -> Figure:
    """Draw each measure of quality as a strip of dots, with its thresholds.

    Parameters
    ----------
    quality : pl.DataFrame
        ``sample_id``, ``verdict``, and a column a measure; null where not measured. Dots stand in
        the order of the rows.
    limits : pl.DataFrame
        ``measure``, ``title``, ``above`` (whether larger values are the bad ones), ``warn`` and
        ``fail`` (thresholds, null where there is none), in the order of the panels. Measures that
        no sample has are left out, and counted in the caption.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide. The side of a threshold on which a sample is not good is shaded, and the
        samples that lie there are named, the worst first; "+3" stands for three more.
    """
    need(quality, "control_strips", ["sample_id", "verdict"])
    need(limits, "control_strips", ["measure", "title", "above", "warn", "fail"])
    panels = [
        limit
        for limit in limits.iter_rows(named=True)
        if limit["measure"] in quality.columns and quality[limit["measure"]].is_not_null().any()
    ]
    if not panels:
        return message_figure(title, "No sample has a measure of quality.")
    rows = math.ceil(len(panels) / _COLUMNS)
    height = 0.9 + 1.2 * rows
    figure = new_figure(height)
    # Places by hand: fitting thirty panels to each other takes longer than drawing them.
    figure.set_layout_engine(None)
    place = {"left": 0.05, "right": 0.99, "bottom": 0.42 / height, "top": 1 - 0.62 / height}
    grid_of_axes = figure.subplots(
        rows, _COLUMNS, squeeze=False, gridspec_kw={**place, "wspace": 0.25, "hspace": 0.32}
    )
    for axes, limit in zip(grid_of_axes.flat, panels, strict=False):
        _strip(axes, quality, limit)
    for axes in grid_of_axes.flat[len(panels) :]:
        axes.set_axis_off()
    lacking = limits.height - len(panels)
    without = f"; {count(lacking, 'measure')} that the array does not have" if lacking else ""
    entitle(
        figure,
        title,
        f"n = {count(quality.height, 'sample')}, in the order of the table; dashed: warning, "
        f"solid: failure{without}",
    )
    return figure


def _strip(axes: Axes, quality: pl.DataFrame, limit: dict[str, object]) -> None:
    measure, above = str(limit["measure"]), bool(limit["above"])
    values = quality[measure].cast(pl.Float64).to_numpy()
    verdicts = quality["verdict"].to_list()
    thresholds = [(style, float(str(limit[name])))
                  for name, style in (("warn", "--"), ("fail", "-"))
                  if limit[name] is not None]  # fmt: skip
    known = np.flatnonzero(np.isfinite(values))
    _scale(axes, values[known], [at for _, at in thresholds])
    colours = [VERDICT_COLOURS.get(verdicts[i], NEUTRAL) for i in known]
    size = 22 if len(known) <= 24 else 12 if len(known) <= _SOFT else 4
    order = sorted(range(len(known)), key=lambda k: severity(verdicts[known[k]]))
    axes.scatter(
        known[order],
        values[known][order],
        s=size,
        c=[colours[k] for k in order],
        linewidth=0,
        # Hard edges compress better; on dots this small nobody sees them.
        antialiased=len(known) <= _SOFT,
        zorder=3,
    )
    low, high = axes.get_ylim()
    for style, at in thresholds:
        axes.axhline(at, color=MUTED, linestyle=style, linewidth=0.9, zorder=2)
    if thresholds:
        first = (min if above else max)(at for _, at in thresholds)
        axes.axhspan(first, high if above else low, color="#f6ece9", linewidth=0, zorder=0)
        _name_the_worst(axes, quality, values, first, above=above)
    axes.set_ylim(low, high)
    margin = 0.5 + 0.04 * quality.height
    axes.set_xlim(-margin, quality.height - 1 + margin)
    axes.set_xticks([])
    axes.set_title(str(limit["title"]), fontsize=7.5, fontweight="normal", pad=3)
    axes.tick_params(axis="y", labelsize=7.5, length=2)
    grid(axes, "y")


def _scale(axes: Axes, values: np.ndarray, thresholds: list[float]) -> None:
    """Choose an axis on which both the samples and the thresholds can be seen."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    everything = np.concatenate([values, thresholds])
    low, high = float(everything.min()), float(everything.max())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if low > 0 and high / low > _SPREAD:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.5, high * 1.5)
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    margin = 0.12 * (high - low or max(abs(high), 1.0))
    axes.set_ylim(max(low - margin, 0.0) if low >= 0 else low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _name_the_worst(
    axes: Axes, quality: pl.DataFrame, values: np.ndarray, threshold: float, *, above: bool
) -> None:
    beyond = np.flatnonzero(values > threshold if above else values < threshold)
    worst = beyond[np.argsort(-values[beyond] if above else values[beyond], kind="stable")]
    if not len(worst):
        return
    names = ", ".join(shorten(str(quality["sample_id"][int(i)]), 14) for i in worst[:_NAMED])
    more = f" +{len(worst) - _NAMED}" if len(worst) > _NAMED else ""
    axes.text(
        0.985,
        0.93 if above else 0.06,
        names + more,
        transform=axes.transAxes,
        ha="right",
        va="top" if above else "bottom",
        fontsize=7,
        zorder=4,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
    )
