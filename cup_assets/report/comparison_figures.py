"""Pictures of classifiers side by side on the same samples.

Belongs here: drawing of paired differences. Does not belong here: computing them
(`cup_assets.classify.comparison`), the leaderboard (`classifier_figures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METRICS = {
    "error": ("Error", True),
    "macro_f1": ("Macro F1", False),
    "log_loss": ("Log loss", True),
}
SIGNIFICANT = 0.05


@style.picture
def comparison_plot(
    table: pl.DataFrame, *, title: str = "Which classifier is better on the same samples?"
) -> Figure:
    """Draw the paired differences of every two classifiers as a forest plot.

    Parameters
    ----------
    table : pl.DataFrame
        ``a``, ``b``, ``metric``, ``n_patients``, ``difference`` (a - b), ``low``, ``high``,
        ``p_holm``, as `cup_assets.classify.comparison.compare` gives it.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, a panel a metric; differences that are significant after correction are
        filled, the others hollow.
    """
    columns = ["a", "b", "metric", "n_patients", "difference", "low", "high", "p_holm"]
    style.need(table, "comparison_plot", columns)
    metrics = [metric for metric in _METRICS if metric in set(table["metric"])]
    if not metrics:
        return style.message_figure(title, "No two classifiers to compare yet.")
    pairs = table.select("a", "b").unique(maintain_order=True).rows()
    labels = [_label(a, b) for a, b in pairs]
    # A long pair of names takes two lines.
    line = 0.44 if any("\n" in label for label in labels) else 0.36
    figure = style.new_figure(1.5 + line * len(pairs))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False).ravel()
    for axes, metric in zip(panels, metrics, strict=True):
        _forest(axes, table.filter(pl.col("metric") == metric), pairs)
        name, lower_is_better = _METRICS[metric]
        axes.set_title(name)
        axes.set_xlabel("← first better" if lower_is_better else "first better →", fontsize=8.5)
    panels[0].set_yticks(range(len(pairs)), labels)
    panels[0].set_ylim(len(pairs) - 0.5, -0.6)
    n = style.count(max(table["n_patients"].to_list()), "patient")
    tests = style.count(table.height, "test")
    style.entitle(
        figure,
        title,
        f"n = {n}; differences, first − second, with 95 % intervals; filled: p < {SIGNIFICANT:g} "
        f"after Holm over {tests}",
    )
    return figure


@style.picture
def recall_change_plot(
    table: pl.DataFrame, *, title: str = "What balancing does to each class"
) -> Figure:
    """Draw the recall of every class before and after balancing.

    Parameters
    ----------
    table : pl.DataFrame
        ``class``, ``n_samples``, ``before``, ``after``, ``recall_before``, ``recall_after``, as
        `cup_assets.classify.comparison.recall_change` gives it.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, a panel a strategy, the smallest classes on top.
    """
    from matplotlib.ticker import PercentFormatter

    columns = ["class", "n_samples", "before", "after", "recall_before", "recall_after"]
    style.need(table, "recall_change_plot", columns)
    if table.is_empty():
        return style.message_figure(title, "No strategy to compare yet.")
    sizes = table.select("class", "n_samples").unique().sort("n_samples", "class")
    order = sizes["class"].to_list()
    strategies = sorted(set(table["after"]))
    least = min(table["recall_before"].to_list() + table["recall_after"].to_list())
    figure = style.new_figure(1.6 + 0.26 * len(order))
    panels = figure.subplots(1, len(strategies), sharey=True, squeeze=False).ravel()
    for axes, strategy in zip(panels, strategies, strict=True):
        rows = table.filter(pl.col("after") == strategy)
        places = [order.index(name) for name in rows["class"]]
        gains = (rows["recall_after"] - rows["recall_before"]).to_list()
        colours = [
            style.ACCENT if gain > 0 else style.LOSS if gain < 0 else style.NEUTRAL
            for gain in gains
        ]
        axes.hlines(places, rows["recall_before"], rows["recall_after"], color=colours, linewidth=2)
        axes.scatter(
            *(rows["recall_before"], places),
            s=30,
            facecolor="white",
            edgecolor=style.MUTED,
            zorder=3,
        )
        axes.scatter(rows["recall_after"], places, s=30, color=colours, zorder=4)
        axes.set_title(strategy.replace("_", " "))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set(xlabel="Recall", xlim=(least - 0.06, 1.03))
        axes.tick_params(axis="y", length=0)
        style.grid(axes)
    labels = [f"{style.shorten(name, 30)} ({n})" for name, n in sizes.iter_rows()]
    panels[0].set_yticks(range(len(order)), labels)
    panels[0].set_ylim(len(order) - 0.5, -0.6)
    style.entitle(
        figure,
        title,
        f"n = {style.count(len(order), 'class', 'classes')}, samples in brackets; hollow: strategy "
        f"{table['before'][0]}, filled: after balancing (blue gains, orange loses, grey stays)",
    )
    return figure


def _forest(axes: Axes, rows: pl.DataFrame, pairs: list[tuple[str, str]]) -> None:
    axes.axvline(0, color=style.MUTED, linewidth=1, linestyle="--", zorder=1)
    for row in rows.to_dicts():
        place = pairs.index((row["a"], row["b"]))
        sure = row["p_holm"] is not None and row["p_holm"] < SIGNIFICANT
        if row["low"] is not None:
            axes.hlines(place, row["low"], row["high"], color=style.ACCENT, linewidth=2, alpha=0.6)
        axes.scatter(
            *(row["difference"], place),
            s=38,
            facecolor=style.ACCENT if sure else "white",
            edgecolor=style.ACCENT,
            zorder=3,
        )
        axes.annotate(
            f"{row['difference']:+.3f}",
            (row["difference"], place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
        )
    axes.margins(x=0.2)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)
    style.grid(axes)


def _label(a: str, b: str) -> str:
    one, other = (style.shorten(name.replace("_", " "), 40) for name in (a, b))
    return f"{one} − {other}" if len(one) + len(other) <= 40 else f"{one}\n− {other}"
