"""How often each place of the genome is gained or lost in the samples of a class.

Belongs here: counting over samples. Does not belong here: single profiles, drawing.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.genome import chromosome_lengths

FREQUENCY_SCHEMA = {
    "class": pl.String,
    "build": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "n": pl.Int32,
    "gain": pl.Float64,
    "loss": pl.Float64,
}
_GAINED = ("gain", "amplification")
_LOST = ("loss", "deletion")


def gain_loss_frequency(
    segments: pl.DataFrame, classes: pl.DataFrame, build: str, window: int = 1_000_000
) -> pl.DataFrame:
    """Count gains and losses in windows along the genome.

    Parameters
    ----------
    segments : pl.DataFrame
        ``sample_id``, ``chrom``, ``start``, ``end`` (0-based, half-open), ``call``; of one build.
    classes : pl.DataFrame
        ``sample_id``, ``class``; samples without a class or without segments do not count.
    build : str
        ``hg19`` or ``hg38``.
    window : int
        Width in base pairs; a window has the state of its middle.

    Returns
    -------
    pl.DataFrame
        `FREQUENCY_SCHEMA`, one row a class and window that is measured in a sample of it: ``n``
        samples measured there, and the fractions of them that are gained and lost.
    """
    known = segments.join(
        classes.drop_nulls("class").select("sample_id", "class"), on="sample_id", how="inner"
    )
    frames = [pl.DataFrame(schema=FREQUENCY_SCHEMA)]
    for (name,), of_class in sorted(known.group_by("class")):
        for chrom, length in chromosome_lengths(build).items():
            here = of_class.filter(pl.col("chrom") == chrom)
            if here.is_empty():
                continue
            starts = np.arange(0, length, window)
            middle = starts + window // 2
            n = _covering(here, middle)
            frame = pl.DataFrame(
                {
                    "class": name,
                    "build": build,
                    "chrom": chrom,
                    "start": starts,
                    "end": np.minimum(starts + window, length),
                    "n": n,
                    "gain": _covering(here.filter(pl.col("call").is_in(_GAINED)), middle),
                    "loss": _covering(here.filter(pl.col("call").is_in(_LOST)), middle),
                }
            ).filter(pl.col("n") > 0)
            fractions = (pl.col(c) / pl.col("n") for c in ("gain", "loss"))
            frames.append(
                frame.with_columns(*fractions).select(
                    pl.col(c).cast(t) for c, t in FREQUENCY_SCHEMA.items()
                )
            )
    return pl.concat(frames)


def _covering(segments: pl.DataFrame, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many segments cover each place; those of a sample do not overlap."""
    change = np.zeros(places.size + 1, np.int64)
    np.add.at(change, np.searchsorted(places, segments["start"].to_numpy()), 1)
    np.add.at(change, np.searchsorted(places, segments["end"].to_numpy()), -1)
    return np.cumsum(change)[:-1]
