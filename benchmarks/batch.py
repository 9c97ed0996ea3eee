"""One batch of full-size arrays, from IDAT files to stored betas and back: time and memory.

    python benchmarks/batch.py                        # 96 simulated 450k samples
    python benchmarks/batch.py --manifest HumanMethylation450_15017482_v1-2.csv
    python benchmarks/batch.py --data FOLDER          # simulated there once, then reused

For each number of workers a process of its own computes the batch, then runs ``raw/idats`` and
``normalised/betas`` on it, the latter twice, because the first batch of an array also stores the
table of its probes. Imports and the start of the workers are not counted. Then 10,000 CpGs of all
samples are read back by the platform's own reader, against a memory-mapped numpy file. Wall and
processor seconds; where other programs are at work the latter say more. Memory is resident memory
of the largest worker and of the main process, the part of it that is no file's in brackets.
Nothing is asserted: what is fast enough depends on the machine. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from processes import look, watched
from rich.console import Console
from rich.table import Table

from cup_assets.compute import local, make_mapper, scratch_folder
from cup_assets.methylome import load_manifests, process_batch
from cup_assets.settings import Settings
from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.warehouse import read_matrix

_N_CPGS = 10_000
_MB = 1e6


@dataclass
class Stage:
    name: str
    seconds: float
    processor: float
    workers: tuple[float, float] = (0.0, 0.0)  # MB, and of them no file's
    main: tuple[float, float] = (0.0, 0.0)


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(_measure(options.data, options.measure)))
        return
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory(prefix="cup-batch-") as temporary:
        data = (options.data or Path(temporary)).resolve()
        if not (data / "truth" / "samples.parquet").exists():
            _simulate(data, options, console)
        results = {workers: _in_own_process(data, workers) for workers in options.workers}
    _report(results, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k", help="450k, epic or epicv2")
    parser.add_argument("--manifest", type=Path, help="simulate on this Illumina manifest instead")
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--data", type=Path, help="folder of the simulated batch; kept and reused")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.samples < 12:
        parser.error("--samples: at least 12")
    return options


def _simulate(data: Path, options: argparse.Namespace, console: Console) -> None:
    started = time.monotonic()
    tiny = CohortDesign.tiny()
    each, left = divmod(options.samples - 8, len(tiny.classes))
    design = replace(
        tiny,
        array=options.array,
        manifest=options.manifest,
        classes=tuple((name, each + (i < left)) for i, (name, _) in enumerate(tiny.classes)),
        normals=4,
        diagnostic=4,
        second_samples=0,
        duplicates=0,
        swaps=0,
        batches=1,
        sites=1,
        truth_betas=False,
    )
    simulate_cohort(data, design, local(os.cpu_count() or 1))
    console.print(f"{options.samples} samples simulated in {time.monotonic() - started:.0f} s")


def _in_own_process(data: Path, workers: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--data", str(data), "--measure", str(workers)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "CUP_DATA": str(data), "CUP_WORKERS": str(workers)},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(data: Path, workers: int) -> dict[str, Any]:
    settings = Settings(data, workers=workers)
    mapper = make_mapper(settings)
    shutil.rmtree(settings.warehouse, ignore_errors=True)
    (batch,) = [path.name for path in settings.landing.iterdir()]
    folder = settings.landing / batch
    greens = sorted(folder.glob("*_Grn.idat"))
    items = [(g.name[:-9], g, g.with_name(g.name.replace("Grn", "Red"))) for g in greens]
    manifests = load_manifests(settings.manifests, settings.cache)
    process_batch(items[: 4 * workers], manifests, mapper=mapper)  # imports, plans, workers
    stages: list[Stage] = []
    with scratch_folder(settings.cache) as scratch:
        with _timed("computing", stages):
            signals = process_batch(items, manifests, mapper=mapper, scratch=scratch)
        (array,) = signals.arrays
        n_probes = array.manifest.probes.height
        with _timed("floor of storing: npy files", stages):
            for values in (array.beta, array.detection_p, array.log2_total):
                with (scratch / "floor.npy").open("wb") as file:
                    np.save(file, values.T)
                    os.fsync(file.fileno())
        del signals, array, values  # their files would count to the memory of what follows
    _asset(settings, batch, stages)
    return {
        "samples": len(items),
        "probes": n_probes,
        "stages": [asdict(stage) for stage in stages],
        "read": _read_back(settings),
        "bytes": sum(
            p.stat().st_size for p in (settings.warehouse / "matrices").rglob("*.parquet")
        ),
    }


def _asset(settings: Settings, batch: str, stages: list[Stage]) -> None:
    """Run the two stages of a batch as ``cup materialize`` does; of the second, storing apart."""
    import dagster as dg

    from cup_assets.orchestration.assets import normalised
    from cup_assets.orchestration.build import build_defs
    from cup_assets.orchestration.conventions import BETAS, RAW
    from cup_assets.orchestration.materialise import FORCE_TAG
    from cup_assets.orchestration.resources import Platform

    store = normalised._write_matrices

    def watched_store(*given: Any) -> Any:
        with _timed("  storing in it", stages):
            return store(*given)

    normalised._write_matrices = watched_store
    defs = build_defs(resource_overrides={"platform": Platform(data=str(settings.data))})
    job = defs.resolve_job_def("read_batch")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("batches", [batch])
        for key, name in (
            (RAW, "inventory: raw/idats"),
            (BETAS, "all of normalised/betas, first batch"),
            (BETAS, "all of normalised/betas, a later one"),
        ):
            with _timed(name, stages):
                job.execute_in_process(
                    instance=instance,
                    partition_key=batch,
                    asset_selection=[key],
                    run_config=quiet,
                    tags={FORCE_TAG: "true"},
                )


def _read_back(settings: Settings) -> dict[str, float]:
    """Read all samples x 10,000 CpGs: seconds, best of three."""
    (path,) = (settings.warehouse / "matrices").rglob("betas-*.parquet")
    probes, _, values = read_matrix(path)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(probes), _N_CPGS, replace=False))
    wanted = [probes[i] for i in chosen]
    plain = settings.cache / "floor.npy"
    np.save(plain, values.T)
    found = {
        "platform": _best(lambda: read_matrix(path, probes=wanted)[2]),
        "npy": _best(lambda: np.load(plain, mmap_mode="r")[:, chosen]),
        "platform_all": _best(lambda: read_matrix(path)[2]),
        "npy_all": _best(lambda: np.load(plain)),
    }
    plain.unlink()
    return found


def _best(read: Callable[[], Any]) -> float:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        read()
        times.append(time.perf_counter() - started)
    return min(times)


@contextmanager
def _timed(name: str, stages: list[Stage]) -> Iterator[None]:
    with watched(0.05) as looks:
        before = look()
        yield
        after = look()
    seen = [before, *looks, after]
    workers = [each for one in seen for each in one.others.values()]
    stages.append(
        Stage(
            name,
            after.at - before.at,
            after.processor - before.processor,
            (
                max((each.resident for each in workers), default=0) / _MB,
                max((each.own for each in workers), default=0) / _MB,
            ),
            (
                max(one.root.resident for one in seen) / _MB,
                max(one.root.own for one in seen) / _MB,
            ),
        )
    )


def _report(results: dict[int, dict[str, Any]], console: Console) -> None:
    for workers, found in results.items():
        n = found["samples"]
        table = Table(
            title=f"{n} samples x {found['probes']:,} probes, {workers} worker(s)",
            caption="MB: largest worker and main process; in brackets what is no file's",
        )
        table.add_column("stage", no_wrap=True)
        for title in ("seconds", "CPU s", "samples/s", "CPU ms/sample", "worker MB", "main MB"):
            table.add_column(title, justify="right")
        for stage in (Stage(**each) for each in found["stages"]):
            table.add_row(
                stage.name,
                f"{stage.seconds:.2f}",
                f"{stage.processor:.2f}",
                f"{n / stage.seconds:.0f}",
                f"{1000 * stage.processor / n:.0f}",
                *(f"{a:.0f} ({b:.0f})" for a, b in (stage.workers, stage.main)),
            )
        console.print(table)
    found = next(iter(results.values()))
    read, n = found["read"], found["samples"]
    stored, plain = found["bytes"] / _MB, 3 * 4 * n * found["probes"] / _MB
    console.print(f"stored: {stored:.0f} MB in Parquet, {plain:.0f} MB of float32")
    for what, name in ((f"{_N_CPGS:,} CpGs", ""), ("all probes", "_all")):
        ours, floor = read[f"platform{name}"], read[f"npy{name}"]
        console.print(
            f"reading {what} x {n} samples back: {ours:.3f} s by the platform,"
            f" {floor:.3f} s from a memory-mapped npy file ({ours / floor:.1f} x)"
        )
    console.print(f"load of the machine at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
