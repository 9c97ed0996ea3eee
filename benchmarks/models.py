"""Time and memory of the models on simulated betas, and of the L2 fits against all columns.

    python benchmarks/models.py                       # 350 and 700 samples, 10,000 CpGs, 30 classes
    python benchmarks/models.py --samples 350 700 1400 --models xgboost neural_network
    python benchmarks/models.py --peer                # L2 grids against scikit-learn on all columns

One fit is a fit of the middle candidate, a grid all candidates of an inner fold as the platform
fits and scores them, both on one thread. Each model runs in a process of its own, imports not
counted; processor seconds beside wall seconds, since other programs may be at work. Growth is the
exponent of n between the smallest and the largest number of samples. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from cup_assets.classify.calibrate import log_losses
from cup_assets.classify.models import MODELS, TrainingSet
from cup_assets.classify.models.linear import gram_space, row_space
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced
from cup_assets.classify.tuned import one_thread

_CLASSES = 30
_HELD = 0.2  # an inner fold of five


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(_measure(*options.measure)))
        return
    console = Console(highlight=False, width=100)
    if options.peer:
        _peer(min(options.samples), options.probes, console)
        return
    rows: dict[str, list[dict[str, Any]]] = {}
    for model in options.models:
        for n in options.samples:
            given = ["--measure", model, str(n), str(options.probes)]
            run = subprocess.run(
                [sys.executable, __file__, *given], stdout=subprocess.PIPE, check=True
            )
            rows.setdefault(model, []).append(json.loads(run.stdout))
            console.print(f"{model}, {n} samples: done", style="dim")
    _report(rows, options, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[350, 700])
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--peer", action="store_true", help="scikit-learn on the smallest number")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def simulated(n: int, p: int, seed: int = 1) -> tuple[TrainingSet, TrainingSet]:
    """Return a training and a held-out part of unequal classes in families, hard to tell apart."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(_CLASSES, 3.0))
    level = generator.normal(0, 2, p)
    family = generator.normal(0, 1.5, (_CLASSES // 3, p))
    family *= generator.random(family.shape) < 0.1
    own = generator.normal(0, 1.6, (_CLASSES, p)) * (generator.random((_CLASSES, p)) < 0.03)
    shared = generator.normal(0, 0.2, (20, p))  # of cells, age, centre: what classes do not explain
    codes = np.repeat(np.arange(_CLASSES), np.maximum(np.round(shares * n), 5).astype(int))
    purity = generator.uniform(0.3, 1, (len(codes), 1))
    m_values = level + family[codes // 3] + own[codes] * purity
    m_values += generator.normal(size=(len(codes), 20)) @ shared
    m_values += generator.normal(0, 0.8, m_values.shape)
    betas = (1 / (1 + np.exp2(-m_values))).astype(np.float32)
    held = generator.random(len(codes)) < _HELD
    parts = [TrainingSet(betas[rows], codes[rows], _CLASSES) for rows in (~held, held)]
    return parts[0], parts[1]


def _measure(model: str, n: str, p: str) -> dict[str, Any]:
    spec, parameters = MODELS[model], EvaluationParameters()
    candidates = spec.candidates(parameters)
    training, held = simulated(int(n), int(p))
    with one_thread():
        small = TrainingSet(training.features[:60, :50], training.codes[:60], _CLASSES)
        spec.fit(small, candidates[:1], parameters, 1)  # imports
        before = _resident()
        middle = candidates[len(candidates) // 2]
        single, _ = _timed(lambda: spec.fit(training, [middle], parameters, 1))
        grid, scores = _timed(
            lambda: spec.scores(spec.fit(training, candidates, parameters, 1), held.features)
        )
    losses = [float(log_losses(each, held.codes).mean()) for each in scores]
    errors = [float((each.argmax(axis=1) != held.codes).mean()) for each in scores]
    best = int(np.argmin(errors))
    return {
        "n": len(training.codes), "candidates": len(candidates), "fit": single, "grid": grid,
        "memory": _resident(), "before": before, "error": errors[best], "log_loss": losses[best],
    }  # fmt: skip


def _timed(run: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    wall, processor = time.perf_counter(), time.process_time()
    result = run()
    return (time.perf_counter() - wall, time.process_time() - processor), result


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # GB


def _report(
    rows: dict[str, list[dict[str, Any]]], options: argparse.Namespace, console: Console
) -> None:
    table = Table(
        title=f"{options.probes:,} CpGs, {_CLASSES} classes, one thread; seconds: wall (processor)"
    )
    for name in ("model", "n", "one fit", "tried", "inner grid", "peak GB",
                 "error", "growth"):  # fmt: skip
        table.add_column(name, justify="left" if name == "model" else "right")
    for model, measured in rows.items():
        for row in measured:
            growth = ""
            if row is measured[-1] and len(measured) > 1:
                first = measured[0]
                ratio = row["grid"][1] / first["grid"][1]
                growth = f"n^{np.log(ratio) / np.log(row['n'] / first['n']):.1f}"
            table.add_row(
                model, str(row["n"]), *(_seconds(row["fit"]), str(row["candidates"])),
                _seconds(row["grid"]), f"{row['memory']:.2f}", f"{row['error']:.1%}", growth,
            )  # fmt: skip
    console.print(table)


def _seconds(taken: tuple[float, float]) -> str:
    return f"{taken[0]:.1f} ({taken[1]:.1f})"


def _peer(n: int, p: int, console: Console) -> None:
    """Fit the L2 grids of one inner fold by inner products and on all columns, to the same end."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    parameters = EvaluationParameters()
    training, held = simulated(n, p)
    table = Table(title=f"L2 grids, {len(training.codes)} samples, {p:,} CpGs, {_CLASSES} classes")
    for name in ("model", "here", "of it inner products", "scikit-learn", "ratio (processor)",
                 "largest difference"):  # fmt: skip
        table.add_column(name, justify="left" if name == "model" else "right")
    with one_thread():
        rotation, space = _timed(lambda: row_space(training.features))
        products, _ = _timed(lambda: gram_space(training.features))
        centred = (training.features - space.centre) * space.scale
        unseen = (held.features - space.centre) * space.scale
        weights = balanced(training, parameters.strategy, 1)[1]
        for name, values, shared in (("logistic_regression", parameters.logistic_c, rotation),
                                     ("svm", parameters.svm_c, products)):  # fmt: skip
            spec, candidates = MODELS[name], [{"C": c} for c in values]
            ours, models = _timed(
                lambda spec=spec, candidates=candidates: spec.fit(
                    training, candidates, parameters, 1
                )
            )
            theirs, difference = (0.0, 0.0), 0.0
            for model, c in zip(models, values, strict=True):
                solver: Any = (
                    LogisticRegression(C=c, tol=1e-10, max_iter=20_000)
                    if name == "logistic_regression"
                    else LinearSVC(C=c, dual=False, tol=1e-6, max_iter=10_000)
                )
                taken, _ = _timed(
                    lambda solver=solver: solver.fit(centred, training.codes, sample_weight=weights)
                )
                theirs = (theirs[0] + taken[0], theirs[1] + taken[1])
                logits = solver.decision_function(unseen)
                powers = np.exp(logits - logits.max(axis=1, keepdims=True))
                expected = powers / powers.sum(axis=1, keepdims=True)
                found = model.scores(held.features)
                difference = max(difference, float(np.abs(found - expected).max()))
                console.print(f"{name}, C {c:g}: scikit-learn {_seconds(taken)} s", style="dim")
            table.add_row(
                name, *map(_seconds, (ours, shared, theirs)), f"{theirs[1] / ours[1]:.1f}",
                f"{difference:.1e}",
            )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
