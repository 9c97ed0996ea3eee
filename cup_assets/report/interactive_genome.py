"""A sample's copy-number profile as a page to zoom and hover in, without any network.

Belongs here: drawing of copy-number frames with plotly. Does not belong here: where the page goes,
the still picture (`genome_figures`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from cup_assets.genome import CHROMOSOMES, chromosome_arms, chromosome_lengths, cytobands
from cup_assets.report.style import (
    FULL_COLOUR,
    GAIN,
    GRID,
    INK,
    LOSS,
    MUTED,
    NEUTRAL,
    STAIN_COLOURS,
    count,
    need,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

LIBRARY = "plotly.min.js"
"""File name of the drawing library, which pages of one folder's parent share."""
_RANGE = (1.25, 4.0)  # least and greatest absolute log2 ratio at the edge
_MB = 1e6
_COLOURS = [[0, "#a33f00"], [0.25, LOSS], [0.5, "#c9c6c2"], [0.75, GAIN], [1, "#003f6b"]]
_ALTERED = ("gain", "loss", "amplification", "deletion")
_SHOWN_GENES = 8


def interactive_genome(
    bins: pl.DataFrame,
    segments: pl.DataFrame,
    calls: pl.DataFrame,
    title: str,
    build: str,
    genes: pl.DataFrame | None = None,
    bin_genes: Sequence[str] | None = None,
) -> bytes:
    """Draw a sample's profile as an HTML page.

    Parameters
    ----------
    bins : pl.DataFrame
        ``chrom``, ``start``, ``end`` (0-based, half-open), ``log2``, ``n_probes``.
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``, ``n_probes``, ``call``.
    calls : pl.DataFrame
        ``kind``, ``region``, ``log2``, ``call``, ``confidence``.
    title : str
        The sample, and what else a reader should see first.
    build : str
        ``hg19`` or ``hg38``.
    genes : pl.DataFrame, optional
        ``region``, ``chrom``, ``start``, ``end``: where the called genes lie.
    bin_genes : sequence of str, optional
        What to show of the genes of each bin (`genes_of_bins`).

    Returns
    -------
    bytes
        A page that loads `LIBRARY` from the folder above its own. The same input gives the same
        bytes.
    """
    need(bins, "interactive_genome bins", ["chrom", "start", "end", "log2", "n_probes"])
    need(segments, "interactive_genome segments", ["chrom", "start", "end", "log2", "call"])
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_trace(_bin_trace(bins, build, bin_genes))
    figure.add_trace(_segment_trace(segments, build))
    figure.add_trace(_band_trace(build))
    highest = float(np.clip(bins["log2"].abs().max() or 0.0, *_RANGE))  # type: ignore[arg-type]
    _name_genes(figure, calls, genes, build, highest)
    _lay_out(figure, title, build, bins.height, segments, 1.25 * highest)
    page: str = figure.to_html(
        include_plotlyjs=f"../{LIBRARY}",
        div_id="genome",
        config={"displaylogo": False, "scrollZoom": True, "responsive": True},
    )
    return page.encode()


def library() -> bytes:
    """Return the drawing library that the pages load."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).encode()


def genes_of_bins(probes: pl.DataFrame, bins: pl.DataFrame) -> list[str]:
    """Return the gene symbols that the manifest gives to the probes of each bin.

    Parameters
    ----------
    probes : pl.DataFrame
        The manifest's probes: ``chrom``, ``pos``, ``genes`` (";"-joined).
    bins : pl.DataFrame
        ``chrom``, ``start``, ``end``.

    Returns
    -------
    list of str
        Up to eight symbols a bin, in alphabetical order, and "…" where there are more.
    """
    named = (
        probes.drop_nulls(["chrom", "pos", "genes"])
        .select("chrom", "pos", pl.col("genes").str.split(";").alias("gene"))
        .explode("gene")
        .filter(pl.col("gene") != "")
        .sort("pos")
    )
    places = bins.select("chrom", "start", "end").with_row_index("bin").sort("start")
    inside = named.join_asof(
        places, left_on="pos", right_on="start", by="chrom", strategy="backward",
        check_sortedness=False,
    ).filter(pl.col("pos") < pl.col("end"))  # fmt: skip
    symbols = inside.group_by("bin").agg(pl.col("gene").unique().sort())
    names = [""] * bins.height
    for at, found in symbols.iter_rows():
        more = " …" if len(found) > _SHOWN_GENES else ""
        names[at] = ", ".join(found[:_SHOWN_GENES]) + more
    return names


def _offsets(build: str) -> dict[str, int]:
    lengths = chromosome_lengths(build)
    ends = np.cumsum(list(lengths.values())).tolist()
    return dict(zip(lengths, [0, *ends[:-1]], strict=True))


def _along(frame: pl.DataFrame, build: str, place: pl.Expr) -> np.ndarray:
    """Return genome-wide positions in Mb."""
    shift = pl.col("chrom").replace_strict(_offsets(build), return_dtype=pl.Float64)
    return frame.select((shift + place) / _MB)[:, 0].to_numpy().astype(np.float32)


def _bin_trace(bins: pl.DataFrame, build: str, bin_genes: Sequence[str] | None) -> go.Scattergl:
    import plotly.graph_objects as go

    level = bins["log2"].to_numpy().astype(np.float32)
    chrom = bins["chrom"].to_list()
    names = bin_genes if bin_genes is not None else [""] * bins.height
    return go.Scattergl(
        x=_along(bins, build, (pl.col("start") + pl.col("end")) / 2),
        y=level,
        mode="markers",
        name="bins",
        marker={
            "size": 4,
            "color": np.clip(level, -FULL_COLOUR, FULL_COLOUR),
            "cmin": -FULL_COLOUR,
            "cmax": FULL_COLOUR,
            "colorscale": _COLOURS,
        },
        customdata=bins.select("start", "end", "n_probes").to_numpy().astype(np.int32),
        text=[f"{c}|{names}" for c, names in zip(chrom, names, strict=True)],
        hovertemplate="chromosome %{text}<br>%{customdata[0]:,}-%{customdata[1]:,}"
        "<br>log2 %{y:.3f}, %{customdata[2]} probes<extra></extra>",
    )


def _segment_trace(segments: pl.DataFrame, build: str) -> go.Scatter:
    import plotly.graph_objects as go

    start, end = (_along(segments, build, pl.col(c)) for c in ("start", "end"))
    gap = np.full(start.size, np.nan, np.float32)
    label = [
        f"{row['chrom']}:{row['start']:,}-{row['end']:,}<br>log2 {row['log2']:.3f}, {row['call']}"
        for row in segments.iter_rows(named=True)
    ]
    return go.Scatter(
        x=np.stack([start, end, gap], axis=1).ravel(),
        y=np.repeat(segments["log2"].to_numpy().astype(np.float32), 3),
        mode="lines",
        name="segments",
        line={"color": "rgba(0,0,0,0)", "width": 9},  # to hover: shapes draw them, above the bins
        text=[text for text in label for _ in range(3)],
        hovertemplate="segment %{text}<extra></extra>",
    )


def _band_trace(build: str) -> go.Bar:
    import plotly.graph_objects as go

    bands = cytobands(build)
    start, end = (_along(bands, build, pl.col(c)) for c in ("start", "end"))
    return go.Bar(
        x=(start + end) / 2,
        width=end - start,
        y=np.ones(bands.height, np.float32),
        yaxis="y2",
        name="bands",
        marker={"color": [STAIN_COLOURS[stain] for stain in bands["stain"]], "line": {"width": 0}},
        text=[f"{chrom}{band}" for chrom, band in bands.select("chrom", "band").iter_rows()],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )


def _name_genes(
    figure: go.Figure,
    calls: pl.DataFrame,
    genes: pl.DataFrame | None,
    build: str,
    highest: float,
) -> None:
    if genes is None:
        return
    named = (
        calls.filter((pl.col("kind") == "gene") & pl.col("call").is_in(_ALTERED))
        .drop_nulls("log2")
        .join(genes, on="region", how="inner")
    )
    positions = _along(named, build, (pl.col("start") + pl.col("end")) / 2)
    last, level = {1: -1e9, -1: -1e9}, {1: 0, -1: 0}
    for i in np.argsort(positions, kind="stable").tolist():
        row = named.row(i, named=True)
        side = 1 if row["log2"] > 0 else -1
        # Neighbours climb a small staircase instead of overprinting each other.
        level[side] = (level[side] + 1) % 5 if positions[i] - last[side] < 130 else 0
        last[side] = float(positions[i])
        figure.add_annotation(
            x=float(positions[i]),
            y=float(np.clip(row["log2"], -highest, highest)),
            text=row["region"],
            hovertext=f"{row['region']}: {row['call']}, log2 {row['log2']:.2f}, "
            f"confidence {row['confidence']:.2f}",
            ax=0,
            ay=-side * (34 + 17 * level[side]),
            arrowwidth=1,
            arrowcolor=MUTED,
            arrowhead=0,
            font={"color": GAIN if side > 0 else LOSS, "size": 12, "weight": "bold"},
            bgcolor="rgba(255,255,255,0.8)",
        )


def _lay_out(
    figure: go.Figure,
    title: str,
    build: str,
    n_bins: int,
    segments: pl.DataFrame,
    highest: float,
) -> None:
    offsets, lengths = _offsets(build), chromosome_lengths(build)
    middle = [(offsets[c] + lengths[c] / 2) / _MB for c in CHROMOSOMES]
    short_arms = chromosome_arms(build).filter(pl.col("arm").str.ends_with("p"))
    edges = [(offsets[c] / _MB, "solid", NEUTRAL) for c in CHROMOSOMES]
    edges += [
        ((offsets[chrom] + end) / _MB, "dot", GRID)
        for chrom, end in short_arms.select("chrom", "end").iter_rows()
    ]
    shapes: list[dict[str, Any]] = [
        {
            "type": "line", "x0": x, "x1": x, "y0": 0.1, "y1": 1, "yref": "paper",
            "layer": "below", "line": {"color": colour, "width": 1, "dash": dash},
        }
        for x, dash, colour in edges
    ]  # fmt: skip
    starts, ends = (_along(segments, build, pl.col(c)).tolist() for c in ("start", "end"))
    shapes += [
        {
            "type": "line", "x0": x0, "x1": x1, "y0": level, "y1": level,
            "layer": "above", "line": {"color": INK, "width": 3},
        }
        for x0, x1, level in zip(starts, ends, segments["log2"].round(4).to_list(), strict=True)
    ]  # fmt: skip
    caption = (
        f"{count(n_bins, 'bin')}, {count(segments.height, 'segment')}; {build}; log2 ratio to "
        "normal controls: blue above 0 = gain, orange below 0 = loss; "
        "drag to zoom, double-click to reset"
    )
    figure.update_layout(
        title={"text": f"{title}<br><sup>{caption}</sup>", "x": 0.01},
        shapes=shapes,
        showlegend=False,
        plot_bgcolor="white",
        bargap=0,
        margin={"l": 60, "r": 20, "t": 70, "b": 40},
        xaxis={
            "tickvals": middle, "ticktext": list(CHROMOSOMES), "showgrid": False, "anchor": "y2",
            "range": [0, sum(lengths.values()) / _MB], "title": "Chromosome",
        },
        yaxis={
            "domain": [0.1, 1], "range": [-highest, highest], "gridcolor": GRID,
            "zerolinecolor": MUTED, "title": "log2 ratio",
        },
        yaxis2={"domain": [0, 0.06], "range": [0, 1], "visible": False, "fixedrange": True},
    )  # fmt: skip
