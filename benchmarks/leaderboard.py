"""Time and memory of the whole leaderboard: nested cross-validation of every model, calibrated.

    python benchmarks/leaderboard.py             # 1,400 samples, 10,000 CpGs, 5 x 5, 2 workers
    python benchmarks/leaderboard.py --growth    # one outer fold of 350, 700, 1,400 samples
    python benchmarks/leaderboard.py --models svm --samples 700 --outer 3 --inner 3

Default parameters but for the number of probes. Each model runs in a process of its own, its
workers below it, imports and metrics with their bootstraps included. Processor seconds stand beside
wall seconds, since other programs may be at work; memory is that of the process and its workers
together, pages that they share counted for each. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from processes import look, watched
from rich.console import Console
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import CvResult, nested_cv
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import assign_scheme
from cup_assets.compute import local

_CLASSES = 30
_LEAST = 8  # samples of a class
_GROWTH = (350, 700, 1400)


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(_measure(**json.loads(options.measure))))
        return
    console = Console(highlight=False, width=130)
    if options.growth:
        _growth(options, console)
    else:
        _whole(options, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=1400)
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--outer", type=int, default=5)
    parser.add_argument("--inner", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--growth", action="store_true", help="with samples and with workers")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


def simulated(n: int, p: int, seed: int = 1) -> TrainingData:
    """Return a cohort that is hard to classify.

    Classes of unequal size in families of three, tumour content from .3 to 1, FFPE and frozen,
    batches with shifts of their own, a twentieth of the patients with two samples, one value in two
    hundred missing, and one label in fifty that is another class's of the family.
    """
    generator = np.random.default_rng(seed)
    beyond = generator.dirichlet(np.full(_CLASSES, 1.5)) * (n - _LEAST * _CLASSES)
    sizes = _LEAST + np.round(beyond).astype(int)
    codes = np.repeat(np.arange(_CLASSES), sizes)
    n = len(codes)
    level = generator.normal(0, 2, p)
    family = generator.normal(0, 1.5, (_CLASSES // 3, p))
    family *= generator.random(family.shape) < 0.1
    own = generator.normal(0, 1.6, (_CLASSES, p)) * (generator.random((_CLASSES, p)) < 0.05)
    shared = generator.normal(0, 0.25, (20, p))  # cells, age, sex: what classes do not explain
    ffpe, batch = generator.random(n) < 0.6, generator.integers(14, size=n)
    m_values = level + (family[codes // 3] + own[codes]) * generator.uniform(0.3, 1, (n, 1))
    m_values += generator.normal(size=(n, 20)) @ shared
    m_values += ffpe[:, None] * generator.normal(0, 0.3, p)
    m_values += generator.normal(0, 0.15, (14, p))[batch]
    m_values += generator.normal(0, 0.8, m_values.shape)
    betas = (1 / (1 + np.exp2(-m_values))).astype(np.float32)
    betas[generator.random(betas.shape) < 0.005] = np.nan
    mistaken = generator.random(n) < 0.02
    named = np.where(mistaken, codes // 3 * 3 + generator.integers(3, size=n), codes)
    second = (generator.random(n) < 0.05) & (np.append(-1, named[:-1]) == named)
    samples = pl.DataFrame(
        {
            "sample_id": [f"s{row:05d}" for row in range(n)],
            "patient_id": [f"p{row:05d}" for row in np.arange(n) - second],
            "class": [f"class {code:02d}" for code in named],
            "family": [f"family {code // 3}" for code in named],
            "material": np.where(ffpe, "FFPE", "frozen").tolist(),
            "batch": [f"b{name:02d}" for name in batch],
        }
    )
    return TrainingData.from_frame(samples, betas, [f"cg{probe:08d}" for probe in range(p)])


def _measure(
    model: str, samples: int, probes: int, outer: int, inner: int, workers: int, only: int
) -> dict[str, Any]:
    data = simulated(samples, probes)
    plan = CohortParameters(outer_folds=outer, inner_folds=inner)
    truth = data.truth()
    members = truth.with_columns(batch=pl.Series(data.batch.tolist()))
    folds = assign_scheme("stratified", members, plan).folds
    folds = folds.filter(pl.col("outer_fold") < only)
    parameters = replace(EvaluationParameters(), n_probes=probes)
    start, before = time.perf_counter(), look().processor
    with watched(every=2.0) as looks:  # a look costs some milliseconds of its own
        result = nested_cv(data, model, folds, parameters, local(workers))
        table = metrics(result.scores, truth, parameters.seed, parameters.bootstraps)
    found = dict(table.filter(pl.col("class").is_null())["metric", "value"].iter_rows())
    return {
        "n": len(data.y),
        "wall": time.perf_counter() - start,
        "processor": look().processor - before,
        "memory": max(each.resident for each in looks) / 1e9,
        "chosen": sorted(result.choices["candidate"].to_list()),
        **{name: found[name] for name in ("error", "raw_log_loss", "log_loss", "auc_hand_till")},
        **_losses_of_variants(result, truth),
    }


def _losses_of_variants(result: CvResult, truth: pl.DataFrame) -> dict[str, float]:
    """Return the log loss of each of the other calibrators."""
    own = result.calibrations.join(truth.select("sample_id", "class"), on=["sample_id", "class"])
    losses = own.group_by("calibrator").agg(-pl.col("score").clip(1e-15, 1).log().mean())
    return dict(losses.iter_rows())


def _run(model: str, samples: int, outer: int, only: int, workers: int,
         options: argparse.Namespace, console: Console) -> dict[str, Any]:  # fmt: skip
    asked = {
        "model": model, "samples": samples, "probes": options.probes, "outer": outer,
        "inner": options.inner, "workers": workers, "only": only,
    }  # fmt: skip
    given = [sys.executable, __file__, "--measure", json.dumps(asked)]
    done = subprocess.run(given, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    console.print(
        f"{model}: {found['n']} samples, {only} outer folds, {workers} workers:"
        f" {found['wall']:.0f} s ({found['processor']:.0f} s of processors),"
        f" {found['memory']:.2f} GB, error {found['error']:.2%}, log loss"
        f" {found['log_loss']:.3f}; chosen {', '.join(found['chosen'])}",
        style="dim",
    )
    return found


def _whole(options: argparse.Namespace, console: Console) -> None:
    rows = {
        model: _run(
            model, options.samples, options.outer, options.outer, options.workers, options, console
        )
        for model in options.models
    }
    n = next(iter(rows.values()))["n"]
    table = Table(
        title=f"{n:,} samples, {options.probes:,} CpGs, {_CLASSES} classes,"
        f" {options.outer} x {options.inner} nested, {options.workers} workers; log loss raw, by"
        " the calibrator in use and by others"
    )
    for name in ("model", "wall s", "processor s", "peak GB", "error", "AUC", "raw", "used",
                 "Platt", "isotonic", "temperature"):  # fmt: skip
        table.add_column(name, justify="left" if name == "model" else "right")
    losses = ("raw_log_loss", "log_loss", "platt", "isotonic", "temperature")
    for model, row in rows.items():
        table.add_row(
            model, f"{row['wall']:.0f}", f"{row['processor']:.0f}", f"{row['memory']:.2f}",
            f"{row['error']:.2%}", f"{row['auc_hand_till']:.4f}",
            *(f"{row[name]:.3f}" for name in losses),
        )  # fmt: skip
    wall, processor, memory = (
        [row[name] for row in rows.values()] for name in ("wall", "processor", "memory")
    )
    table.add_section()
    table.add_row("all", f"{sum(wall):.0f}", f"{sum(processor):.0f}", f"{max(memory):.2f}")
    console.print(table)
    console.print(
        f"{sum(wall) / 60:.1f} minutes; {sum(processor) / options.workers / 60:.1f} minutes of"
        " processors for each worker"
    )


def _growth(options: argparse.Namespace, console: Console) -> None:
    table = Table(
        title=f"Processor seconds of one outer fold ({options.outer} x {options.inner},"
        f" {options.probes:,} CpGs, {_CLASSES} classes); wall seconds of two folds of {_GROWTH[0]}"
    )
    for name in ("model", *map(str, _GROWTH), "growth", "GB", "1 worker", "2 workers"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for model in options.models:
        one = [_run(model, n, options.outer, 1, 1, options, console) for n in _GROWTH]
        two = [_run(model, _GROWTH[0], options.outer, 2, w, options, console) for w in (1, 2)]
        ratio = one[-1]["processor"] / one[0]["processor"]
        table.add_row(
            model, *(f"{each['processor']:.0f}" for each in one),
            f"n^{np.log(ratio) / np.log(one[-1]['n'] / one[0]['n']):.1f}",
            f"{one[-1]['memory']:.2f}", *(f"{each['wall']:.0f}" for each in two),
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
