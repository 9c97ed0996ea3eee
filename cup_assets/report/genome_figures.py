"""Pictures along the genome: a sample's copy-number profile.

Belongs here: drawing of copy-number frames. Does not belong here: bins, segments, calling.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

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
    entitle,
    gain_loss_colours,
    message_figure,
    need,
    new_figure,
    picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RANGE = 1.25
"""Absolute log2 ratio at the edge of the data; what lies beyond is drawn on the edge."""
_NAMES = (1.42, 0.17, 4)
"""Where gene names stand: first step, height of a step, number of steps, beyond the data."""
_IDEOGRAM = (-2.32, 0.14)
_CALLED = ("gain", "loss", "amplification", "deletion")


@picture
def genome_plot(
    bins: pl.DataFrame,
    segments: pl.DataFrame,
    calls: pl.DataFrame,
    title: str,
    build: str = "hg19",
    genes: pl.DataFrame | None = None,
) -> Figure:
    """Draw a sample's copy-number profile along the genome.

    The layout follows the convention of conumee's genome plot: bins as dots coloured by their
    value, segments as lines, chromosomes side by side, altered genes named.

    Parameters
    ----------
    bins : pl.DataFrame
        ``chrom``, ``start``, ``end`` (base pairs), ``log2`` (ratio to normal controls).
    segments : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``.
    calls : pl.DataFrame
        ``kind``, ``region``, ``log2``, ``call``. Genes and focal events that are called are
        named where they lie: by ``chrom``, ``start``, ``end`` of this frame, or of ``genes``.
    title : str
        The sample.
    build : str
        ``hg19`` or ``hg38``.
    genes : pl.DataFrame, optional
        ``region``, ``chrom``, ``start``, ``end``: where the called genes lie.

    Returns
    -------
    bytes
        PNG, 900 px wide. Without bins it says that no profile could be called.
    """
    need(bins, "genome_plot bins", ["chrom", "start", "end", "log2"])
    need(segments, "genome_plot segments", ["chrom", "start", "end", "log2"])
    need(calls, "genome_plot calls", ["kind", "region", "log2", "call"])
    bins = bins.filter(pl.col("log2").is_finite() & pl.col("chrom").is_in(CHROMOSOMES))
    if bins.is_empty():
        return message_figure(title, "No copy-number profile for this sample (no call).")
    offsets = _offsets(build)
    figure = new_figure(4.8)
    axes = figure.subplots()
    drawn = [c for c in CHROMOSOMES if c in set(bins["chrom"])]
    _chromosomes(axes, offsets, drawn, build)
    x = _along(bins, offsets, (pl.col("start") + pl.col("end")) / 2)
    y = bins["log2"].to_numpy()
    axes.scatter(
        x,
        np.clip(y, -_RANGE, _RANGE),
        c=np.clip(y, -FULL_COLOUR, FULL_COLOUR),
        cmap=gain_loss_colours(),
        vmin=-FULL_COLOUR,
        vmax=FULL_COLOUR,
        s=5,
        linewidth=0,
        zorder=3,
    )
    lines = segments.filter(pl.col("chrom").is_in(CHROMOSOMES))
    axes.hlines(
        lines["log2"].clip(-_RANGE, _RANGE).to_numpy(),
        _along(lines, offsets, pl.col("start")),
        _along(lines, offsets, pl.col("end")),
        color=INK,
        linewidth=2.0,
        zorder=4,
    )
    _name_genes(axes, calls, genes, offsets)
    _ideogram(axes, offsets, drawn, build)
    beyond_names = _NAMES[0] + _NAMES[1] * _NAMES[2]
    axes.set(ylabel="log2 ratio to normal controls", ylim=(_IDEOGRAM[0], beyond_names))
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    beyond = int((np.abs(y) > _RANGE).sum())
    outside = f"; {count(beyond, 'bin')} beyond ±{_RANGE} on the edge" if beyond else ""
    entitle(
        figure,
        title,
        f"n = {count(bins.height, 'bin')}, {count(segments.height, 'segment')}; {build}; "
        f"blue = gain, orange = loss; dotted: centromeres{outside}",
    )
    return figure


def gene_places(probes: pl.DataFrame, regions: Iterable[str]) -> pl.DataFrame:
    """Return where genes lie, as the span of their probes: what `genome_plot` names them by.

    Parameters
    ----------
    probes : pl.DataFrame
        The manifest's probes: ``chrom``, ``pos``, ``genes`` (";"-joined).
    regions : iterable of str
        Gene symbols.

    Returns
    -------
    pl.DataFrame
        ``region``, ``chrom``, ``start``, ``end`` (base pairs); genes without a probe are absent.
    """
    need(probes, "gene_places", ["chrom", "pos", "genes"])
    return (
        probes.drop_nulls(["chrom", "pos", "genes"])
        .with_columns(pl.col("genes").str.split(";").alias("region"))
        .explode("region")
        .filter(pl.col("region").is_in(sorted(set(regions))))
        .group_by("region", "chrom")
        .agg(pl.col("pos").min().alias("start"), pl.col("pos").max().alias("end"))
        .sort("region", "chrom")
        .unique("region", keep="first", maintain_order=True)
    )


def _offsets(build: str) -> dict[str, int]:
    offsets, position = {}, 0
    for chrom, length in chromosome_lengths(build).items():
        offsets[chrom] = position
        position += length
    return offsets


def _along(frame: pl.DataFrame, offsets: dict[str, int], place: pl.Expr) -> np.ndarray:
    """Return genome-wide positions in base pairs."""
    shift = pl.col("chrom").replace_strict(offsets, return_dtype=pl.Float64)
    return frame.select(shift + place)[:, 0].to_numpy()


def _chromosomes(axes: Axes, offsets: dict[str, int], drawn: list[str], build: str) -> None:
    lengths = chromosome_lengths(build)
    short_arms = chromosome_arms(build).filter(pl.col("arm").str.ends_with("p"))
    centromeres = dict(short_arms.select("chrom", "end").iter_rows())
    first, last = offsets[drawn[0]], offsets[drawn[-1]] + lengths[drawn[-1]]
    for chrom in drawn:
        start = offsets[chrom]
        axes.axvline(start + centromeres[chrom], color=NEUTRAL, linewidth=0.6, linestyle=":")
        axes.axvline(start + lengths[chrom], color=NEUTRAL, linewidth=0.8)
    for level in (-1, -0.5, 0.5, 1):
        axes.axhline(level, color=GRID, linewidth=0.8, zorder=0)
    axes.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    axes.set_xticks([offsets[c] + lengths[c] / 2 for c in drawn], drawn, fontsize=8)
    for label, chrom in zip(axes.get_xticklabels(), drawn, strict=True):
        # The smallest chromosomes sit closer together than their names are wide.
        if chrom in ("18", "20", "22"):
            label.set_y(-0.035)
    axes.set(xlabel="Chromosome", xlim=(first, last))
    axes.tick_params(axis="x", length=0)
    axes.spines["left"].set_visible(True)


def _ideogram(axes: Axes, offsets: dict[str, int], drawn: list[str], build: str) -> None:
    """Draw the chromosomes' bands as a strip below."""
    bands = cytobands(build).filter(pl.col("chrom").is_in(drawn))
    starts = _along(bands, offsets, pl.col("start"))
    widths = (bands["end"] - bands["start"]).to_numpy()
    axes.broken_barh(
        list(zip(starts.tolist(), widths.tolist(), strict=True)),
        _IDEOGRAM,
        facecolors=[STAIN_COLOURS[stain] for stain in bands["stain"]],
        linewidth=0,
        zorder=2,
    )


def _name_genes(
    axes: Axes, calls: pl.DataFrame, genes: pl.DataFrame | None, offsets: dict[str, int]
) -> None:
    named = calls.filter(pl.col("kind").is_in(["gene", "focal"]) & pl.col("call").is_in(_CALLED))
    if genes is not None:
        named = named.select("region", "log2", "call").join(genes, on="region", how="inner")
    if named.is_empty() or "chrom" not in named.columns:
        return
    named = named.drop_nulls(["chrom", "start", "end", "log2"]).unique("region").sort("region")
    positions = _along(named, offsets, (pl.col("start") + pl.col("end")) / 2)
    order = np.argsort(positions, kind="stable")
    width = sum(chromosome_lengths().values())
    last = {1: -width, -1: -width}
    level = {1: 0, -1: 0}
    for i in order:
        region, log2 = named["region"][int(i)], float(named["log2"][int(i)])
        side = 1 if log2 > 0 else -1
        # Neighbouring genes climb a small staircase instead of overprinting each other.
        near = positions[i] - last[side] < 0.075 * width
        level[side] = (level[side] + 1) % _NAMES[2] if near else 0
        last[side] = positions[i]
        tip = float(np.clip(log2, -_RANGE, _RANGE))
        axes.annotate(
            region,
            (positions[i], tip),
            xytext=(positions[i], side * (_NAMES[0] + _NAMES[1] * level[side])),
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            color=GAIN if side > 0 else LOSS,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkB": 1},
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
            zorder=6,
        )
