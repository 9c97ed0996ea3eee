"""Pictures of assays: drawn from what is stored, the same twice, and a sentence for nothing."""

from __future__ import annotations

import polars as pl
import pytest

from cup_assets.panels.assay_accuracy import ACCURACY_SCHEMA
from cup_assets.report.assay_figures import assay_accuracy_plot, refusal_plot
from cup_assets.report.style import MAX_BYTES, ReportError

PANELS = pl.DataFrame(
    {
        "technology": ["array", "ddpcr", "none"],
        "title": ["methylation array", "droplet digital PCR", "nothing"],
        "material": ["FFPE"] * 3,
        "n_cpgs": [9, 5, 0],
        "n_amplicons": [9, 5, 0],
    }
)
ROWS = [
    (name, by, k, "accuracy", None, 0.1 * k, 0.1 * k - 0.05, None if k == 5 else 0.1 * k + 0.05)
    for name in ("array", "ddpcr")
    for by in ("array", name)
    for k in (2, 5)
]
ACCURACY = pl.DataFrame(ROWS, schema=ACCURACY_SCHEMA, orient="row").unique(maintain_order=True)
REFUSALS = pl.DataFrame(
    {
        "technology": ["array", "ddpcr", "ddpcr"],
        "reason": ["excluded: snp", "effect below 0.25", "no amplicon left"],
        "n": [3, 40, 60],
    }
)


def test_both_pictures_are_drawn_the_same_every_time() -> None:
    pictures = [
        (assay_accuracy_plot(ACCURACY, PANELS), refusal_plot(REFUSALS, PANELS)) for _ in range(2)
    ]
    assert pictures[0] == pictures[1]
    for png in pictures[0]:
        assert png.startswith(b"\x89PNG")
        assert len(png) < MAX_BYTES


def test_what_is_drawn_follows_the_figures() -> None:
    worse = ACCURACY.with_columns(value=pl.col("value") / 2)
    assert assay_accuracy_plot(worse, PANELS) != assay_accuracy_plot(ACCURACY, PANELS)
    more = REFUSALS.with_columns(n=pl.col("n") * pl.Series([1, 1, 5]))
    assert refusal_plot(more, PANELS) != refusal_plot(REFUSALS, PANELS)


def test_nothing_to_draw_is_said_and_missing_columns_are_named() -> None:
    assert assay_accuracy_plot(ACCURACY.clear(), PANELS).startswith(b"\x89PNG")
    assert refusal_plot(REFUSALS.clear(), PANELS.clear()).startswith(b"\x89PNG")
    with pytest.raises(ReportError, match="measured_by"):
        assay_accuracy_plot(ACCURACY.drop("measured_by"), PANELS)
