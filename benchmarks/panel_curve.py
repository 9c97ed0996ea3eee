"""How few CpGs are enough: the panel curve of every model family, on a table or on simulated data.

    python benchmarks/panel_curve.py --table BETAS.parquet --label subgroup
    python benchmarks/panel_curve.py                          # a simulated cohort of 30 classes
    python benchmarks/panel_curve.py --models svm --sizes 10 100 --order mean_rank
    python benchmarks/panel_curve.py --models svm xgboost --random-models svm xgboost

Nested cross-validation: CpGs are chosen, models tuned and calibrated inside the training parts.
Printed are the curve of each family with 95 % intervals over patients, beside random and most
variable CpGs; the sizes recommended by the one-standard-error rule; how far the folds agree on
their CpGs; and the panels of each class against all others. Samples of a table that nobody measured
(points between two others) are left out. Processor seconds are those of all processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from leaderboard import simulated
from novelty import from_table
from processes import look
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.classify.models import MODELS
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort import CohortParameters
from cup_assets.cohort.folds import assign_folds
from cup_assets.compute import local
from cup_assets.panels import PanelParameters, panel_curve
from cup_assets.panels.parameters import ORDERS
from cup_assets.panels.standing import CHANCE, standing_panels
from cup_assets.report import panel_curve_plot

_SHOWN = ("error", "log_loss", "macro_f1", "balanced_accuracy", "coverage_at_99")


def main() -> None:
    options = _options()
    console = Console(width=190, highlight=False)
    data = from_table(options.table, options.label) if options.table else simulated(400, 6000)
    members = data.truth().select("sample_id", "class", "patient_id")
    plan = replace(CohortParameters(), outer_folds=options.outer, inner_folds=options.inner)
    folds = assign_folds(members, plan)
    parameters = replace(
        PanelParameters(), models=tuple(options.models), order=options.order,
        sizes=tuple(size for size in options.sizes if size <= data.X.shape[1]),
        random_draws=options.draws, random_models=tuple(options.random_models),
        screened=max(options.sizes),
    )  # fmt: skip
    console.print(
        f"{len(data.y)} samples, {len(np.unique(data.y))} classes, {data.X.shape[1]} CpGs;"
        f" {options.outer} x {options.inner} nested, order by {options.order}"
    )
    start, before, mapper = time.perf_counter(), look().processor, local(options.workers)
    with Progress(console=console, transient=True) as progress:
        found = panel_curve(
            data, folds, parameters, EvaluationParameters(), mapper, _bar(progress, "curve")
        )
        standing = standing_panels(data, parameters, folds, mapper, _bar(progress, "differential"))
    wall, processor = time.perf_counter() - start, look().processor - before
    for metric in _SHOWN:
        console.print(_curve(found.curve.filter(metric=metric), metric, parameters.sizes))
    console.print(_frame("recommended", found.recommended))
    console.print(_frame("agreement of the folds", found.stability))
    every = pl.col("class").is_null() & pl.col("metric").is_in(("error", CHANCE))
    wide = standing.performance.filter(every).pivot("metric", index="panel_id", values="value")
    console.print(_frame("differential diagnoses", wide))
    console.print(f"{wall:.0f} s, {processor:.0f} s of processors, {options.workers} workers")
    if options.picture:
        picture = panel_curve_plot(found.curve, recommended=found.recommended)
        options.picture.write_bytes(picture)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--table", type=Path, help="Parquet of betas, a sample a row")
    parser.add_argument("--label", default="class", help="column of the table with the class")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(PanelParameters().sizes))
    parser.add_argument("--draws", type=int, default=5, help="random panels a size and fold")
    parser.add_argument(
        "--random-models", nargs="+", default=[], choices=list(MODELS),
        help="families that judge the random panels; default: a cheap one",
    )  # fmt: skip
    parser.add_argument("--order", default=ORDERS[0], choices=ORDERS)
    parser.add_argument("--outer", type=int, default=5)
    parser.add_argument("--inner", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="where to write the curve as PNG")
    return parser.parse_args()


def _bar(progress: Progress, title: str) -> Callable[[int, int], None]:
    task = progress.add_task(title)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _curve(curve: pl.DataFrame, metric: str, sizes: Sequence[int]) -> Table:
    table = Table(title=metric)
    for name in ("model", "selector", *map(str, sizes)):
        table.add_column(name)
    for (model, selector), part in curve.group_by("model", "selector", maintain_order=True):
        cells = {
            size: f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}-{high:.3f})"
            for size, value, low, high in part["size", "value", "low", "high"].iter_rows()
        }
        table.add_row(str(model), str(selector), *(cells.get(size, "") for size in sizes))
    return table


def _frame(title: str, frame: pl.DataFrame) -> Table:
    table = Table(title=title)
    for name in frame.columns:
        table.add_column(name)
    for row in frame.iter_rows():
        table.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


if __name__ == "__main__":
    main()
