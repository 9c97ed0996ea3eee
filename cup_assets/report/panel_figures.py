"""Pictures of CpG panels: accuracy against size, and which CpGs matter.

Belongs here: drawing of panel frames. Does not belong here: selecting CpGs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report.style import (
    ACCENT,
    GRID,
    INK,
    MUTED,
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
    "error": "Error",
    "log_loss": "Log loss",
    "coverage_at_99": "Coverage at 99 %",
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
}
_SELECTORS = {
    "ranked": ("selected CpGs", ACCENT, "o"),
    "top_variance": ("most variable CpGs", "#E69F00", "s"),
    "random": ("random CpGs", MUTED, "^"),
}
_METHOD_STYLE = (
    *(("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D")),
    *(("#56B4E9", "v"), ("#E69F00", "P"), ("#000000", "X")),
)


@picture
def panel_curve_plot(
    curve: pl.DataFrame,
    *,
    recommended: pl.DataFrame | None = None,
    title: str = "How few CpGs are enough?",
) -> Figure:
    """Draw cross-validated performance against the number of CpGs.

    Parameters
    ----------
    curve : pl.DataFrame
        ``model``, ``selector`` (ranked, random, top_variance), ``size``, ``metric``, ``value``,
        ``low``, ``high``.
    recommended : pl.DataFrame, optional
        ``scope`` (family or overall), ``model``, ``size``: recommended sizes, marked with lines.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide: a row of panels for each metric, a column for each model family.
    """
    need(curve, "panel_curve_plot", ["model", "selector", "size", "metric", "value", "low", "high"])
    metrics = [m for m in _METRICS if m in set(curve["metric"])]
    if not metrics:
        return message_figure(title, "No panel has been evaluated yet.")
    models, sizes = curve["model"].unique(maintain_order=True).to_list(), sorted(set(curve["size"]))
    figure = new_figure(1.3 + 1.55 * len(metrics))
    panels = figure.subplots(len(metrics), len(models), squeeze=False, sharex=True, sharey="row")
    for row, metric in zip(panels, metrics, strict=True):
        for axes, model in zip(row, models, strict=True):
            _curves(axes, curve.filter(metric=metric, model=model))
            if recommended is not None:
                size = recommended.filter(scope="family", model=model)["size"].item()
                axes.axvline(size, color=INK, linewidth=1, linestyle="--", zorder=1)
            _size_axis(axes, sizes, len(models))
        _value_axis(row[0], metric)
    for axes, model in zip(panels[0], models, strict=True):
        axes.set_title(model.replace("_", " "))
    for axes in panels[-1]:
        axes.set_xlabel("CpGs")
    _selector_legend(figure, curve)
    entitle(
        figure,
        title,
        "CpGs chosen inside the training folds only, models tuned and calibrated there; bands: 95 %"
        f" intervals over patients{_advice(recommended)}",
    )
    return figure


def _curves(axes: Axes, some: pl.DataFrame) -> None:
    for selector, (_, colour, marker) in _SELECTORS.items():
        rows = some.filter(selector=selector).sort("size")
        # A value without an interval has a band of no width.
        low, high = (rows[name].fill_null(rows["value"]) for name in ("low", "high"))
        axes.fill_between(rows["size"], low, high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(rows["size"], rows["value"], color=colour, marker=marker, markersize=3.5)


def _value_axis(axes: Axes, metric: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set_ylabel(_METRICS[metric])
    if metric != "log_loss":
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylim(bottom=0, top=None if metric in ("error", "log_loss") else 1.02)


def _advice(recommended: pl.DataFrame | None) -> str:
    if recommended is None:
        return ""
    best = recommended.filter(scope="overall").row(0, named=True)
    chosen = f"{best['size']:,} CpGs ({best['model'].replace('_', ' ')})"
    return f"\nDashed: smallest panel within one standard error of the best; overall {chosen}"


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
        shift = min(0.16, 0.7 / len(methods)) * (place - (len(methods) - 1) / 2)
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
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=min(4, len(methods)),
        borderaxespad=0.2,
    )
    entitle(
        figure,
        title,
        f"n = {len(probes):,} of {count(n_probes, 'CpG')}, by mean rank over "
        f"{count(len(methods), 'method')}; per-class ranks: the best one",
    )
    return figure


def _size_axis(axes: Axes, sizes: list[int], columns: int) -> None:
    axes.set_xscale("log")
    # In narrow panels not every size has room for its number.
    least = math.log(sizes[-1] / sizes[0]) / max(2, 11 / columns)
    labels, last = [], -math.inf
    for size in sizes:
        room = math.log(size) - last >= least
        labels.append(f"{size:,}" if room else "")
        last = math.log(size) if room else last
    axes.set_xticks(sizes, labels)
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlim(min(sizes) * 0.8, max(sizes) * 1.25)
    grid(axes)


def _selector_legend(figure: Figure, curve: pl.DataFrame) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=name)
        for selector, (name, colour, marker) in _SELECTORS.items()
        if selector in set(curve["selector"])
    ]
    figure.legend(
        handles=handles, loc="upper right", ncols=len(handles), bbox_to_anchor=(0.995, 0.995)
    )
