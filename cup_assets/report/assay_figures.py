"""Pictures of assays: what a technology leaves of a panel's accuracy, and why CpGs are left out.

Belongs here: drawing. Does not belong here: choosing, simulating, counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report.style import (
    ACCENT,
    MUTED,
    class_palette,
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

_COLUMNS = 3


@picture
def assay_accuracy_plot(
    accuracy: pl.DataFrame,
    panels: pl.DataFrame,
    *,
    title: str = "Accuracy when a light technology measures",
) -> Figure:
    """Draw the accuracy against the number of CpGs that are measured, a field a technology.

    Parameters
    ----------
    accuracy : pl.DataFrame
        ``technology``, ``measured_by`` (itself or array), ``measured``, ``metric``, ``class``,
        ``value``, ``low``, ``high``.
    panels : pl.DataFrame
        ``technology``, ``title``, ``material``, ``n_cpgs``, ``n_amplicons``.

    Returns
    -------
    bytes
        PNG, 900 px wide.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    need(
        accuracy, "assay_accuracy_plot",
        ["technology", "measured_by", "measured", "metric", "class", "value", "low", "high"],
    )  # fmt: skip
    some = accuracy.filter((pl.col("metric") == "accuracy") & pl.col("class").is_null())
    names = some["technology"].unique(maintain_order=True).to_list()
    if not names:
        return message_figure(title, "No technology can measure a panel here.")
    about = {row["technology"]: row for row in panels.iter_rows(named=True)}
    rows = -(-len(names) // _COLUMNS)
    figure = new_figure(0.9 + 2.3 * rows)
    grid_of_axes = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True).ravel()
    lowest = float(some["low"].min() or some["value"].min() or 0)  # type: ignore[arg-type]
    for axes, name in zip(grid_of_axes, names, strict=False):
        for by, colour, marker in (("array", MUTED, "s"), (name, ACCENT, "o")):
            line = some.filter((pl.col("technology") == name) & (pl.col("measured_by") == by))
            line = line.sort("measured")
            axes.fill_between(
                line["measured"], line["low"], line["high"], color=colour, alpha=0.14, linewidth=0
            )
            axes.plot(line["measured"], line["value"], color=colour, marker=marker, markersize=4.5)
        of = about[name]
        axes.set_title(of["title"].replace("sequencing", "seq."), fontsize=8.5)
        axes.set_xlabel(
            f"CpGs measured; {of['material']}, {count(of['n_amplicons'], 'amplicon')}", fontsize=8
        )
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_ylim(max(0, lowest - 0.05), 1.02)
        grid(axes)
    for axes in grid_of_axes[len(names) :]:
        axes.set_axis_off()
    figure.legend(
        handles=[
            Line2D([], [], color=ACCENT, marker="o", markersize=5, label="as measured (simulated)"),
            Line2D([], [], color=MUTED, marker="s", markersize=5, label="same CpGs, array betas"),
        ],
        loc="upper right",
        ncols=2,
        bbox_to_anchor=(0.995, 0.995),
    )
    entitle(
        figure,
        title,
        f"n = {count(len(names), 'panel')}; accuracy of panels chosen inside the training folds; "
        "bands: 95 % intervals (bootstrap over patients)",
    )
    return figure


@picture
def refusal_plot(
    refusals: pl.DataFrame,
    panels: pl.DataFrame,
    *,
    title: str = "Why CpGs are in a panel, or not",
) -> Figure:
    """Draw the share of candidate CpGs that each reason leaves out, a bar a technology.

    Parameters
    ----------
    refusals : pl.DataFrame
        ``technology``, ``reason``, ``n``.
    panels : pl.DataFrame
        ``technology``, ``title``, ``n_cpgs``.

    Returns
    -------
    bytes
        PNG, 900 px wide.
    """
    from matplotlib.ticker import PercentFormatter

    need(refusals, "refusal_plot", ["technology", "reason", "n"])
    chosen = panels.filter(pl.col("n_cpgs") > 0)
    if chosen.is_empty():
        return message_figure(title, "No technology can measure a panel here.")
    kept = chosen.select("technology", reason=pl.lit("in the panel"), n="n_cpgs")
    # "effect below .25" differs between technologies, and is one colour.
    short = pl.col("reason").str.replace(r"effect below .*", "effect too small")
    every = pl.concat(
        [kept, refusals.select("technology", reason=short, n="n")], how="vertical_relaxed"
    )
    reasons = every["reason"].unique(maintain_order=True).to_list()
    marks = class_palette(reasons)
    figure = new_figure(1.6 + 0.42 * chosen.height + 0.1 * len(reasons))
    axes = figure.subplots()
    titles = chosen["title"].to_list()
    for at, name in enumerate(chosen["technology"]):
        own = every.filter(pl.col("technology") == name)
        total, left = int(own["n"].sum()), 0.0
        for reason in reasons:
            width = int(own.filter(pl.col("reason") == reason)["n"].sum()) / total
            axes.barh(at, width, left=left, height=0.66, color=marks[reason].colour)
            left += width
    handles = [axes.barh(0, 0, color=marks[reason].colour, label=reason) for reason in reasons]
    axes.set_yticks(range(len(titles)), titles, fontsize=8.5)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="Share of the candidate CpGs")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(-0.3, 1.0), ncols=3, fontsize=8.5
    )
    entitle(
        figure,
        title,
        f"n = {count(chosen.height, 'technology', 'technologies')}; first reason that applies",
    )
    return figure
