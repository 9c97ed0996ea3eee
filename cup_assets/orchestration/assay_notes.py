"""What the UI says about assays in words and tables.

Belongs here: markdown. Does not belong here: pictures (`cup_assets.report`), figures of accuracy.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from cup_assets.report import markdown_table


def accuracy_note(accuracy: pl.DataFrame) -> str:
    """Return the accuracy by technology and number of CpGs that are measured, as markdown."""
    if accuracy.is_empty():
        return "No technology has a panel."
    overall = accuracy.filter(pl.col("class").is_null())
    of = overall.filter(pl.col("measured_by") == pl.col("technology"))
    clean = overall.filter(
        (pl.col("measured_by") == "array") & (pl.col("metric") == "accuracy")
    ).select("technology", "measured", without_noise="value")
    wide = of.filter(pl.col("metric") == "accuracy").select(
        "technology", "measured", accuracy="value", low="low", high="high"
    )
    for metric in ("macro_f1", "log_loss", "ece", "coverage_at_90", "precision_at_90"):
        some = of.filter(pl.col("metric") == metric).select(
            "technology", "measured", pl.col("value").alias(metric)
        )
        wide = wide.join(some, on=["technology", "measured"], how="left", maintain_order="left")
    table = wide.join(clean, on=["technology", "measured"], how="left", maintain_order="left")
    return (
        "Panels chosen inside the outer training folds, held-out samples measured by simulation;"
        " `measured`: so many CpGs of the panel, drawn blindly.\n\n"
        + markdown_table(table, max_rows=100)
    )


def files_note(folder: str, names: Iterable[str]) -> str:
    """Return where the files lie, as markdown; the folder is relative to the data folder."""
    return f"In `{folder}/` of the data folder:\n\n" + "\n".join(
        f"- `{name}`" for name in sorted(names)
    )
