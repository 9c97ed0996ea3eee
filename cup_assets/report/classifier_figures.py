"""The leaderboard as a picture.

Belongs here: the headline metrics of models under schemes. Does not belong here: computing them,
what the scores of one model are worth (`evaluation_figures`), paired differences
(`comparison_figures`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADLINE_METRICS = {
    "error": "Error (lower is better)",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss (lower is better)",
    "brier": "Brier, 0-2 (lower is better)",
    "coverage_at_99": "Coverage at 99 % accuracy",
}
_SHARES = frozenset({"error", "balanced_accuracy", "macro_f1", "coverage_at_99"})
_SERIES = (
    *((style.ACCENT, "o"), (style.LOSS, "s"), ("#009E73", "^"), ("#882255", "D")),
    *((style.MUTED, "v"), ("#E69F00", "P"), ("#56B4E9", "X")),
)
# Of a row's height: what the series of one model take, the rest parts it from the next.
_SPREAD = 0.62


@style.picture
def leaderboard_plot(
    metrics: pl.DataFrame,
    *,
    series: str = "scheme",
    title: str = "How good is each model?",
) -> Figure:
    """Draw the headline metrics of every model with their intervals.

    Parameters
    ----------
    metrics : pl.DataFrame
        ``model``, ``metric``, ``class`` (null: over all classes), ``value``, ``low``, ``high``;
        ``strategy`` and ``features`` go into a model's label where they vary.
    series : str
        Column whose values are drawn beside each other in a model's row, the first one occurring
        first; without it, or with one value, the values are written at the dots.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; models from best to worst by the log loss (where there is none, by the
        first metric) of the first series.
    """
    style.need(metrics, "leaderboard_plot", ["model", "metric", "class", "value", "low", "high"])
    overall = metrics.filter(pl.col("class").is_null())
    shown = [m for m in HEADLINE_METRICS if m in set(overall["metric"])]
    if not shown:
        return style.message_figure(title, "No model has been evaluated yet.")
    overall = _labelled(overall, series)
    kinds = overall["_series"].unique(maintain_order=True).to_list()
    labels = _best_first(overall.filter(pl.col("_series") == kinds[0]), shown)
    labels += sorted(set(overall["_label"]) - set(labels))
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    row = 0.3 if len(kinds) == 1 else 0.16 + 0.1 * len(kinds)
    figure = style.new_figure(1.0 + lines * (0.85 + row * len(labels)))
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    for axes, metric in zip(panels, shown, strict=False):
        _dots(axes, overall.filter(pl.col("metric") == metric), labels, kinds, metric)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    if len(kinds) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            names,
            loc="upper right",
            bbox_to_anchor=(0.995, 0.995),
            ncols=len(kinds),
            columnspacing=1.0,
            handletextpad=0.2,
        )
    style.entitle(
        figure,
        title,
        f"nested cross-validation, n = {style.count(len(labels), 'model')}; bars: 95 % intervals "
        "over patients (bootstrap)",
    )
    return figure


def _labelled(overall: pl.DataFrame, series: str) -> pl.DataFrame:
    """Add what stands at a row, and what tells the dots of a row apart."""
    varying = [
        column
        for column in ("strategy", "features", "scheme")
        if column != series and column in overall.columns and overall[column].n_unique() > 1
    ]
    label = pl.concat_str(["model", *varying], separator=" · ", ignore_nulls=True)
    kind = pl.col(series) if series in overall.columns else pl.lit("")
    return overall.with_columns(
        label.str.replace_all("_", " ").alias("_label"),
        kind.str.replace_all("_", " ").alias("_series"),
    )


def _best_first(first: pl.DataFrame, shown: Sequence[str]) -> list[str]:
    by = "log_loss" if "log_loss" in shown else shown[0]
    higher_is_better = by not in ("error", "log_loss", "brier")
    ranked = first.filter(pl.col("metric") == by).sort(
        "value", "_label", descending=[higher_is_better, False], nulls_last=True
    )
    return ranked["_label"].unique(maintain_order=True).to_list()


def _dots(
    axes: Axes, rows: pl.DataFrame, labels: Sequence[str], kinds: Sequence[str], metric: str
) -> None:
    from matplotlib.ticker import PercentFormatter

    step = min(_SPREAD / max(1, len(kinds) - 1), 0.3)
    for turn, kind in enumerate(kinds):
        some = rows.filter((pl.col("_series") == kind) & pl.col("value").is_not_null())
        colour, marker = _SERIES[turn % len(_SERIES)]
        shift = (turn - (len(kinds) - 1) / 2) * step
        places = [labels.index(label) + shift for label in some["_label"]]
        low, high = (some[side].fill_null(some["value"]) for side in ("low", "high"))
        axes.hlines(places, low, high, color=colour, linewidth=2, alpha=0.5)
        axes.scatter(some["value"], places, s=26, color=colour, marker=marker, zorder=3, label=kind)
        if len(kinds) == 1:
            _write_values(axes, some["value"], places, metric)
    if metric in _SHARES:
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks(range(len(labels)), [style.shorten(label, 30) for label in labels])
    axes.set(title=HEADLINE_METRICS[metric], ylim=(len(labels) - 0.5, -0.75))
    axes.locator_params(axis="x", nbins=4)
    axes.margins(x=0.18 if len(kinds) == 1 else 0.06)
    # No axis goes where no value can be.
    left, right = axes.get_xlim()
    edge = (0.08 if len(kinds) == 1 else 0.03) * (right - left)
    axes.set_xlim(max(left, -edge), min(right, 1 + edge) if metric in _SHARES else right)
    axes.tick_params(axis="y", length=0)
    for edge in range(1, len(labels) if len(kinds) > 1 else 0):
        axes.axhline(edge - 0.5, color=style.GRID, linewidth=0.8, zorder=0)
    axes.grid(visible=True, axis="x" if len(kinds) > 1 else "both")


def _write_values(axes: Axes, values: pl.Series, places: Sequence[float], metric: str) -> None:
    for x, y in zip(values, places, strict=True):
        text = f"{x:.1%}" if metric in _SHARES else f"{x:.3f}"
        axes.annotate(
            text, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8.5
        )
