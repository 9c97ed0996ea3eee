"""Pictures of CpG panels: accuracy against size, and which CpGs matter.

Belongs here: drawing of panel frames. Does not belong here: selecting CpGs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report.style import (
    ACCENT,
    GRID,
    INK,
    MUTED,
    NEUTRAL,
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

_METRICS = {
    "error": "Error (lower is better)",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss (lower is better)",
}
_SELECTORS = {
    "ranked": ("selected CpGs", ACCENT, "o"),
    "top_variance": ("most variable CpGs", "#E69F00", "s"),
    "random": ("random CpGs", MUTED, "^"),
}
_LINES = ("-", "--", ":", "-.")
_METHOD_STYLE = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"))


@picture
def panel_curve_plot(
    curve: pl.DataFrame,
    *,
    recommended: int | None = None,
    title: str = "How few CpGs are enough?",
) -> Figure:
    """Draw cross-validated performance against the number of CpGs.

    Parameters
    ----------
    curve : pl.DataFrame
        ``model``, ``selector`` (ranked, random, top_variance), ``size``, ``metric``, ``value``,
        ``low``, ``high``.
    recommended : int, optional
        The recommended size, marked with a line.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, one panel a metric.
    """
    from matplotlib.ticker import PercentFormatter

    need(curve, "panel_curve_plot", ["model", "selector", "size", "metric", "value", "low", "high"])
    metrics = [m for m in _METRICS if m in set(curve["metric"])]
    if not metrics:
        return message_figure(title, "No panel has been evaluated yet.")
    figure = new_figure(4.3)
    panels = figure.subplots(1, len(metrics), squeeze=False).ravel()
    models = sorted(set(curve["model"]))
    sizes = sorted(set(curve["size"]))
    for axes, metric in zip(panels, metrics, strict=True):
        some = curve.filter(pl.col("metric") == metric).sort("size")
        for model, line in zip(models, _LINES * len(models), strict=False):
            for selector, (_, colour, marker) in _SELECTORS.items():
                rows = some.filter((pl.col("model") == model) & (pl.col("selector") == selector))
                axes.fill_between(
                    rows["size"], rows["low"], rows["high"], color=colour, alpha=0.14, linewidth=0
                )
                axes.plot(
                    rows["size"],
                    rows["value"],
                    color=colour,
                    marker=marker,
                    markersize=4.5,
                    linestyle=line,
                )
        _size_axis(axes, sizes)
        axes.set_title(_METRICS[metric])
        if metric != "log_loss":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        if recommended is not None:
            axes.axvline(recommended, color=INK, linewidth=1, linestyle="--", zorder=1)
    _curve_legend(figure, curve, models)
    advice = f"; dashed: recommended size, {recommended} CpGs" if recommended is not None else ""
    entitle(
        figure,
        title,
        f"n = {count(len(sizes), 'panel size')}; CpGs chosen inside the training folds only; "
        f"bands: 95 % intervals (bootstrap){advice}",
    )
    return figure


@picture
def importance_plot(
    importance: pl.DataFrame,
    *,
    top: int = 20,
    genes: Mapping[str, str] | None = None,
    title: str = "The most important CpGs, and which methods agree",
) -> Figure:
    """Draw the rank that every method gives to the best CpGs.

    Parameters
    ----------
    importance : pl.DataFrame
        ``probe_id``, ``method``, ``class`` (null, or the class a score speaks of), ``score``,
        ``rank`` (1 = most important); of per-class ranks the best one counts.
    top : int
        Number of CpGs, best mean rank over the methods first.
    genes : mapping of probe_id to gene names, optional
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, height by ``top``.
    """
    need(importance, "importance_plot", ["probe_id", "method", "class", "rank"])
    if importance.is_empty():
        return message_figure(title, "No CpG has been ranked yet.")
    ranks = importance.group_by("probe_id", "method").agg(pl.col("rank").min())
    n_probes = ranks["probe_id"].n_unique()
    best = (
        ranks.group_by("probe_id")
        .agg(pl.col("rank").mean().alias("middle"), pl.col("rank").min().alias("first"))
        .sort("middle", "first", "probe_id")
        .head(top)
    )
    probes = best["probe_id"].to_list()
    figure = new_figure(1.9 + 0.28 * len(probes))
    axes = figure.subplots()
    shown = ranks.filter(pl.col("probe_id").is_in(probes))
    for row, probe in enumerate(probes):
        span = shown.filter(pl.col("probe_id") == probe)["rank"]
        axes.hlines(row, float(span.min()), float(span.max()), color=GRID, linewidth=3)  # type: ignore[arg-type]
    methods = sorted(set(shown["method"]))
    for place, method in enumerate(methods):
        colour, marker = _METHOD_STYLE[place % len(_METHOD_STYLE)]
        rows = shown.filter(pl.col("method") == method)
        # A little apart, so that methods of the same rank do not hide each other.
        shift = 0.16 * (place - (len(methods) - 1) / 2)
        at = [probes.index(p) + shift for p in rows["probe_id"]]
        axes.scatter(
            rows["rank"],
            at,
            s=34,
            color=colour,
            marker=marker,
            edgecolor="white",
            linewidth=0.4,
            zorder=3,
            label=method.replace("_", " "),
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    names = [p + (f"  {shorten(genes[p], 18)}" if genes and genes.get(p) else "") for p in probes]
    axes.set_yticks(range(len(probes)), names, fontsize=8.5)
    axes.set(
        xlabel=f"Rank among {n_probes:,} CpGs (1 = most important; log scale)",
        ylim=(len(probes) - 0.4, -0.6),
    )
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(methods), borderaxespad=0.2
    )
    entitle(
        figure,
        title,
        f"n = {len(probes):,} of {count(n_probes, 'CpG')}, by mean rank over "
        f"{count(len(methods), 'method')}; per-class ranks: the best one",
    )
    return figure


def _size_axis(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{s:,}" for s in sizes])
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", labelrotation=0, labelsize=8.5)
    axes.set(xlabel="CpGs in the panel", xlim=(min(sizes) * 0.85, max(sizes) * 1.18))
    grid(axes)


def _curve_legend(figure: Figure, curve: pl.DataFrame, models: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=name)
        for selector, (name, colour, marker) in _SELECTORS.items()
        if selector in set(curve["selector"])
    ]
    if len(models) > 1:
        handles += [
            Line2D([], [], color=NEUTRAL, linestyle=line, label=model.replace("_", " "))
            for model, line in zip(models, _LINES * len(models), strict=False)
        ]
    figure.legend(
        handles=handles, loc="upper right", ncols=len(handles), bbox_to_anchor=(0.995, 0.995)
    )
