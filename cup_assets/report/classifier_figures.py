"""Pictures of classifiers: calibration, comparison of models.

Belongs here: drawing of cross-validated scores and metrics. Does not belong here: computing them,
confusion matrices, scores of diagnostic cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.report.style import (
    ACCENT,
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

HEADLINE_METRICS = {
    "error": "Error (lower is better)",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss (lower is better)",
    "brier": "Brier, 0-2 (lower is better)",
    "coverage_at_99": "Coverage at 99 % accuracy",
}
_SHARES = frozenset({"error", "balanced_accuracy", "macro_f1", "coverage_at_99"})


@picture
def reliability(
    scores: pl.DataFrame, truth: pl.DataFrame, *, title: str = "Does a score mean what it says?"
) -> Figure:
    """Draw how often the highest-scoring class is right, against its score.

    Parameters
    ----------
    scores : pl.DataFrame
        ``sample_id``, ``class``, ``score``, optionally ``raw_score`` (before calibration) and
        ``repeat``; each repeat of a sample counts as one prediction.
    truth : pl.DataFrame
        ``sample_id``, ``class``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide: ten bins of equal width, with the number of predictions a bin below.
    """
    need(scores, "reliability scores", ["sample_id", "class", "score"])
    need(truth, "reliability truth", ["sample_id", "class"])
    kinds = {
        "score": ("calibrated", ACCENT, "o"),
        "raw_score": ("before calibration", NEUTRAL, "s"),
    }
    drawn = {
        column: _top_scores(scores, truth, column) for column in kinds if column in scores.columns
    }
    if not drawn["score"][0].size:
        return message_figure(title, "No score with a known class yet.")
    figure = new_figure(5.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1, label="perfect")
    for column, (top, right) in reversed(drawn.items()):
        name, colour, marker = kinds[column]
        middle, observed, size = _calibration_bins(top, right)
        upper.plot(middle, observed, color=colour, marker=marker, label=name, markersize=5)
        edges = np.linspace(0, 1, 11)
        lower.stairs(size, edges, color=colour, fill=column == "score", alpha=0.9, linewidth=1.4)
    upper.set(ylabel="Share that is right", xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.legend(loc="lower right")
    lower.set(xlabel="Score of the highest-scoring class", ylabel="Predictions")
    for axes in (upper, lower):
        grid(axes)
    entitle(figure, title, f"n = {count(drawn['score'][0].size, 'prediction')}, 10 bins")
    return figure


@picture
def leaderboard_plot(
    metrics: pl.DataFrame, *, title: str = "Models compared by nested cross-validation"
) -> Figure:
    """Draw the headline metrics of every model with their intervals.

    Parameters
    ----------
    metrics : pl.DataFrame
        ``model``, ``metric``, ``class`` (null: over all classes), ``value``, ``low``, ``high``;
        ``scheme``, ``strategy`` and ``features`` go into a model's label where they vary.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; models from best to worst by error.
    """
    need(metrics, "leaderboard_plot", ["model", "metric", "class", "value", "low", "high"])
    overall = metrics.filter(pl.col("class").is_null())
    shown = [m for m in HEADLINE_METRICS if m in set(overall["metric"])]
    if not shown:
        return message_figure(title, "No model has been evaluated yet.")
    varying = [
        c
        for c in ("scheme", "strategy", "features")
        if c in overall.columns and overall[c].n_unique() > 1
    ]
    overall = overall.with_columns(
        pl.concat_str(["model", *varying], separator=" · ", ignore_nulls=True)
        .str.replace_all("_", " ")
        .alias("label")
    )
    first = overall.filter(pl.col("metric") == shown[0])
    order = first.sort("value", "label", descending=[shown[0] not in ("error", "log_loss"), False])
    labels = order["label"].unique(maintain_order=True).to_list()
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(1.0 + lines * (0.85 + 0.3 * len(labels)))
    panels = np.atleast_1d(figure.subplots(lines, columns, sharey=True, squeeze=False)).ravel()
    for axes, metric in zip(panels, shown, strict=False):
        _dots(axes, overall.filter(pl.col("metric") == metric), labels, metric)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    entitle(
        figure, title, "n = " + count(len(labels), "model") + "; bars: 95 % intervals (bootstrap)"
    )
    return figure


def _top_scores(
    scores: pl.DataFrame, truth: pl.DataFrame, column: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    keys = [c for c in ("repeat", "sample_id") if c in scores.columns]
    best = (
        scores.drop_nulls(column)
        .sort([*keys, column, "class"], descending=[False] * len(keys) + [True, False])
        .group_by(keys, maintain_order=True)
        .first()
        .join(truth.select("sample_id", pl.col("class").alias("true")), on="sample_id")
        .drop_nulls("true")
    )
    return best[column].to_numpy(), (best["class"] == best["true"]).to_numpy()


def _calibration_bins(
    top: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return mean score and share right of the bins that hold something, and all bin sizes."""
    index = np.clip((top * 10).astype(int), 0, 9)
    size = np.bincount(index, minlength=10)
    filled = size > 0
    mean = np.bincount(index, top, minlength=10)[filled] / size[filled]
    share = np.bincount(index, right.astype(float), minlength=10)[filled] / size[filled]
    return mean, share, size


def _dots(axes: Axes, rows: pl.DataFrame, labels: list[str], metric: str) -> None:
    from matplotlib.ticker import PercentFormatter

    positions = [labels.index(label) for label in rows["label"]]
    value = rows["value"].to_numpy()
    low = rows["low"].fill_null(rows["value"]).to_numpy()
    high = rows["high"].fill_null(rows["value"]).to_numpy()
    axes.hlines(positions, low, high, color=ACCENT, linewidth=2.2, alpha=0.55)
    axes.scatter(value, positions, s=34, color=ACCENT, zorder=3)
    for x, y in zip(value, positions, strict=True):
        text = f"{x:.1%}" if metric in _SHARES else f"{x:.3f}"
        axes.annotate(
            text, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8.5
        )
    if metric in _SHARES:
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks(range(len(labels)), [shorten(label, 30) for label in labels])
    axes.set(title=HEADLINE_METRICS[metric], ylim=(len(labels) - 0.5, -0.75))
    axes.locator_params(axis="x", nbins=4)
    axes.margins(x=0.18)
    axes.tick_params(axis="y", length=0)
    grid(axes)
