"""What the asset panels/cpg costs: processor seconds of its parts, and of all of them together.

    python benchmarks/panel_cost.py                      # 1,400 samples, 30 classes, 5 x 5
    python benchmarks/panel_cost.py --samples 400 --models svm random_forest --sizes 5 20 100

Tuned and calibrated fits are measured in this process, on one thread: one for each model family and
some panel sizes, of chosen CpGs in one outer fold. What the whole curve takes follows by counting,
folds being alike: outer folds x choosers, a chooser being our CpGs, the most variable ones, or a
draw of random ones for the families that judge those. Sizes that are not measured are taken from
their neighbours, on a straight line between the logarithms. All the rest is measured as it is, with
scores made up: the choice of CpGs in every part of every outer fold, metrics with their bootstraps,
panels for differential diagnoses. Reading an array is not in it. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import polars as pl
from leaderboard import simulated
from rich.console import Console
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort import CohortParameters
from cup_assets.cohort.folds import assign_folds
from cup_assets.compute import serial
from cup_assets.panels import PanelParameters, panel_curve
from cup_assets.panels.fold_choice import choose_in_fold, fold_tasks, narrow_choices
from cup_assets.panels.judge import JudgeTask, PanelScores, judge_panels, judge_tasks
from cup_assets.panels.standing import standing_panels

_Made = TypeVar("_Made")
_MEASURED = (5, 100, 1000)


def main() -> None:
    options = _options()
    console = Console(width=150, highlight=False)
    data = simulated(options.samples, options.probes)
    plan = replace(CohortParameters(), outer_folds=options.outer, inner_folds=options.inner)
    folds = assign_folds(data.truth(), plan)
    parameters = replace(PanelParameters(), models=tuple(options.models))
    console.print(
        f"{len(data.y)} samples, {len(np.unique(data.y))} classes, {options.probes} CpGs;"
        f" {options.outer} x {options.inner} nested; processor seconds"
    )
    seconds = _fits(data, folds, parameters, options.sizes)
    console.print(_fit_table(seconds, parameters, options.sizes, options.outer))
    made_up = MadeUp(parameters.sizes)
    evaluation = EvaluationParameters()
    _, rest = _timed(lambda: panel_curve(data, folds, parameters, evaluation, judge=made_up))
    _, standing = _timed(lambda: standing_panels(data, parameters, folds))
    now = sum(_of_family(name, seconds, parameters, options.outer) for name in parameters.families)
    every = replace(parameters, random_models=parameters.families)
    all_families = sum(_of_family(name, seconds, every, options.outer) for name in every.families)
    console.print(
        f"choice of CpGs and metrics: {rest:,.0f} s; differential diagnoses: {standing:,.0f} s"
    )
    for what, fits in (("as by default", now), ("random panels by every family", all_families)):
        hours = (fits + rest + standing) / 3600
        console.print(f"{what}: {hours:.1f} h of processors, about {hours / 2:.1f} h on two cores")


class MadeUp:
    """Stands in for the fits: a judge that draws scores, so that all the rest can be timed."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = sizes

    def __call__(
        self, data: TrainingData, model: str, tasks: Sequence[JudgeTask], progress: object
    ) -> list[PanelScores]:
        return [self._scores(data, task) for task in tasks]

    def _scores(self, data: TrainingData, task: JudgeTask) -> PanelScores:
        classes, test = np.unique(data.y), task.split.test
        generator = np.random.default_rng((task.split.outer_fold, task.chooser[1]))
        own = np.searchsorted(classes, data.y[test])
        weights = generator.gamma(0.1, size=(len(test), len(classes))) + 1e-6
        weights[np.arange(len(test)), own] += generator.gamma(1, size=len(test))
        scores = (weights / weights.sum(axis=1, keepdims=True)).ravel()
        one = pl.DataFrame(
            {
                "sample_id": np.repeat(data.sample_ids[test], len(classes)).tolist(),
                "class": np.tile(classes, len(test)).tolist(),
                "raw_score": scores,
                "score": scores,
            }
        )
        each = [one.select(pl.lit(size, pl.Int64).alias("size"), pl.all()) for size in self.sizes]
        split, (selector, draw) = task.split, task.chooser
        return PanelScores(split.repeat, split.outer_fold, selector, draw, pl.concat(each))


def _fits(
    data: TrainingData, folds: pl.DataFrame, parameters: PanelParameters, sizes: Sequence[int]
) -> dict[tuple[str, int], float]:
    """Return the seconds of a tuned fit of each family and measured size in one outer fold."""
    split = outer_folds(data, folds)[0]
    one = replace(parameters, random_draws=1)
    few, tasks = fold_tasks(data, [split], one, serial)
    few, chosen = narrow_choices(few, [choose_in_fold(few, one, tasks[0])])
    task = judge_tasks(chosen)[0]
    assert task.chooser == ("ranked", 0)
    evaluation = EvaluationParameters()
    found = {}
    for model in parameters.families:
        for size in sizes:
            work = (few, model, (size,), evaluation, task)
            _, found[model, size] = _timed(lambda work=work: judge_panels(*work))  # type: ignore[misc]
    return found


def _every_size(
    model: str, seconds: dict[tuple[str, int], float], sizes: Sequence[int]
) -> list[float]:
    known = {size: value for (name, size), value in seconds.items() if name == model}
    at = np.array(sorted(known))
    values = np.log([known[size] for size in sorted(known)])
    return [float(np.exp(np.interp(np.log(size), np.log(at), values))) for size in sizes]


def _of_family(
    model: str, seconds: dict[tuple[str, int], float], parameters: PanelParameters, outer: int
) -> float:
    draws = parameters.random_draws if model in parameters.random_families else 0
    return outer * (2 + draws) * sum(_every_size(model, seconds, parameters.sizes))


def _fit_table(
    seconds: dict[tuple[str, int], float],
    parameters: PanelParameters,
    measured: Sequence[int],
    outer: int,
) -> Table:
    columns = [f"{size}" if size in measured else f"({size})" for size in parameters.sizes]
    last = ("our CpGs, all sizes and folds", "a random draw", "by default")
    table = Table(title="a tuned, calibrated fit with so many CpGs (in brackets: from neighbours)")
    for name in ("model", *columns, *last):
        table.add_column(name, justify="left" if name == "model" else "right")
    for model in parameters.families:
        each = _every_size(model, seconds, parameters.sizes)
        whole = outer * sum(each)
        draw = whole if model in parameters.random_families else None
        shown = [whole, draw, _of_family(model, seconds, parameters, outer)]
        table.add_row(
            model,
            *(f"{value:.1f}" for value in each),
            *("" if value is None else f"{value:,.0f}" for value in shown),
        )
    return table


def _timed(work: Callable[[], _Made]) -> tuple[_Made, float]:
    before = time.process_time()
    return work(), time.process_time() - before


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=1400)
    parser.add_argument("--probes", type=int, default=4000)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(_MEASURED))
    parser.add_argument("--outer", type=int, default=5)
    parser.add_argument("--inner", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
