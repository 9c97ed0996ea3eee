"""Copy-number profiles as text files that genome browsers open.

Belongs here: the formats and their coordinates. Does not belong here: where files go, pictures.

Inside the platform coordinates are 0-based and half-open. SEG is 1-based with both ends included,
bedGraph is 0-based and half-open; neither says of which genome build it is, so the file's name and
track must.
"""

from __future__ import annotations

import polars as pl

SEG_HEADER = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean"


def seg_text(segments: pl.DataFrame) -> str:
    """Return the segments of any number of samples of one build in SEG format.

    Parameters
    ----------
    segments : pl.DataFrame
        ``sample_id``, ``chrom``, ``start``, ``end`` (0-based, half-open), ``n_probes``, ``log2``.

    Returns
    -------
    str
        One line a segment under the header that IGV and DNAcopy use.
    """
    table = segments.select(
        "sample_id", "chrom", pl.col("start") + 1, "end", "n_probes", pl.col("log2").round(4)
    )
    return f"{SEG_HEADER}\n{_lines(table)}"


def bedgraph_text(bins: pl.DataFrame, name: str, build: str) -> str:
    """Return one sample's bins in bedGraph format.

    Parameters
    ----------
    bins : pl.DataFrame
        ``chrom`` ("1"), ``start``, ``end`` (0-based, half-open), ``log2``.
    name : str
        The sample, for the track's name.
    build : str
        ``hg19`` or ``hg38``.

    Returns
    -------
    str
        A track line, and one line a bin with "chr1" as UCSC names chromosomes.
    """
    title = name.replace('"', "'")
    track = (
        f'track type=bedGraph name="{title} log2 ({build})" db={build} graphType=points '
        "viewLimits=-1.25:1.25 autoScale=off"
    )
    table = bins.select(pl.lit("chr") + pl.col("chrom"), "start", "end", pl.col("log2").round(4))
    return f"{track}\n{_lines(table)}"


def bed_text(segments: pl.DataFrame, name: str, build: str) -> str:
    """Return the called segments of any number of samples of one build in BED format.

    Parameters
    ----------
    segments : pl.DataFrame
        ``sample_id``, ``chrom``, ``start``, ``end`` (0-based, half-open), ``log2``, ``call``.
    name : str
        The track's name.
    build : str
        ``hg19`` or ``hg38``.

    Returns
    -------
    str
        A track line, and a line (BED 9: name "sample:call", gains red, losses blue) for each
        segment that is not neutral.
    """
    title = name.replace('"', "'")
    track = f'track name="{title} gains and losses ({build})" db={build} itemRgb=On'
    called = segments.filter(pl.col("call").is_in(list(_RGB)))
    table = called.select(
        pl.lit("chr") + pl.col("chrom"), "start", "end",
        pl.format("{}:{}", "sample_id", "call"),
        # The score is a whole number of at most 1,000: a tenth of a percent of a log2 ratio of 1.
        (pl.col("log2").abs() * 1000).round().clip(0, 1000).cast(pl.Int64).alias("score"),
        pl.lit(".").alias("strand"),
        pl.col("start").alias("thick_start"), pl.col("end").alias("thick_end"),
        pl.col("call").replace_strict(_RGB, return_dtype=pl.String).alias("rgb"),
    )  # fmt: skip
    return f"{track}\n{_lines(table)}"


_RGB = {
    "amplification": "153,0,13",
    "gain": "239,59,44",
    "loss": "66,146,198",
    "deletion": "8,48,107",
}


def _lines(table: pl.DataFrame) -> str:
    return table.write_csv(separator="\t", include_header=False, quote_style="never")
