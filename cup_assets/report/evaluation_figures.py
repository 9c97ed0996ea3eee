"""Pictures of what an evaluation warns of: calibration, rejection, too few patients, new classes.

Belongs here: drawing of the tables of `cup_assets.classify`. Does not belong here: computing them,
classifiers side by side (`comparison_figures`).
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = {
    "raw": ("before calibration", style.NEUTRAL, "s"),
    "calibrated": ("calibrated", style.ACCENT, "o"),
}
_OUTCOMES = {
    "match": ("match (wrong)", style.LOSS),
    "family_wrong": ("another family only", "#882255"),
    "family_right": ("its own family only", style.CALL_COLOURS["match"]),
    "no_match": ("no match", "#c9c9c9"),
}
_BAND = 0.16


@style.picture
def reliability_diagram(
    table: pl.DataFrame, *, title: str = "Does a score mean what it says?"
) -> Figure:
    """Draw how often predictions are right against their score, before and after calibration.

    Parameters
    ----------
    table : pl.DataFrame
        ``kind`` (raw, calibrated), ``bin_low``, ``bin_high``, ``n``, ``predicted``, ``observed``,
        ``low``, ``high``, as `cup_assets.classify.reliability.reliability_table` gives it.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; bars are 95 % intervals; the number of predictions a bin below.
    """
    columns = ["kind", "bin_low", "bin_high", "n", "predicted", "observed", "low", "high"]
    style.need(table, "reliability_diagram", columns)
    filled = table.filter(pl.col("n") > 0)
    if filled.is_empty():
        return style.message_figure(title, "No score with a known class yet.")
    figure = style.new_figure(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=style.MUTED, linestyle="--", linewidth=1, label="perfect")
    for kind, (name, colour, marker) in _KINDS.items():
        rows, every = (frame.filter(pl.col("kind") == kind) for frame in (filled, table))
        if rows.is_empty():
            continue
        x, low, high = rows["predicted"], *_limits(rows)
        upper.vlines(x, low, high, color=colour, linewidth=2, alpha=0.5)
        upper.plot(x, rows["observed"], color=colour, marker=marker, label=name, markersize=5)
        edges = [*every["bin_low"], every["bin_high"][-1]]
        filled_in = kind == "calibrated"
        lower.stairs(
            every["n"], edges, color=colour, fill=filled_in, linewidth=1.4, zorder=3 - filled_in
        )
    upper.set(ylabel="Share that is right", xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.legend(loc="best")
    lower.set(xlabel="Score of the highest-scoring class", ylabel="Predictions")
    for axes in (upper, lower):
        style.grid(axes)
    n = style.count(int(table.filter(pl.col("kind") == table["kind"][0])["n"].sum()), "prediction")
    bins = table["bin_low"].n_unique()
    style.entitle(figure, title, f"n = {n}, {bins} bins; bars: 95 % intervals over patients")
    return figure


@style.picture
def reject_plot(
    curve: pl.DataFrame,
    false_matches: pl.DataFrame | None = None,
    *,
    threshold: float | None = None,
    title: str = "What a threshold costs, and what it saves",
) -> Figure:
    """Draw accuracy against coverage, and both against the threshold of a call.

    Parameters
    ----------
    curve : pl.DataFrame
        ``threshold``, ``n_kept``, ``coverage``, ``accuracy`` with ``_low`` and ``_high``, as
        `cup_assets.classify.reliability.reject_curve` gives it.
    false_matches : pl.DataFrame, optional
        ``threshold``, ``false_match``, ``low``, ``high``, as
        `cup_assets.classify.novelty.false_matches` gives it.
    threshold : float, optional
        The one in use, marked.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, two panels; bands are 95 % intervals.
    """
    from matplotlib.ticker import PercentFormatter

    names = [f"{a}{b}" for a in ("coverage", "accuracy") for b in ("", "_low", "_high")]
    style.need(curve, "reject_plot", ["threshold", "n_kept", *names])
    told = curve.drop_nulls("accuracy").sort("threshold")
    if told.is_empty():
        return style.message_figure(title, "No score with a known class yet.")
    figure = style.new_figure(4.3)
    left, right = figure.subplots(1, 2)
    _band(left, told["coverage"], told, "accuracy", style.ACCENT, None)
    # Of the few that pass the highest thresholds little is known: their band would fill the panel.
    whole = told.filter(pl.col("coverage") == pl.col("coverage").max())
    least = min(told["accuracy"].to_list() + whole["accuracy_low"].drop_nulls().to_list())
    least = max(0.0, min(0.98, least - 0.02))
    left.set(xlabel="Coverage: share that is called", title="Accuracy of what is called")
    left.set_ylim(least, 1 + 0.03 * (1 - least))
    _band(right, curve["threshold"], curve, "coverage", style.MUTED, "coverage")
    _band(right, told["threshold"], told, "accuracy", style.ACCENT, "accuracy")
    if false_matches is not None and false_matches.height:
        novel = false_matches.rename({"low": "false_match_low", "high": "false_match_high"})
        _band(right, novel["threshold"], novel, "false_match", style.LOSS, "unseen classes called")
    right.set(xlabel="Least score of a call", title="By threshold", xlim=(0, 1), ylim=(0, 1.02))
    if threshold is not None:
        right.axvline(threshold, color=style.INK, linestyle="--", linewidth=1)
        used = told.filter(pl.col("threshold") >= threshold - 1e-9).head(1)
        left.plot(used["coverage"], used["accuracy"], "o", color=style.INK, markersize=6)
    right.legend(loc="lower left")
    for axis in (left.xaxis, left.yaxis, right.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    for axes in (left, right):
        style.grid(axes)
    mark = "" if threshold is None else f"; dashed and dot: the threshold in use, {threshold:g}"
    style.entitle(
        figure,
        title,
        f"n = {style.count(int(curve['n_kept'].max()), 'prediction')}; "  # type: ignore[arg-type]
        f"bands: 95 % intervals over patients{mark}",
    )
    return figure


@style.picture
def learning_curve_plot(
    points: pl.DataFrame,
    fitted: pl.DataFrame | None = None,
    *,
    note: str = "",
    title: str = "How many more patients do we need?",
) -> Figure:
    """Draw the error against the number of patients in training.

    Parameters
    ----------
    points : pl.DataFrame
        ``n_train_patients``, ``n_test_patients``, ``error``, ``low``, ``high``, as
        `cup_assets.classify.learning_curve.learning_curve` gives them.
    fitted : pl.DataFrame, optional
        ``n_patients``, ``error``, ``low``, ``high``, ``extrapolated``, as
        `cup_assets.classify.extrapolation.extrapolate` gives it; empty where that refuses.
    note : str
        A sentence to stand above the curve: the answer, or why there is none.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide; what is extrapolated is dashed.
    """
    from matplotlib.ticker import PercentFormatter

    style.need(points, "learning_curve_plot", ["n_train_patients", "error", "low", "high"])
    if points.is_empty():
        return style.message_figure(title, "No learning curve yet.")
    figure = style.new_figure(4.4)
    axes = figure.subplots()
    if fitted is not None and fitted.height:
        inside = fitted.filter(~pl.col("extrapolated"))
        beyond = pl.concat([inside.tail(1), fitted.filter("extrapolated")])
        for part, line, name in (
            (inside, "-", "inverse power law"),
            (beyond, "--", "extrapolated"),
        ):
            axes.fill_between(
                part["n_patients"], *_limits(part), color=style.ACCENT, alpha=_BAND, linewidth=0
            )
            axes.plot(
                part["n_patients"], part["error"], color=style.ACCENT, linestyle=line, label=name
            )
    axes.vlines(
        points["n_train_patients"], *_limits(points), color=style.INK, linewidth=2, alpha=0.5
    )
    axes.plot(
        *(points["n_train_patients"], points["error"]),
        "o",
        color=style.INK,
        markersize=6,
        label="measured",
    )
    axes.set(xlabel="Patients in training", ylabel="Error on held-out patients")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper right")
    style.grid(axes)
    n = style.count(int(points["n_test_patients"].max()), "held-out patient")  # type: ignore[arg-type]
    axes.set_title("\n".join(wrap(note, 110)), fontweight="normal", fontsize=9.5)
    style.entitle(figure, title, f"n = {n}; bars and bands: 95 % intervals")
    return figure


@style.picture
def novelty_plot(
    outcomes: pl.DataFrame, *, title: str = "What is a tumour of an unseen class called?"
) -> Figure:
    """Draw the calls of each class that was left out of the training.

    Parameters
    ----------
    outcomes : pl.DataFrame
        ``class``, ``family_known``, ``n_samples``, ``outcome``, ``share``, ``low``, ``high``, as
        `cup_assets.classify.novelty.novelty_outcomes` gives them.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide: a bar a class, those most often called wrongly on top; at the right the
        wrong matches with their 95 % interval.
    """
    from matplotlib.ticker import PercentFormatter

    columns = ["class", "family_known", "n_samples", "outcome", "share", "low", "high"]
    style.need(outcomes, "novelty_plot", columns)
    if outcomes.is_empty():
        return style.message_figure(title, "No class has been left out yet.")
    wrong = outcomes.filter(pl.col("outcome") == "match")
    each = wrong.drop_nulls("class").sort("share", "class", descending=[True, False])
    order = [None, *each["class"].to_list()]
    figure = style.new_figure(1.5 + 0.3 * len(order))
    axes = figure.subplots()
    left = [0.0] * len(order)
    shares = {(r["class"], r["outcome"]): r["share"] or 0.0 for r in outcomes.to_dicts()}
    for outcome, (label, colour) in _OUTCOMES.items():
        width = [shares[of, outcome] for of in order]
        axes.barh(range(len(order)), width, left=left, color=colour, label=label, height=0.72)
        left = [a + b for a, b in zip(left, width, strict=True)]
    sizes = dict(wrong.select("class", "n_samples").iter_rows())
    alone = set(outcomes.filter(pl.col("family_known").eq(False))["class"])
    names = ["all classes" if of is None else style.shorten(of, 32) for of in order]
    stars = ["*" if of in alone else "" for of in order]
    labels = [f"{a}{b} ({sizes[of]})" for a, b, of in zip(names, stars, order, strict=True)]
    axes.set_yticks(range(len(order)), labels)
    axes.set(xlim=(0, 1), ylim=(len(order) - 0.5, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for place, of in enumerate(order):
        row = wrong.filter(pl.col("class").eq_missing(pl.lit(of, pl.String))).row(0, named=True)
        text = f"{row['share']:.0%}"
        if row["low"] is not None:
            text += f" ({row['low']:.0%} to {row['high']:.0%})"
        axes.annotate(text, (1.01, place), va="center", fontsize=8.5, annotation_clip=False)
    # At the right end: beside long names it is wider than the bars.
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(_OUTCOMES), borderaxespad=0.2)
    star = "; * the only class of its family" if alone else ""
    style.entitle(
        figure,
        title,
        f"n = {style.count(sizes[None], 'sample')}; at the right: wrong matches, 95 % interval "
        f"over patients{star}",
    )
    return figure


def _limits(rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return the interval; where there is none, the value itself."""
    value = "observed" if "observed" in rows.columns else "error"
    return rows["low"].fill_null(rows[value]), rows["high"].fill_null(rows[value])


def _band(
    axes: Axes, x: pl.Series, rows: pl.DataFrame, column: str, colour: str, label: str | None
) -> None:
    low, high = (rows[f"{column}_{side}"].fill_null(rows[column]) for side in ("low", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=_BAND, linewidth=0)
    axes.plot(x, rows[column], color=colour, label=label)
