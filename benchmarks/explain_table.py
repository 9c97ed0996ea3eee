"""Explanations of every model on a table of real betas, and whether the models agree.

    python benchmarks/explain_table.py FILE --label COLUMN
    python benchmarks/explain_table.py FILE --label COLUMN --models svm random_forest --pictures DIR

A nested cross-validation (stratified, 5 x 3 folds) of each model; then each outer fold is fitted
again, held to the scores it gave, and explains its test samples. Printed are the additivity errors,
the agreement of the models and, for each class, the CpGs that most models have among their first
ten, with the direction on which the models agree. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.classify.explain_folds import FoldExplanation, explain_folds, largest_classes
from cup_assets.classify.explain_summary import (
    agreement_table,
    checks_of,
    importance_of,
    importance_table,
    swarm_points,
    telling_cases,
)
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.refit import judged_folds
from cup_assets.classify.study_parameters import ExplanationParameters
from cup_assets.cohort.beta_table import read_beta_table
from cup_assets.cohort.interpolated import interpolated
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import assign_scheme
from cup_assets.compute import local
from cup_assets.report.explanation_figures import agreement_plot, swarm_plot, waterfall_plot


def main() -> None:
    options, console = _options(), Console(highlight=False, width=130)
    table = read_beta_table(options.table, about=[options.label])
    samples = table.samples.with_columns(pl.col(options.label).alias("class"))
    # Samples that nobody measured, points between two others, would flatter every figure.
    made = interpolated(table.X, samples["class"].to_list())
    measured = np.setdiff1d(np.arange(len(table.X)), list(made))
    data = TrainingData.from_frame(samples[measured.tolist()], table.X[measured], table.probe_ids)
    members = data.truth().with_columns(batch=pl.lit("one"))
    plan = CohortParameters(outer_folds=5, inner_folds=3)
    folds = assign_scheme("stratified", members, plan).folds
    parameters, asked = EvaluationParameters(trees=options.trees), ExplanationParameters()
    found: dict[str, list[FoldExplanation]] = {}
    checks = []
    for model in options.models:
        start = time.perf_counter()
        judged = nested_cv(data, model, folds, parameters, local(options.workers))
        middle = time.perf_counter()
        splits = judged_folds(data, folds, judged.choices, judged.scores)
        found[model] = explain_folds(
            data, model, splits, parameters, asked, local(options.workers),
            shown=largest_classes(data, splits, 4),
        )  # fmt: skip
        end = time.perf_counter()
        checks.append((model, checks_of(found[model]), middle - start, end - middle))
        console.print(f"{model}: done", style="dim")
    _print_checks(checks, console)
    models = {model: importance_of(parts) for model, parts in found.items()}
    agreement = agreement_table(models, asked.top)
    _print_agreement(agreement, console)
    _print_shared(
        {model: importance_table(one, 10) for model, one in models.items()}, len(models), console
    )
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        pictures = {"agreement": agreement_plot(agreement)}
        gene = pl.lit(None, pl.String).alias("gene")
        for model, parts in found.items():
            cases = telling_cases(pl.concat([part.cases for part in parts]))
            points = swarm_points(parts, models[model]).with_columns(gene)
            pictures[f"swarm_{model}"] = swarm_plot(points, quantity=parts[0].quantity, title=model)
            pictures[f"waterfall_{model}"] = waterfall_plot(cases.with_columns(gene), title=model)
        for name, png in pictures.items():
            (options.pictures / f"{name}.png").write_bytes(png)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--label", required=True, help="column with the classes")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="folder for the pictures")
    return parser.parse_args()


def _print_checks(rows: list[tuple[str, pl.DataFrame, float, float]], console: Console) -> None:
    table = Table(title="Do contributions add up to the scores?")
    for name in ("model", "method", "adds up to", "samples", "worst", "median", "floor (logits)",
                 "cross-validation", "explaining"):  # fmt: skip
        table.add_column(name)
    for model, frame, judging, explaining in rows:
        one = frame.row(0, named=True)
        floored = (
            ""
            if one["floored"] is None
            else f"{one['floored']:.0%} of samples, at most {one['floor_gap']:.2g}"
        )
        table.add_row(
            model, one["method"], one["quantity"], str(one["n_samples"]),
            f"{one['additivity_max']:.1g}", f"{one['additivity_median']:.1g}", floored,
            f"{judging:.0f} s", f"{explaining:.0f} s",
        )  # fmt: skip
    console.print(table)


def _print_agreement(agreement: pl.DataFrame, console: Console) -> None:
    table = Table(title="Do the models find the same CpGs important?")
    for name in ("model", "and", "rank correlation", "share of the top 25", "by chance"):
        table.add_column(name)
    overall = agreement.filter(pl.col("class").is_null())
    for (a, b), part in overall.group_by("a", "b", maintain_order=True):
        values: dict[str, Any] = dict(part["metric", "value"].iter_rows())
        chance = float(part.filter(metric="overlap")["by_chance"][0])
        table.add_row(
            str(a), str(b), f"{values['rank_correlation']:.2f}", f"{values['overlap']:.2f}",
            f"{chance:.2f}",
        )  # fmt: skip
    console.print(table)


def _print_shared(tables: Mapping[str, pl.DataFrame], models: int, console: Console) -> None:
    together = pl.concat(list(tables.values())).drop_nulls("class")
    shared = (
        together.group_by("class", "feature")
        .agg(
            pl.len().alias("models"),
            pl.col("direction").n_unique().alias("directions"),
            pl.col("direction").first(),
            pl.col("share").mean(),
        )
        .sort(["class", "models", "share", "feature"], descending=[False, True, True, False])
    )
    table = Table(title=f"CpGs among the first ten of most of the {models} models")
    for name in ("class", "CpG", "models", "direction", "mean share"):
        table.add_column(name)
    for (name,), part in shared.group_by("class", maintain_order=True):
        for row in part.head(5).iter_rows(named=True):
            direction = row["direction"] if row["directions"] == 1 else "they differ"
            table.add_row(
                str(name), row["feature"], str(row["models"]), direction, f"{row['share']:.1%}"
            )
    console.print(table)


if __name__ == "__main__":
    main()
