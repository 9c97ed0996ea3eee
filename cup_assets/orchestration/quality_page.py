"""What people see of a batch's quality: table, pictures, and the finding of the check.

Belongs here: choosing and arranging what is shown. Does not belong here: measuring and judging
(`cup_assets.methylome`), drawing (`cup_assets.report`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cup_assets.methylome import ArraySignals, QualityParameters
from cup_assets.methylome.quality import LIMITS
from cup_assets.orchestration.materialise import Finding
from cup_assets.report import beta_density, control_strips, markdown_table, quality_scatter

_PICTURED = 48  # densities of more samples than this are no picture any more
_LISTED = 400  # samples in the table
_SHOWN = (
    *("failed_fraction", "median_m", "median_u", "bisulfite_conversion", "signal_to_background"),
    *("median_beads", "predicted_sex"),
)


def worst_first(arrays: Sequence[ArraySignals]) -> pl.DataFrame:
    """Return the quality of all samples, failed ones first, then doubtful ones, by name."""
    order = pl.col("verdict").replace_strict({"fail": 0, "warn": 1, "pass": 2})
    frames = [array.quality for array in arrays]
    found = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    return found.sort(order, "sample_id") if found.height else found


def quality_notes(
    arrays: Sequence[ArraySignals],
    overrides: pl.DataFrame,
    conflicts: pl.DataFrame,
    n_compared: int,
) -> dict[str, str]:
    """Return the tables of the page as markdown, by title.

    Parameters
    ----------
    arrays
        The batch's signals.
    overrides
        ``sample_id``, ``verdict``, ``reason``, ``by``, ``date``: what a person decided.
    conflicts
        As `cup_assets.orchestration.identities.conflicts_of_batch` returns it.
    n_compared
        Samples that the batch was compared with, itself included.
    """
    quality = worst_first(arrays)
    if quality.is_empty():
        return {}
    shown = quality.select("sample_id", "array", "verdict", "reasons", *_SHOWN)
    notes = {"sample quality": markdown_table(shown, max_rows=_LISTED)}
    if overrides.height:
        notes["overridden verdicts"] = markdown_table(overrides)
    said = conflicts.select("sample_id", "note")
    notes["identity"] = (
        f"Compared with the {n_compared:,} samples stored when the batch was normalised, itself"
        " included; `datasets/reference` repeats this for all samples.\n\n"
    ) + (markdown_table(said) if said.height else "No genotypes contradict the sample sheets.")
    lacking = _not_on_the_array(arrays)
    if lacking.height:
        notes["controls not measured"] = markdown_table(lacking)
    return notes


def quality_pictures(
    arrays: Sequence[ArraySignals], parameters: QualityParameters
) -> dict[str, bytes]:
    """Return the pictures of the page, by title."""
    quality = worst_first(arrays)
    if quality.is_empty():
        return {}
    pictures = {}
    for array in arrays:
        shown = densities_shown(array)
        names = [array.sample_ids[i] for i in shown]
        verdict = dict(array.quality.select("sample_id", "verdict").iter_rows())
        # Columns one by one: the values may be a file that is larger than memory.
        betas = np.stack([array.beta[:, i] for i in shown], axis=1)
        pictures[f"beta density {array.manifest.array}"] = beta_density(
            betas,
            names,
            [verdict[name] for name in names],
            title=density_title(len(array.sample_ids)),
        )
    pictures["quality"] = quality_scatter(quality)
    pictures["quality controls"] = control_strips(quality, limits_frame(parameters))
    return pictures


def limits_frame(parameters: QualityParameters) -> pl.DataFrame:
    """Return every measure that decides, with its thresholds: one panel of the control plot."""
    rows = [
        {
            "measure": limit.measure,
            "title": limit.words.removesuffix(" control ratio").partition(",")[0],
            "above": limit.above,
            "warn": limit.thresholds(parameters).get("warn"),
            "fail": limit.thresholds(parameters).get("fail"),
        }
        for limit in LIMITS
    ]
    return pl.DataFrame(rows, schema_overrides={"warn": pl.Float64, "fail": pl.Float64})


def densities_shown(array: ArraySignals) -> list[int]:
    """Return which samples' densities are drawn: those that did not pass come before the rest."""
    verdict = dict(array.quality.select("sample_id", "verdict").iter_rows())
    order = sorted(
        range(len(array.sample_ids)),
        key=lambda i: (("fail", "warn", "pass").index(verdict[array.sample_ids[i]]), i),
    )
    return sorted(order[:_PICTURED])


def density_title(n_samples: int) -> str:
    """Say so where a picture leaves samples out."""
    title = "Distribution of beta values, one line a sample"
    if n_samples <= _PICTURED:
        return title
    return f"{title}: {_PICTURED} of {n_samples}, the worst among them"


def quality_finding(
    quality: pl.DataFrame, failed: pl.DataFrame, overrides: pl.DataFrame
) -> Finding:
    """Return the check's finding: which samples cannot be used, overrides respected."""
    decided = {row["sample_id"]: row for row in overrides.iter_rows(named=True)}
    lines = []
    for row in quality.iter_rows(named=True):
        override = decided.get(row["sample_id"])
        if (override or row)["verdict"] == "fail":
            why = f"overridden: {override['reason']}" if override else row["reasons"]
            lines.append(f"{row['sample_id']}: {why}")
    lines += [f"{row['sample_id']}: {row['error']}" for row in failed.iter_rows(named=True)]
    total = quality.height + failed.height
    return Finding(
        "quality",
        passed=not lines,
        description=f"{total - len(lines)} of {total} samples usable. " + "; ".join(lines),
        severe=len(lines) == total,
    )


def _not_on_the_array(arrays: Sequence[ArraySignals]) -> pl.DataFrame:
    """Return the controls that no sample of an array shows: no verdict is based on them."""
    rows = []
    for array in arrays:
        lists = [set((lacks or "").split(", ")) - {""} for lacks in array.quality["not_measured"]]
        if common := sorted(set.intersection(*lists)):
            rows.append((array.manifest.array, ", ".join(common)))
    return pl.DataFrame(rows, schema={"array": pl.String, "not measured": pl.String}, orient="row")
