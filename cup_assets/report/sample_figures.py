"""Pictures of samples: beta densities, signal quality, class sizes.

Belongs here: what is drawn before any classifier. Does not belong here: computing quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.report.style import (
    ACCENT,
    GRID,
    MUTED,
    NEUTRAL,
    VERDICT_COLOURS,
    ReportError,
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

BAD_SIGNAL = 10.5
"""log2 intensity: minfi's limit on the mean of a sample's two medians."""
_NAMED_AT_MOST = 8


@picture
def beta_density(
    betas: NDArray[np.float32],
    sample_ids: Sequence[str],
    verdicts: Sequence[str],
    *,
    title: str = "Distribution of beta values, one line a sample",
) -> Figure:
    """Draw the distribution of beta values of every sample.

    Parameters
    ----------
    betas : float32[p, n]
        Beta values, probes x samples; NaN is left out.
    sample_ids : n str
    verdicts : n str
        ``pass``, ``warn`` or ``fail``; samples that did not pass are drawn on top and named.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide.

    Raises
    ------
    ReportError
        If names, verdicts and columns do not match.
    """
    if not betas.shape[1:] == (len(sample_ids),) == (len(verdicts),):
        raise ReportError(
            f"beta_density: betas {betas.shape}, {len(sample_ids)} names, {len(verdicts)} verdicts"
        )
    if betas.size == 0:
        return message_figure(title, "No beta values to draw.")
    figure = new_figure(4.4)
    axes = figure.subplots()
    edges = np.linspace(0, 1, 81)
    centres = (edges[1:] + edges[:-1]) / 2
    order = sorted(range(len(sample_ids)), key=lambda i: (severity(verdicts[i]), i))
    for i in order:
        column = betas[:, i]
        density, _ = np.histogram(column[np.isfinite(column)], edges, range=(0, 1))
        area = density.sum() * (edges[1] - edges[0])
        passed = verdicts[i] == "pass"
        axes.plot(
            centres,
            density / area if area else density,
            color=VERDICT_COLOURS.get(verdicts[i], NEUTRAL),
            alpha=0.45 if passed else 0.95,
            linewidth=0.9 if passed else 1.6,
        )
    axes.set(xlabel="Beta value (share methylated)", ylabel="Density", xlim=(0, 1), ylim=(0, None))
    axes.margins(y=0.02)
    grid(axes)
    _verdict_legend(axes, sample_ids, verdicts)
    missing = float(np.isnan(betas).mean())
    entitle(
        figure,
        title,
        f"n = {count(len(sample_ids), 'sample')} x {count(betas.shape[0], 'probe')}; "
        f"{missing:.1%} of the values are masked and left out",
    )
    return figure


@picture
def quality_scatter(
    quality: pl.DataFrame, *, title: str = "Signal strength of every sample"
) -> Figure:
    """Draw median unmethylated against median methylated signal.

    Parameters
    ----------
    quality : pl.DataFrame
        ``sample_id``, ``median_m``, ``median_u`` (log2 intensity), ``verdict``.
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, with the limit mean(median_m, median_u) = 10.5 (minfi's ``getQC``).
    """
    need(quality, "quality_scatter", ["sample_id", "median_m", "median_u", "verdict"])
    measured = quality.drop_nulls(["median_m", "median_u"]).sort("sample_id")
    if measured.is_empty():
        return message_figure(title, "No sample has a measured signal.")
    figure = new_figure(5.0)
    axes = figure.subplots()
    verdicts = measured["verdict"].to_list()
    for verdict in sorted(set(verdicts), key=severity):
        some = measured.filter(pl.col("verdict") == verdict)
        axes.scatter(
            some["median_m"],
            some["median_u"],
            s=34,
            color=VERDICT_COLOURS.get(verdict, NEUTRAL),
            edgecolor="white",
            linewidth=0.6,
            zorder=3 + severity(verdict),
        )
    values = measured.select("median_m", "median_u").to_numpy()
    low = min(float(values.min()), BAD_SIGNAL - 0.6) - 0.3
    high = max(float(values.max()), BAD_SIGNAL + 0.6) + 0.3
    limit = np.array([low - 1, high + 1])
    axes.fill_between(limit, 2 * BAD_SIGNAL - limit, low - 1, color="#f6ece9", linewidth=0)
    axes.plot(limit, 2 * BAD_SIGNAL - limit, color=MUTED, linestyle="--", linewidth=1)
    axes.text(
        0.015,
        0.03,
        f"too weak: mean of the two medians < {BAD_SIGNAL}",
        transform=axes.transAxes,
        color=MUTED,
        fontsize=9,
    )
    failed = measured.filter(pl.col("verdict") == "fail")
    for label, x, y in _apart(failed, 0.05 * (high - low)):
        axes.annotate(label, (x, y), xytext=(6, 4), textcoords="offset points", fontsize=8.5)
    axes.set(
        xlabel="Median methylated signal (log2 intensity)",
        ylabel="Median unmethylated signal (log2 intensity)",
        xlim=(low, high),
        ylim=(low, high),
    )
    grid(axes)
    _verdict_legend(axes, measured["sample_id"].to_list(), verdicts)
    unmeasured = quality.height - measured.height
    without = f"; {count(unmeasured, 'sample')} without signal not drawn" if unmeasured else ""
    entitle(figure, title, f"n = {count(measured.height, 'sample')}{without}")
    return figure


@picture
def class_sizes(members: pl.DataFrame, *, title: str = "Reference samples by class") -> Figure:
    """Draw how many samples each class has, and how many were left out.

    Parameters
    ----------
    members : pl.DataFrame
        ``sample_id``, ``class`` (null: no class), ``included`` (bool).
    title : str

    Returns
    -------
    bytes
        PNG, 900 px wide, height by the number of classes.
    """
    from matplotlib.ticker import MaxNLocator

    need(members, "class_sizes", ["sample_id", "class", "included"])
    if members.is_empty():
        return message_figure(title, "No sample yet.")
    sizes = (
        members.with_columns(pl.col("class").fill_null("(no class)"))
        .group_by("class")
        .agg(pl.col("included").sum().alias("kept"), (~pl.col("included")).sum().alias("left_out"))
        .sort(["kept", "left_out", "class"], descending=[False, False, True])
    )
    figure = new_figure(1.5 + 0.26 * sizes.height)
    axes = figure.subplots()
    rows = np.arange(sizes.height)
    kept, left_out = sizes["kept"].to_numpy(), sizes["left_out"].to_numpy()
    axes.barh(rows, kept, height=0.68, color=ACCENT, label="included")
    if left_out.any():
        axes.barh(rows, left_out, left=kept, height=0.68, color=GRID, label="left out", zorder=2)
        axes.legend(loc="lower right")
    for row, (inside, outside) in enumerate(zip(kept, left_out, strict=True)):
        text = f"{inside}" + (f"  (+{outside})" if outside else "")
        axes.annotate(
            text,
            (inside + outside, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(rows, [shorten(name) for name in sizes["class"]])
    axes.set(xlabel="Samples", ylim=(-0.6, sizes.height - 0.4))
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")
    entitle(
        figure,
        title,
        f"n = {count(int(kept.sum()), 'sample')} included of {members.height:,}, "
        f"{count(sizes.height, 'class', 'classes')}",
    )
    return figure


def severity(verdict: str) -> int:
    """Return 0 for pass, 1 for warn, 2 for fail."""
    return {"pass": 0, "warn": 1, "fail": 2}.get(verdict, 1)


def _apart(samples: pl.DataFrame, distance: float) -> list[tuple[str, float, float]]:
    """Return label, x and y of samples; those too close to write both share one: "S1 +2"."""
    groups: list[list[tuple[str, float, float]]] = []
    for name, x, y in samples.select("sample_id", "median_m", "median_u").iter_rows():
        for group in groups:
            if abs(group[0][1] - x) < 3 * distance and abs(group[0][2] - y) < distance:
                group.append((name, x, y))
                break
        else:
            groups.append([(name, x, y)])
    return [
        (shorten(group[0][0], 20) + (f" +{len(group) - 1}" if len(group) > 1 else ""), x, y)
        for group in groups[:_NAMED_AT_MOST]
        for _, x, y in [group[0]]
    ]


def _verdict_legend(axes: Axes, sample_ids: Sequence[str], verdicts: Sequence[str]) -> None:
    """Name the samples that failed, as long as the list stays readable."""
    from matplotlib.lines import Line2D

    handles = []
    for verdict in sorted(set(verdicts), key=severity):
        names = [s for s, v in zip(sample_ids, verdicts, strict=True) if v == verdict]
        label = f"{verdict}: {len(names):,}"
        if verdict != "pass" and len(names) <= _NAMED_AT_MOST:
            label += "".join(f"\n  {shorten(name, 24)}" for name in sorted(names))
        handles.append(
            Line2D([], [], color=VERDICT_COLOURS.get(verdict, NEUTRAL), linewidth=3, label=label)
        )
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0)
