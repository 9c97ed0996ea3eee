"""The steps before the models, for all training parts of a nested cross-validation.

    python benchmarks/variances.py                      # 700 samples x 450,000 probes, 30 parts
    python benchmarks/variances.py --samples 1400 --repeats 3

Means, shifts and variances of every probe in the 30 training parts of 5 x 5 nested folds, betas
adjusted for the material, on a memory-mapped matrix: each part by itself, written as plainly as can
be (a walk for each); each part by itself with the platform's code; all parts by one walk; and that
walk shared by two processes. Each runs in a process of its own, imports not counted, the best of
some; memory is that of all its processes without the pages of the mapped file. The probes found
must be the same. Nothing else is asserted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from processes import look, watched
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import fit_pipeline, fit_pipelines
from cup_assets.classify.shifts import beta, m_value, shift_design
from cup_assets.compute import local

_CLASSES, _PROBES = 30, 10_000
_PARAMETERS = EvaluationParameters(n_probes=_PROBES)


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(_measure(*options.measure)))
        return
    console = Console(highlight=False, width=100)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "betas.npy"
        _write(path, options.samples, options.probes)
        taken: dict[str, list[dict[str, Any]]] = {name: [] for name in _WAYS}
        for _ in range(options.repeats):
            for name, results in taken.items():
                command = [sys.executable, __file__, "--measure", name, str(path)]
                run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                results.append(json.loads(run.stdout))
                console.print(f"{name}: {results[-1]['wall']:.0f} s", style="dim")
    _report(taken, options, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=700)
    parser.add_argument("--probes", type=int, default=450_000)
    parser.add_argument("--repeats", type=int, default=1, help="of which the best is shown")
    parser.add_argument("--folder", type=Path, help="where the matrix is written meanwhile")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _write(path: Path, n: int, p: int) -> None:
    """Write betas float32[n, p] with a hundredth missing."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, p))
    generator = np.random.default_rng(1)
    level, spread = generator.normal(0, 2, p), generator.gamma(2, 0.3, p)
    for row in X:
        m_values = level + spread * generator.standard_normal(p, dtype=np.float32)
        row[:] = 1 / (1 + np.exp2(-m_values))
        row[generator.random(p, dtype=np.float32) < 0.01] = np.nan
    X.flush()


def _data(path: Path) -> tuple[TrainingData, list[Ints]]:
    """Return the samples and the rows of 5 x (1 + 5) training parts."""
    X = np.load(path, mmap_mode="r")
    n, p = X.shape
    generator = np.random.default_rng(2)
    names = [f"s{row:04d}" for row in range(n)]
    samples = pl.DataFrame(
        {
            "sample_id": names,
            "class": [f"class {row % _CLASSES:02d}" for row in range(n)],
            "material": generator.choice(["FFPE", "frozen"], n),
        }
    )
    data = TrainingData.from_frame(samples, X, [f"cg{probe:08d}" for probe in range(p)])
    outer, parts = generator.integers(0, 5, n), []
    for fold in range(5):
        train = np.flatnonzero(outer != fold)
        inner = generator.integers(0, 5, len(train))
        parts += [train, *(train[inner != group] for group in range(5))]
    return data, parts


def plainly(data: TrainingData, rows: Ints) -> Ints:
    """Return the most variable probes of one part by a walk that has nothing else in mind."""
    p = data.X.shape[1]
    design = shift_design(data, rows, _PARAMETERS.adjust, _PARAMETERS.adjust_ridge)
    variance = np.empty(p)
    with threadpool_limits(1):
        for start in range(0, p, 1024):
            betas = data.X[rows, start : start + 1024].astype(np.float64)
            missing = np.isnan(betas)
            measured = len(rows) - missing.sum(axis=0)
            betas[missing] = 0.0
            betas = np.where(missing, betas.sum(axis=0) / np.maximum(measured, 1), betas)
            m_values = m_value(betas)
            betas = beta(m_values - design.indicator @ (design.solver @ m_values))
            usable = measured >= (1 - _PARAMETERS.probe_max_missing) * len(rows)
            variance[start : start + 1024] = np.where(usable, betas.var(axis=0), -1.0)
    return np.sort(np.argsort(-variance, kind="stable")[:_PROBES])


_WAYS: dict[str, Callable[[TrainingData, list[Ints]], list[Ints]]] = {
    "each part, plainly": lambda data, parts: [plainly(data, rows) for rows in parts],
    "each part, platform": lambda data, parts: [
        fit_pipeline(data, rows, _PARAMETERS).columns for rows in parts
    ],
    "one walk": lambda data, parts: [
        each.columns for each in fit_pipelines(data, parts, _PARAMETERS)
    ],
    "one walk, 2 processes": lambda data, parts: [
        each.columns for each in fit_pipelines(data, parts, _PARAMETERS, local(2))
    ],
}


def _measure(name: str, path: str) -> dict[str, Any]:
    data, parts = _data(Path(path))
    before, began = look(), time.perf_counter()
    with watched() as looks:
        found = _WAYS[name](data, parts)
    wall, after = time.perf_counter() - began, look()
    own = [one.root.own + sum(each.own for each in one.others.values()) for one in [*looks, after]]
    return {
        "wall": wall,
        "processor": after.processor - before.processor,
        "memory": (max(own) - before.root.own) / 1e6,
        "found": hashlib.sha256(np.concatenate(found).astype(np.int64).tobytes()).hexdigest(),
    }


def _report(
    taken: dict[str, list[dict[str, Any]]], options: argparse.Namespace, console: Console
) -> None:
    if len({one["found"] for results in taken.values() for one in results}) > 1:
        sys.exit("the ways do not find the same probes")
    title = f"30 training parts, {options.samples} samples x {options.probes:,} probes, adjusted"
    table = Table("", "processor, s", "wall, s", "memory, MB", title=title)
    best = {
        name: {key: min(one[key] for one in results) for key in ("processor", "wall", "memory")}
        for name, results in taken.items()
    }
    for name, one in best.items():
        table.add_row(name, *(f"{one[key]:,.0f}" for key in ("processor", "wall", "memory")))
    console.print(table)
    first = best["each part, plainly"]
    for name, one in list(best.items())[1:]:
        times = [first[key] / one[key] for key in ("processor", "wall")]
        console.print(f"{name}: {times[0]:.1f} x less processor time, {times[1]:.1f} x less time")


if __name__ == "__main__":
    main()
