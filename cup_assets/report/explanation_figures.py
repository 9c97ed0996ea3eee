"""Pictures of what scores are made of: many samples at once, single cases, models side by side.

Belongs here: drawing of contributions. Does not belong here: computing them
(`cup_assets.classify`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.report.style import (
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
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

_FOR, _AGAINST = "#009E73", "#CC79A7"
_QUANTITIES = {
    "calibrated_logit": "Contribution to the calibrated logit",
    "raw_score": "Contribution to the share of votes",
}
_BARS = 10


@picture
def swarm_plot(
    points: pl.DataFrame, *, quantity: str, title: str = "What speaks for a class"
) -> Figure:
    """Draw the contributions of the most important features, a dot a held-out sample.

    Parameters
    ----------
    points : pl.DataFrame
        ``class``, ``place`` (1 = most important to the class), ``feature``, ``gene``, ``value``
        (beta, 0 to 1), ``contribution``.
    quantity : str
        ``calibrated_logit`` or ``raw_score``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, two panels a row.
    """
    need(points, "swarm_plot", ["class", "place", "feature", "gene", "value", "contribution"])
    if points.is_empty():
        return message_figure(title, "Nothing has been explained yet.")
    classes = points["class"].unique(maintain_order=True).to_list()
    most = int(points["place"].max())  # type: ignore[arg-type]
    rows = (len(classes) + 1) // 2
    figure = new_figure(1.1 + rows * (0.85 + 0.27 * most))
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    colours = _low_high()
    for axes, name in zip(panels, classes, strict=False):
        _swarm(axes, points.filter(pl.col("class") == name), colours)
        axes.set_title(shorten(name, 46))
        axes.set_xlabel(_QUANTITIES.get(quantity, quantity))
    for axes in panels[len(classes) :]:
        axes.set_axis_off()
    _value_bar(figure, colours)
    n = max(points.group_by("class", "feature").len()["len"].to_list())
    entitle(
        figure,
        title,
        f"n = {count(n, 'held-out sample')}; the most important features of the "
        f"{count(len(classes), 'largest class', 'largest classes')}; right of 0: speaks for it",
    )
    return figure


def _swarm(axes: Axes, points: pl.DataFrame, colours: LinearSegmentedColormap) -> None:
    names: list[str] = []
    reach = max(map(abs, points["contribution"].to_list())) or 1.0
    for _, own in points.sort("place").group_by("place", maintain_order=True):
        x, value = own["contribution"].to_numpy(), own["value"].to_numpy()
        at = len(names) + 0.4 * _aside(x, reach)
        axes.scatter(
            x, at, c=value, cmap=colours, vmin=0, vmax=1, s=7, linewidth=0, alpha=0.9, zorder=3
        )
        names.append(_label(own["feature"][0], own["gene"][0]))
    axes.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")


def _aside(x: NDArray[np.floating], reach: float) -> NDArray[np.float64]:
    """Return how far each dot moves aside, -1 to 1, so that a crowd looks like one."""
    cell = np.round(x / reach * 45).astype(int)
    aside, most = np.zeros(len(x)), 1
    for name in np.unique(cell):
        own = np.flatnonzero(cell == name)
        aside[own] = (np.arange(len(own)) + 1) // 2 * (-1.0) ** np.arange(len(own))
        most = max(most, len(own) // 2)
    return aside / max(most, 6)


@picture
def waterfall_plot(cases: pl.DataFrame, *, title: str = "What made the call") -> Figure:
    """Draw for each case how its features lead from the base to the score of a class.

    Parameters
    ----------
    cases : pl.DataFrame
        ``sample_id``, ``label`` (words on the case), ``class``, ``quantity``, ``base``,
        ``output``, ``feature``, ``gene``, ``value`` (null: not measured), ``contribution``,
        ``rank`` (1 = largest).
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, a panel a case.
    """
    wanted = ["sample_id", "label", "class", "quantity", "base", "output", "feature", "gene"]
    need(cases, "waterfall_plot", [*wanted, "value", "contribution", "rank"])
    if cases.is_empty():
        return message_figure(title, "No case has been explained.")
    parts = [part for _, part in cases.group_by("sample_id", "label", maintain_order=True)]
    rows = (len(parts) + 1) // 2
    figure = new_figure(0.9 + rows * 4.0)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, part in zip(panels, parts, strict=False):
        _waterfall(axes, part.sort("rank"))
    for axes in panels[len(parts) :]:
        axes.set_axis_off()
    entitle(
        figure,
        title,
        f"n = {count(len(parts), 'case')}; green speaks for the class named, pink against it; "
        "beside a feature its beta, filled and adjusted (n. m.: not measured)",
    )
    return figure


def _waterfall(axes: Axes, case: pl.DataFrame) -> None:
    first = case.row(0, named=True)
    shown = case.head(_BARS)
    steps = shown["contribution"].to_list()
    names = [
        f"{_label(feature, gene)}  {'n. m.' if value is None else f'{value:.2f}'}"
        for feature, gene, value in shown["feature", "gene", "value"].iter_rows()
    ]
    # What the table does not hold is what is left between the base and the score.
    steps.append(first["output"] - first["base"] - sum(steps))
    names.append("all other features")
    at = first["output"]
    for place, step in enumerate(steps):
        axes.barh(place, step, left=at - step, height=0.66, color=_FOR if step > 0 else _AGAINST)
        axes.plot([at - step] * 2, [place - 0.33, place + 1.33], color=NEUTRAL, linewidth=0.8)
        axes.annotate(
            f"{step:+.2g}", (max(at, at - step), place), xytext=(3, 0),
            textcoords="offset points", va="center", fontsize=7.5, color=INK,
        )  # fmt: skip
        at -= step
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) + 0.35, -0.8)
    axes.use_sticky_edges = False
    axes.margins(x=0.14)
    axes.axvline(first["base"], color=MUTED, linestyle=":", linewidth=1)
    axes.annotate(
        f"base {first['base']:.2f}", (first["base"], len(names) + 0.25), fontsize=7.5,
        color=MUTED, ha="center", va="bottom",
    )  # fmt: skip
    what = _QUANTITIES.get(first["quantity"], first["quantity"])
    what = what.removeprefix("Contribution to the ").capitalize()
    axes.set(xlabel=what)
    axes.set_title(f"{shorten(first['label'], 34)}\nfor {shorten(first['class'], 30)}", fontsize=9)
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")


@picture
def agreement_plot(agreement: pl.DataFrame, *, title: str = "Do the models agree?") -> Figure:
    """Draw how far each pair of models finds the same features important.

    Parameters
    ----------
    agreement : pl.DataFrame
        ``a``, ``b``, ``class`` (null: over all classes), ``metric`` (rank_correlation, overlap),
        ``value``, ``by_chance``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide: over all classes, and the median of the classes.
    """
    need(agreement, "agreement_plot", ["a", "b", "class", "metric", "value", "by_chance"])
    models = sorted({*agreement["a"], *agreement["b"]})
    if len(models) < 2:
        return message_figure(title, "One model has nobody to agree with.")
    figure = new_figure(1.5 + 0.42 * len(models))
    panels = figure.subplots(1, 2, sharey=True)
    whole = agreement.filter(pl.col("class").is_null())
    for axes, metric, words in zip(
        panels,
        ("rank_correlation", "overlap"),
        ("Rank correlation of all features", "Share of the top features in common"),
        strict=True,
    ):
        own = whole.filter(pl.col("metric") == metric)
        _pairs(axes, own, models)
        axes.set_title(words)
    chance = whole.filter(pl.col("metric") == "overlap")["by_chance"].max()
    entitle(
        figure,
        title,
        f"n = {count(len(models), 'model')}; importance: mean absolute contribution over held-out "
        f"samples and classes; two random choices would share {float(chance or 0):.1%}",  # type: ignore[arg-type]
    )
    return figure


def _pairs(axes: Axes, pairs: pl.DataFrame, models: list[str]) -> None:
    table = np.full((len(models), len(models)), np.nan)
    for a, b, value in pairs["a", "b", "value"].iter_rows():
        i, j = models.index(a), models.index(b)
        table[i, j] = table[j, i] = np.nan if value is None else value
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        if not np.isnan(value):
            axes.text(
                j, i, f"{value:.2f}", ha="center", va="center", fontsize=9,
                color="white" if value > 0.6 else INK,
            )  # fmt: skip
    names = [shorten(model.replace("_", " "), 20) for model in models]
    axes.set_xticks(range(len(models)), names, fontsize=8, rotation=20, ha="right")
    axes.set_yticks(range(len(models)), names, fontsize=8)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _label(feature: str, gene: str | None) -> str:
    # The first of several genes: a label has no room for the others, the table has them.
    return f"{feature}  {shorten(gene.split(';')[0], 10)}" if gene else feature


def _low_high() -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low_high", ["#0072B2", "#c9c9c9", "#D55E00"])


def _value_bar(figure: Figure, colours: LinearSegmentedColormap) -> None:
    from matplotlib.cm import ScalarMappable

    axes = figure.add_axes(
        (0.72, 1 - 0.2 / figure.get_figheight(), 0.16, 0.09 / figure.get_figheight())
    )
    figure.colorbar(ScalarMappable(cmap=colours), cax=axes, orientation="horizontal", ticks=[])
    axes.set_in_layout(False)
    axes.set_axis_on()
    for x, words, side in ((-0.05, "low beta", "right"), (1.05, "high", "left")):
        axes.text(x, 0.5, words, transform=axes.transAxes, ha=side, va="center", fontsize=8)
    for spine in axes.spines.values():
        spine.set_edgecolor(GRID)
