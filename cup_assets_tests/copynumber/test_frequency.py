"""How often a place is gained or lost in a class."""

from __future__ import annotations

import polars as pl

from cup_assets.copynumber.frequency import FREQUENCY_SCHEMA, gain_loss_frequency


def _segment(sample: str, chrom: str, start: int, end: int, call: str) -> dict[str, object]:
    return {"sample_id": sample, "chrom": chrom, "start": start, "end": end, "call": call}


SEGMENTS = pl.DataFrame(
    [
        _segment("a", "1", 0, 10_000_000, "gain"),
        _segment("a", "1", 10_000_000, 40_000_000, "neutral"),
        _segment("b", "1", 0, 20_000_000, "amplification"),
        _segment("b", "1", 20_000_000, 40_000_000, "loss"),
        _segment("c", "1", 0, 40_000_000, "deletion"),
        _segment("nobody", "1", 0, 40_000_000, "gain"),
    ]
)
CLASSES = pl.DataFrame({"sample_id": ["a", "b", "c", "d"], "class": ["x", "x", "y", "x"]})


def test_each_window_counts_the_samples_measured_there() -> None:
    found = gain_loss_frequency(SEGMENTS, CLASSES, "hg19")
    assert dict(found.schema) == FREQUENCY_SCHEMA
    x = found.filter(pl.col("class") == "x")
    assert x["n"].unique().to_list() == [2]  # d has no segments
    assert x["end"].max() == 40_000_000
    at = {row["start"]: (row["gain"], row["loss"]) for row in x.iter_rows(named=True)}
    assert at[0] == at[9_000_000] == (1.0, 0.0)
    assert at[10_000_000] == (0.5, 0.0)
    assert at[20_000_000] == at[39_000_000] == (0.0, 0.5)
    y = found.filter(pl.col("class") == "y")
    assert y["loss"].unique().to_list() == [1.0]


def test_without_labelled_samples_there_is_nothing() -> None:
    nobody = pl.DataFrame({"sample_id": ["a"], "class": [None]}, schema_overrides={"class": str})
    assert gain_loss_frequency(SEGMENTS, nobody, "hg19").is_empty()
