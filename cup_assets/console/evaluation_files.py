"""The folder that ``cup evaluate`` leaves: tables, pictures and one page with all of it.

Belongs here: which tables and pictures, under which names, and writing them. Does not belong here:
computing them (`cup_assets.classify.evaluation`), drawing (`cup_assets.report`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cup_assets.classify.evaluation import Evaluation
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort.beta_table import BetaTable
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import SchemeFolds
from cup_assets.cohort.table_members import TableMembers
from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.fold_keys import libraries
from cup_assets.report import (
    comparison_plot,
    confusion_diagram,
    leaderboard_plot,
    reject_plot,
    reliability_diagram,
)
from cup_assets.report.evaluation_page import Section, html_page

RECORD = "evaluation.json"
_BRIEF = (
    *("scheme", "model", "error", "error_low", "error_high", "balanced_accuracy", "macro_f1"),
    *("auc_hand_till", "brier", "raw_brier", "log_loss", "raw_log_loss", "ece", "raw_ece"),
    *("coverage_at_99", "precision_at_90", "coverage_at_90"),
)


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


def check_folder(out: Path, *hidden: str) -> None:
    """Refuse a folder that holds what this command did not write.

    Raises
    ------
    ConsoleError
        Saying so.
    """
    if out.exists() and not out.is_dir():
        raise ConsoleError(f"--out: {out} is no folder")
    others = [file for file in out.iterdir() if file.name not in hidden] if out.is_dir() else []
    if others and not (out / RECORD).is_file():
        raise ConsoleError(
            f"--out: {out} holds something else ({others[0].name}): give an empty or new folder"
        )


def write_evaluation(
    out: Path, table: Path, labels: Path | None, made: Made, times: pl.DataFrame
) -> list[str]:
    """Write the files, and remove those of an earlier evaluation; return their names.

    The same inputs give the same bytes, but for ``times.csv``. The record is written last and
    lists the SHA-256 of every other file, so that a folder without it is not complete.
    """
    record = _record(table, labels, made)
    pictures = _pictures(made)
    files: dict[str, bytes] = {f"{name}.png": png for name, png in pictures.items()}
    files |= {name: _bytes(name, frame) for name, frame in _tables(made).items()}
    page = html_page(f"Evaluation of {table.name}", _sections(record, made, pictures))
    files["report.html"] = page.encode()
    record["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    out.mkdir(parents=True, exist_ok=True)
    for name in _earlier(out):
        (out / name).unlink(missing_ok=True)
    (out / RECORD).unlink(missing_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
    (out / "times.csv").write_bytes(_bytes("times.csv", times))
    (out / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return [*sorted(files), "times.csv", RECORD]


def _tables(made: Made) -> dict[str, pl.DataFrame]:
    found = made.found
    return {
        "leaderboard.csv": found.leaderboard,
        "left_out.csv": made.chosen.left_out,
        "not_used.csv": pl.concat([scheme.not_used for scheme in made.schemes]),
        "classes.csv": _classes(made),
        "comparisons.csv": found.comparisons,
        "calibrations.csv": found.calibration_metrics,
        "tested.csv": found.tested,
        "parts.csv": found.parts,
        "confusions.csv": found.confusions,
        "reliability.csv": found.reliability,
        "doubts.csv": found.doubts,
        "metrics.parquet": found.metrics,
        "family_metrics.parquet": found.family_metrics,
        "scores.parquet": found.scores,
        "calibrated_scores.parquet": found.calibrations,
        "choices.parquet": found.choices,
        "rejects.parquet": found.rejects,
        "folds.parquet": pl.concat([scheme.folds for scheme in made.schemes]),
        "members.parquet": made.chosen.members,
    }


def _bytes(name: str, frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    if name.endswith(".csv"):
        frame.write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    return buffer.getvalue()


def _earlier(out: Path) -> list[str]:
    """Return the names of the files that an earlier evaluation left."""
    try:
        known = json.loads((out / RECORD).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return []
    return [name for name in known if Path(name).name == name]


def _record(table: Path, labels: Path | None, made: Made) -> dict[str, Any]:
    inputs = [file for file in (table, labels) if file is not None]
    return {
        "inputs": {file.name: _sha256(file) for file in inputs},
        "columns": dict(made.columns),
        "samples": made.chosen.members.height,
        "patients": made.chosen.members["group"].n_unique(),
        "classes": made.chosen.members["class"].n_unique(),
        "probes": len(made.table.probe_ids),
        "left_out": made.chosen.left_out.height,
        "schemes": {scheme.scheme: scheme.impossible or "evaluated" for scheme in made.schemes},
        "cohort": asdict(made.cohort),
        "evaluation": asdict(made.evaluation),
        "versions": libraries(),
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _classes(made: Made) -> pl.DataFrame:
    grouped = made.chosen.members.group_by("class", "family")
    counts = grouped.agg(pl.len().alias("samples"), pl.col("group").n_unique().alias("patients"))
    return counts.sort("class")


def _pictures(made: Made) -> dict[str, bytes]:
    found = made.found
    names = found.leaderboard["scheme"].unique(maintain_order=True).to_list()
    pictures = {"leaderboard": leaderboard_plot(found.metrics)}
    if found.comparisons.height:
        for scheme in names:
            rows = found.comparisons.filter(pl.col("scheme") == scheme)
            pictures[f"comparison_{scheme}"] = comparison_plot(
                rows, title=f"Which model is better on the same samples? ({scheme})"
            )
    best = found.leaderboard.filter(pl.col("scheme") == names[0])["model"].to_list()
    for model in best:
        own = (pl.col("model") == model) & (pl.col("scheme") == names[0])
        said = model.replace("_", " ")
        pictures[f"reliability_{model}"] = reliability_diagram(
            found.reliability.filter(own), title=f"Does a score mean what it says? {said}"
        )
        pictures[f"confusion_{model}"] = confusion_diagram(
            found.confusions.filter(own), title=f"What is taken for what? {said}"
        )
        pictures[f"reject_{model}"] = reject_plot(
            found.rejects.filter(own), threshold=made.evaluation.match_threshold,
            title=f"What a threshold costs, and what it saves: {said}",
        )  # fmt: skip
    return pictures


def _sections(record: dict[str, Any], made: Made, pictures: dict[str, bytes]) -> list[Section]:
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
                " cross-validation); all but the raw_ metrics are of calibrated scores. Brier: mean"
                " over samples of the sum over classes of (score - truth)^2, from 0 to 2."
                " Intervals: 95 %, bootstrap over patients. For research use only.",
                *schemes,
            ),
            {"": found.leaderboard.select(_BRIEF)},
            shown("leaderboard"),
        ),
        Section(
            "Who takes part",
            made.table.notes,
            {
                "Classes": _classes(made),
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
