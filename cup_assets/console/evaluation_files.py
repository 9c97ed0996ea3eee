"""The folder that ``cup evaluate`` leaves: tables, pictures and one page with all of it.

Belongs here: which tables and pictures, under which names, and writing them. Does not belong here:
the page (`evaluation_sections`), drawing (`cup_assets.report`).
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from cup_assets.console.errors import ConsoleError
from cup_assets.console.evaluation_sections import Made, class_sizes, page_sections
from cup_assets.orchestration.fold_keys import libraries
from cup_assets.report import (
    comparison_plot,
    confusion_diagram,
    leaderboard_plot,
    reject_plot,
    reliability_diagram,
)
from cup_assets.report.evaluation_page import html_page

RECORD = "evaluation.json"


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
    page = html_page(f"Evaluation of {table.name}", page_sections(record, made, pictures))
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
        "classes.csv": class_sizes(made),
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
        "schemes": dict.fromkeys(made.evaluation.schemes, "no column was named for it")
        | {scheme.scheme: scheme.impossible or "evaluated" for scheme in made.schemes},
        "cohort": asdict(made.cohort),
        "evaluation": asdict(made.evaluation),
        "versions": libraries(),
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


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
