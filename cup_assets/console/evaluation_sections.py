"""What the page of ``cup evaluate`` shows, section by section.

Belongs here: what is shown, in which order and in which words. Does not belong here: computing it
(`cup_assets.classify.evaluation`), HTML (`cup_assets.report.evaluation_page`), files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from cup_assets.classify.evaluation import Evaluation
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort.beta_table import BetaTable
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import SchemeFolds
from cup_assets.cohort.table_members import TableMembers
from cup_assets.report.evaluation_page import Section

# Name on the page -> metric, and whether its raw value stands beside it.
_BRIEF = {
    "balanced accuracy": ("balanced_accuracy", False),
    "macro F1": ("macro_f1", False),
    "AUC": ("auc_hand_till", False),
    "Brier (raw)": ("brier", True),
    "log loss (raw)": ("log_loss", True),
    "ECE (raw)": ("ece", True),
    "coverage at 99 %": ("coverage_at_99", False),
    "precision at .9": ("precision_at_90", False),
    "coverage at .9": ("coverage_at_90", False),
}


@dataclass(frozen=True, eq=False)
class Made:
    """Everything that an evaluation was made from, and what came of it."""

    table: BetaTable
    columns: Mapping[str, str]
    chosen: TableMembers
    schemes: list[SchemeFolds]
    found: Evaluation
    cohort: CohortParameters
    evaluation: EvaluationParameters


def page_sections(record: dict[str, Any], made: Made, pictures: dict[str, bytes]) -> list[Section]:
    """Return the sections of the page; pictures by the beginning of their names."""
    found = made.found

    def shown(start: str) -> dict[str, bytes]:
        return {name: png for name, png in pictures.items() if name.startswith(start)}

    schemes = [
        f"{scheme.scheme}: impossible: {scheme.impossible}"
        for scheme in made.schemes
        if scheme.impossible
    ]
    return [
        Section(
            "Leaderboard",
            (
                "Every sample is scored by a classifier that never saw its patient (nested"
                " cross-validation). Calibrated scores, raw ones in brackets. Brier: mean"
                " over samples of the sum over classes of (score - truth)^2, from 0 to 2."
                " Intervals: 95 %, bootstrap over patients. For research use only.",
                *schemes,
            ),
            {"": _brief(found.leaderboard)},
            shown("leaderboard"),
        ),
        Section(
            "Who takes part",
            made.table.notes,
            {
                "Classes": class_sizes(made),
                "Left out": made.chosen.left_out,
                "Tested under each scheme": found.tested,
                **_held_out(made),
                **({"Errors of what is held out": found.parts} if found.parts.height else {}),
            },
        ),
        Section("Differences between models", (), {"": found.comparisons}, shown("comparison")),
        Section(
            "Calibration", ("ridge is the one in use; none: raw scores.",),
            {"": found.calibration_metrics}, shown("reliability"),
        ),
        Section("What is taken for what", (), {}, shown("confusion")),
        Section("Not calling below a threshold", (), {}, shown("reject")),
        Section(
            "Labels that every model contradicts",
            ("Nothing is changed by it: a pathologist decides.",),
            {"": found.doubts},
        ),
        Section("Chosen in the inner loops", (), {"": found.choices.drop("calibrator")}),
        Section("What it was made from", (), {"": _flat(record)}),
    ]  # fmt: skip


def _brief(board: pl.DataFrame) -> pl.DataFrame:
    """Return the leaderboard as text, narrow enough for a page; leaderboard.csv has all of it."""
    rows = []
    for row in board.iter_rows(named=True):
        error = _text(row["error"], ".1%")
        if row["error_low"] is not None:
            error += f" ({row['error_low']:.1%} to {row['error_high']:.1%})"
        brief = {"scheme": row["scheme"], "model": row["model"], "error (95 %)": error}
        for name, (metric, with_raw) in _BRIEF.items():
            raw = f" ({_text(row['raw_' + metric], '.3f')})" if with_raw else ""
            # Differences of this one begin where those of the others end.
            digits = ".4f" if metric == "auc_hand_till" else ".3f"
            brief[name] = _text(row[metric], digits) + raw
        rows.append(brief)
    return pl.DataFrame(rows)


def _text(value: float | None, shape: str) -> str:
    return "–" if value is None else format(value, shape)


def _held_out(made: Made) -> dict[str, pl.DataFrame]:
    """Count classes by batch, centre and array: what goes together flatters stratified folds."""
    return {
        f"Samples of each class by {field}": made.chosen.members.with_columns(
            pl.col(field).fill_null("not known")
        )
        .pivot(
            field, index="class", values="sample_id", aggregate_function="len", sort_columns=True
        )
        .sort("class")
        .fill_null(0)
        for field in ("batch", "site", "array")
        if field in made.columns
    }


def _flat(record: Mapping[str, Any]) -> pl.DataFrame:
    rows: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}: {key}", json.dumps(one)) for key, one in value.items()]
        else:
            rows.append((name, json.dumps(value)))
    return pl.DataFrame(rows, schema={"what": pl.String, "value": pl.String}, orient="row")


def class_sizes(made: Made) -> pl.DataFrame:
    """Return class, family, samples and patients."""
    grouped = made.chosen.members.group_by("class", "family")
    counts = grouped.agg(pl.len().alias("samples"), pl.col("group").n_unique().alias("patients"))
    return counts.sort("class")
