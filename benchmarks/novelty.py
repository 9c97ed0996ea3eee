"""What a release says of tumours of a class that it has never seen, and of those that it knows.

    python benchmarks/novelty.py --table BETAS.parquet --label subgroup
    python benchmarks/novelty.py --data FOLDER        # a data folder with datasets/reference

Each class in turn is left out, a release is made of all others, and the class's samples are called
by it: any match is wrong. Beside it, each outer fold is left out and called, to see what the limits
cost among known tumours. Printed for the call by score alone and for the call with the limit on
typicality (`cup_assets.classify.typicality`).
"""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release import Release
from cup_assets.classify.release_fit import fit_release
from cup_assets.cohort import CohortParameters
from cup_assets.cohort.folds import assign_folds
from cup_assets.cohort.interpolated import interpolated

_NO_METRICS = pl.DataFrame(
    schema=dict.fromkeys(("metric", "class"), pl.String)
    | dict.fromkeys(("value", "low", "high"), pl.Float64)
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", type=Path, help="Parquet of betas, a sample a row")
    source.add_argument("--data", type=Path, help="a data folder")
    parser.add_argument("--label", default="class", help="column of the table with the class")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    options = parser.parse_args()
    if options.table:
        data, parameters = from_table(options.table, options.label), EvaluationParameters()
    else:
        data, parameters = from_folder(options.data)
    table = Table(title=f"{len(data.y)} samples, {len(np.unique(data.y))} classes")
    for column in ("model", "unseen: match", "with typicality", "by class", "known: right match"):
        table.add_column(column)
    table.add_column("with typicality")
    table.add_column("known: wrong match")
    table.add_column("with typicality")
    for model in options.models:
        unseen, known = calls_of(data, model, parameters)
        table.add_row(model, *summary(unseen, known, parameters))
    Console(width=180).print(table)


def from_table(path: Path, label: str) -> TrainingData:
    frame = pl.read_parquet(path)
    probes = [name for name in frame.columns if frame[name].dtype in (pl.Float32, pl.Float64)]
    names = [f"sample {row}" for row in range(frame.height)]
    samples = pl.DataFrame(
        {"sample_id": names, "class": frame[label], "family": "all", "patient_id": names,
         "material": "unknown"}
    )  # fmt: skip
    X = np.ascontiguousarray(frame.select(probes).to_numpy(), dtype=np.float32)
    # Samples that nobody measured, points between two others, would flatter every figure.
    made = interpolated(X, frame[label].to_list())
    measured = np.setdiff1d(np.arange(len(X)), list(made))
    return TrainingData.from_frame(samples[measured.tolist()], X[measured], probes)


def from_folder(folder: Path) -> tuple[TrainingData, EvaluationParameters]:
    from cup_assets.orchestration.resources import Platform
    from cup_assets.orchestration.training import load_training_data

    platform = Platform(data=str(folder.resolve()))
    return load_training_data(platform), platform.parameters.evaluation


def calls_of(
    data: TrainingData, model: str, parameters: EvaluationParameters
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calls of left-out classes, and of left-out folds of known ones."""
    unseen, known = [], []
    for name in track(np.unique(data.y).tolist(), f"{model}, classes", transient=True):
        own = data.y == name
        rest = ~np.isin(data.patient, data.patient[own])
        unseen.append(called(released(part(data, rest), model, parameters), part(data, own)))
    for split in track(outer_folds(data, folds_of(data)), f"{model}, folds", transient=True):
        train = np.zeros(len(data.y), dtype=bool)
        train[split.train] = True
        known.append(called(released(part(data, train), model, parameters), part(data, ~train)))
    return pl.concat(unseen), pl.concat(known)


def released(data: TrainingData, model: str, parameters: EvaluationParameters) -> Release:
    return fit_release(
        data, model, folds_of(data), parameters, version="v", normalisation={}, replicates="mean",
        cv_metrics=_NO_METRICS, input_manifest=[],
    )  # fmt: skip


def folds_of(data: TrainingData) -> pl.DataFrame:
    members = pl.DataFrame(
        {"sample_id": data.sample_ids.tolist(), "class": data.y.tolist(),
         "patient_id": data.patient.tolist()}
    )  # fmt: skip
    return assign_folds(members, CohortParameters())


def called(release: Release, data: TrainingData) -> pl.DataFrame:
    factors = {name: getattr(data, name).tolist() for name in ("material", "array", "site")}
    calls = release.predict(data.X, data.probe_ids, factors, data.sample_ids).calls
    return calls.with_columns(true=pl.Series(data.y.tolist()))


def part(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """Return some samples of the data, given as bool[n]."""
    of_sample = {
        field.name: getattr(data, field.name)[rows]
        for field in fields(data)
        if field.name not in ("probe_ids", "cnv_names")
    }
    return replace(data, **of_sample)


def summary(
    unseen: pl.DataFrame, known: pl.DataFrame, parameters: EvaluationParameters
) -> list[str]:
    high = pl.col("score") >= parameters.match_threshold
    match, right = pl.col("call") == "match", pl.col("class") == pl.col("true")

    def share(frame: pl.DataFrame, condition: pl.Expr) -> str:
        return f"{frame.select(condition.fill_null(False).mean()).item():.1%}"

    by_class = unseen.group_by("true").agg(match.mean()).sort("true")["call"]
    return [
        share(unseen, high),
        share(unseen, match),
        " ".join(f"{value:.0%}" for value in by_class),
        share(known, high & right),
        share(known, match & right),
        share(known, high & ~right),
        share(known, match & ~right),
    ]


if __name__ == "__main__":
    main()
