"""The maps of the samples as a page to zoom and hover in, without any network.

Belongs here: drawing of maps with plotly. Does not belong here: making maps, where the page goes,
the still picture (`landscape_figures`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from cup_assets.report.interactive_genome import LIBRARY
from cup_assets.report.landscape_figures import METHOD_NAMES
from cup_assets.report.style import GRID, INK, MUTED, Mark, class_palette, count, need

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
    "P": "cross", "X": "x",
}  # fmt: skip
CASE = "diagnostic case"


def interactive_map(
    landscape: pl.DataFrame,
    samples: pl.DataFrame,
    *,
    shown: Sequence[str] = (),
    title: str = "Landscape of the samples",
    library: str = f"../{LIBRARY}",
) -> bytes:
    """Draw all maps as one HTML page; buttons choose the map, the legend hides and shows classes.

    Parameters
    ----------
    landscape : pl.DataFrame
        ``method``, ``seed``, ``sample_id``, ``x``, ``y``.
    samples : pl.DataFrame
        ``sample_id``, ``class`` (null: a diagnostic case) and the columns ``shown``.
    shown : sequence of str
        Columns of ``samples`` that hovering shows, as they are called.
    library : str
        Where the page loads plotly from; the same folder's parent by default.

    Returns
    -------
    bytes
        The same input gives the same bytes.
    """
    need(landscape, "interactive_map", ["method", "seed", "sample_id", "x", "y"])
    need(samples, "interactive_map samples", ["sample_id", "class", *shown])
    import plotly.graph_objects as go

    known = landscape.join(samples.unique("sample_id"), on="sample_id", how="left").sort(
        "method", "seed", "sample_id"
    )
    palette = class_palette(known["class"].drop_nulls())
    maps = _maps(known)
    figure = go.Figure()
    traces = []
    for number, (method, seed) in enumerate(maps):
        part = known.filter((pl.col("method") == method) & (pl.col("seed") == seed))
        for trace in _traces(part, palette, shown, visible=number == 0):
            figure.add_trace(trace)
            traces.append(number)
    _lay_out(figure, maps, traces, title, known["sample_id"].n_unique())
    page: str = figure.to_html(
        include_plotlyjs=library,
        div_id="map",
        config={"displaylogo": False, "scrollZoom": True, "responsive": True},
    )
    return page.encode()


def _maps(known: pl.DataFrame) -> list[tuple[str, int]]:
    """Return methods and seeds, methods in the order of `METHOD_NAMES`."""
    names = list(METHOD_NAMES)
    pairs = known.select("method", "seed").unique().rows()
    return sorted(pairs, key=lambda pair: (names.index(pair[0]) if pair[0] in names else 9, *pair))


def _traces(
    part: pl.DataFrame, palette: Mapping[str, Mark], shown: Sequence[str], *, visible: bool
) -> list[go.Scattergl]:
    import plotly.graph_objects as go

    hover = "<b>%{text}</b><br>" + "<br>".join(
        f"{name}: %{{customdata[{at}]}}" for at, name in enumerate(["class", *shown])
    )
    traces = []
    for name in [*palette, None]:
        some = part.filter(pl.col("class").eq_missing(name))
        if some.is_empty():
            continue
        mark = palette[name] if name is not None else Mark(INK, "X")
        columns = [some[column].cast(pl.String).fill_null("–") for column in ["class", *shown]]
        marker: dict[str, Any] = {
            "color": mark.colour, "symbol": _SYMBOLS[mark.marker], "size": 8,
            "line": {"width": 0.5, "color": "white"},
        }  # fmt: skip
        traces.append(
            go.Scattergl(
                x=some["x"].round(4).to_list(),
                y=some["y"].round(4).to_list(),
                mode="markers",
                name=f"{name or CASE} ({some.height})",
                legendgroup=name or CASE,
                marker=marker,
                text=some["sample_id"].to_list(),
                customdata=[list(row) for row in zip(*columns, strict=True)],
                hovertemplate=hover + "<extra></extra>",
                visible=visible,
            )
        )
    return traces


def _lay_out(
    figure: go.Figure,
    maps: Sequence[tuple[str, int]],
    traces: Sequence[int],
    title: str,
    n_samples: int,
) -> None:
    seeds = {method: sum(one == method for one, _ in maps) for method, _ in maps}
    buttons = [
        {
            "label": METHOD_NAMES.get(method, method)
            + (f", seed {seed}" if seeds[method] > 1 else ""),
            "method": "update",
            "args": [{"visible": [own == number for own in traces]}],
        }
        for number, (method, seed) in enumerate(maps)
    ]
    axis = {"showgrid": True, "gridcolor": GRID, "zeroline": False, "showticklabels": False}
    figure.update_layout(
        title={"text": f"{title}<br><sup>n = {count(n_samples, 'sample')}; distances between far "
                       "groups mean nothing in t-SNE and UMAP</sup>",
               "yref": "container", "y": 0.98, "yanchor": "top"},
        font={"family": "DejaVu Sans, Arial, sans-serif", "color": INK},
        plot_bgcolor="white",
        hovermode="closest",
        legend={"itemsizing": "constant", "font": {"size": 11, "color": INK}},
        margin={"l": 20, "r": 20, "t": 120, "b": 30},
        updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02,
                      "yanchor": "bottom", "bgcolor": "white", "bordercolor": MUTED}]
        if len(buttons) > 1 else [],
        xaxis=axis,
        yaxis={**axis, "scaleanchor": None},
    )  # fmt: skip
