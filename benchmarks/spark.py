"""What Spark costs: one nested cross-validation on it and on local processes, and how data travels.

The same items on the same two CPUs: what Spark local[2] takes longer is Java, the start of its
Python processes, and the way of items and results. A cluster pays the same and has more CPUs.

    python benchmarks/spark.py [--samples 350] [--probes 2000] [--part cv] [--large]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from processes import look

from cup_assets.classify.nested import nested_cv
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import local
from cup_assets.compute.parcel import file_of, pack
from cup_assets.compute.spark import spark_mapper
from cup_assets.compute.spark_session import spark_context
from cup_assets_tests.classify.synthetic import cohort, folds

PARAMETERS = EvaluationParameters(
    n_probes=1000, trees=100, forest_features=(1.0,), logistic_c=(1.0, 100.0), logistic_l1=()
)


def measured(what: str, work: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), look().processor
    result = work()
    print(f"{what:58s} {time.perf_counter() - wall:8.2f} s {look().processor - cpu:8.2f} s CPU")
    return result


def cross_validations(samples: int, probes: int) -> None:
    data = cohort(n=samples, p=probes, classes=5)
    plan = folds(data, outer=5, inner=5)
    print(f"\nnested 5 x 5 cross-validation, {samples} samples x {probes} probes, 2 workers")
    backends = {"joblib, 2 processes": local(2), "Spark local[2]": spark_mapper("local[2]")}
    measured("Spark's session", lambda: spark_context("local[2]"))
    found = set()
    for model in ("logistic_regression", "random_forest"):
        for turn in ("first", "second", "third"):
            for name, mapper in backends.items():
                result = measured(
                    f"{model}, {turn} run, {name}",
                    partial(nested_cv, data, model, plan, PARAMETERS, mapper),
                )
                found.add((model, result.scores.select("raw_score", "score").to_numpy().tobytes()))
    print("identical scores:", "yes" if len(found) == 2 else "NO")


class Counter:
    """A file that only counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        self.size += memoryview(data).nbytes
        return memoryview(data).nbytes


def whole(function: Any) -> int:
    """Pickle a function with its arrays; return the bytes."""
    from pyspark.cloudpickle import CloudPickler

    counter = Counter()
    CloudPickler(counter, protocol=5).dump(function)
    return counter.size


def broadcast_whole(function: Any, items: list[int]) -> list[Any]:
    """Map as Spark's own means invite to: every Python process gets a copy of its own."""
    context = spark_context("local[2]")
    sent = context.broadcast(function)
    found: list[Any] = (
        context.parallelize(items, len(items)).map(lambda item: sent.value(item)).collect()
    )
    sent.destroy()
    return found


def travels(title: str, matrix: np.ndarray) -> None:
    print(f"\n{title}: {matrix.nbytes / 1e6:,.0f} MB")
    function = partial(np.take, matrix)
    size = measured("pickled whole", lambda: whole(function))
    parcel = measured("packed", lambda: pack(function))
    named = sum(file_of(buffer) is not None for buffer in parcel.buffers)
    print(f"pickle of {size:,} bytes; packed {len(parcel.head):,} and {named} file(s) named")
    items = list(range(8))
    ways: dict[str, Callable[[], list[Any]]] = {
        "Spark local[2]": partial(spark_mapper("local[2]"), function, items),
        "joblib, 2 processes": partial(local(2), function, items),
    }
    if matrix.nbytes < 1e9:
        ways["Spark local[2], broadcast whole"] = partial(broadcast_whole, function, items)
    for turn in ("first", "second"):
        for name, way in ways.items():
            assert measured(f"8 items, {turn} time, {name}", way) == [
                matrix.flat[item] for item in items
            ]


def large_arrays(probes: int) -> None:
    rng = np.random.default_rng(1)
    betas = rng.random((1400, 10_000), dtype=np.float32)
    travels("1,400 x 10,000 betas in memory", betas)
    with tempfile.TemporaryDirectory() as folder:
        shape = (1400, probes)
        file = Path(folder) / "betas.npy"
        np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)  # all zero
        mapped = np.ascontiguousarray(np.load(file, mmap_mode="r"))
        travels(f"1,400 x {shape[1]:,} betas in a mapped file", mapped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=350)
    parser.add_argument("--probes", type=int, default=2000)
    parser.add_argument("--part", choices=("all", "cv", "travel"), default="all")
    parser.add_argument(
        "--large", action="store_true", help="a mapped matrix of 1,400 x 450,000 (2.5 GB), too"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.part != "travel":
        cross_validations(arguments.samples, arguments.probes)
    if arguments.part != "cv":
        large_arrays(450_000 if arguments.large else 10_000)


if __name__ == "__main__":
    main()
