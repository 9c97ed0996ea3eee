"""Pictures of diagnostic cases: their scores.

Belongs here: drawing of predictions. Does not belong here: making or calling them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.report.style import (
    CALL_COLOURS,
    INK,
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


@picture
def score_bars(
    predictions: pl.DataFrame, *, threshold: float = 0.9, title: str | None = None
) -> Figure:
    """Draw the calibrated scores of one case, or the best two classes of every case of a batch.

    Parameters
    ----------
    predictions : pl.DataFrame
        ``sample_id``, ``class``, ``score``, ``call`` (match, family_only, no_match).
    threshold : float
        Score from which a class counts as a match; drawn as a line.
    title : str, optional

    Returns
    -------
    bytes
        PNG, 900 px wide.
    """
    need(predictions, "score_bars", ["sample_id", "class", "score", "call"])
    cases = predictions["sample_id"].unique().sort().to_list()
    if not cases:
        return message_figure(title or "Scores", "No diagnostic case in this batch.")
    ranked = predictions.sort(
        ["sample_id", "score", "class"], descending=[False, True, False]
    ).with_columns(pl.int_range(pl.len()).over("sample_id").alias("place"))
    if len(cases) == 1:
        rows = ranked.filter(pl.col("place") < 10).with_columns(pl.col("class").alias("label"))
    else:
        rows = ranked.filter(pl.col("place") == 0).with_columns(pl.col("sample_id").alias("label"))
    figure = new_figure(1.45 + 0.29 * rows.height)
    axes = figure.subplots()
    positions = np.arange(rows.height)
    best = rows["place"].to_numpy() == 0
    colours = [
        CALL_COLOURS.get(call, NEUTRAL) if first else NEUTRAL
        for call, first in zip(rows["call"], best, strict=True)
    ]
    axes.barh(positions, rows["score"], height=0.62, color=colours)
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    if len(cases) > 1:
        second = ranked.filter(pl.col("place") == 1)
        at = [cases.index(s) for s in second["sample_id"]]
        axes.plot(second["score"], at, "|", color=INK, markersize=9, markeredgewidth=1.6)
    for position, (name, score) in enumerate(rows.select("class", "score").iter_rows()):
        text = f"{score:.3f}" + (f"  {shorten(name, 30)}" if len(cases) > 1 else "")
        axes.annotate(
            text, (1.01, position), xycoords=("axes fraction", "data"), va="center", fontsize=8.5
        )
    axes.set_yticks(positions, [shorten(label, 30) for label in rows["label"]])
    axes.set(xlabel="Calibrated score", xlim=(0, 1), ylim=(rows.height - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")
    _call_legend(axes, rows.filter(pl.col("place") == 0)["call"].to_list(), threshold)
    mark = "; tick: runner-up" if len(cases) > 1 else f"; the best {rows.height} are drawn"
    entitle(
        figure,
        title or ("Highest score of every case" if len(cases) > 1 else f"Scores of {cases[0]}"),
        f"n = {count(len(cases), 'case')}, "
        f"{count(predictions['class'].n_unique(), 'class', 'classes')}{mark}",
    )
    return figure


def _call_legend(axes: Axes, calls: Sequence[str], threshold: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[object] = [
        Patch(color=CALL_COLOURS.get(call, NEUTRAL), label=str(call).replace("_", " "))
        for call in sorted(set(calls))
    ]
    handles.append(
        Line2D([], [], color=INK, linestyle="--", linewidth=1, label=f"match from {threshold:g}")
    )
    axes.figure.legend(
        handles=handles, loc="upper right", ncols=len(handles), bbox_to_anchor=(0.995, 0.995)
    )
