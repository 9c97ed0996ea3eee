"""Run the whole chain on full-size arrays and tell time and memory of every stage.

    python benchmarks/full_size.py --array 450k --samples 24
    python benchmarks/full_size.py --manifest HumanMethylation450_15017482_v1-2.csv
    python benchmarks/full_size.py --data FOLDER      # a data folder that already has batches

A cohort of four classes, normal controls and diagnostic cases is simulated into a temporary folder
(about 16 MB of IDAT files a sample on 450k, 27 MB on EPIC) and materialised by the same function as
`cup materialize`. A table comes out: wall time, processor time and memory of every step.

Memory is the resident set of this process and all that it started, summed; pages that processes
share count once for each, so the sum is an upper bound. Processor time is that of the same
processes; where other programs are at work it says more than wall time. Both are read from /proc
five times a second, so the script needs Linux, and a step shorter than that is known roughly.
Nothing is asserted: what is fast enough depends on the machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from processes import Look, watched
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.compute import make_mapper
from cup_assets.console.materialise import run_materialize
from cup_assets.orchestration.instance import open_instance
from cup_assets.settings import Settings
from cup_assets.simulate import CohortDesign, simulate_cohort

_EVERY = 0.2  # seconds between two looks at the processes


class Stage(NamedTuple):
    name: str
    start: float  # seconds since the epoch
    end: float


def main() -> None:
    options = _options()
    console = Console(highlight=False)
    if options.data:
        _measure(options.data.resolve(), options.workers, console)
        return
    with tempfile.TemporaryDirectory(prefix="cup-full-size-") as folder:
        data = Path(folder)
        _simulate(data, options, console)
        _measure(data, options.workers, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k", help="450k, epic or epicv2")
    parser.add_argument("--manifest", type=Path, help="simulate on this Illumina manifest instead")
    parser.add_argument("--samples", type=int, default=24, help="of the cohort; at least 24")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path, help="measure this data folder; nothing is simulated")
    options = parser.parse_args()
    if options.samples < 24:
        parser.error("--samples: at least 24 make classes, controls and cases")
    return options


def cohort_design(options: argparse.Namespace) -> CohortDesign:
    """Return four classes of equal size, at least six normal controls, and four cases."""
    tiny = CohortDesign.tiny(options.seed)
    normals = max(6, options.samples // 8)
    each = (options.samples - normals - 4) // 4
    return replace(
        tiny,
        array=options.array,
        manifest=options.manifest,
        normals=normals,
        # What the division by four left over is given to the first class.
        classes=tuple(
            (name, each + (options.samples - normals - 4 - 4 * each if i == 0 else 0))
            for i, (name, _) in enumerate(tiny.classes)
        ),
        diagnostic=4,
        second_samples=0,
        duplicates=0,
        swaps=0,
        truth_betas=False,
    )


def _simulate(data: Path, options: argparse.Namespace, console: Console) -> None:
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulating IDAT files", total=None)
        simulate_cohort(
            data,
            cohort_design(options),
            make_mapper(Settings(data, workers=options.workers)),
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
    size = sum(path.stat().st_size for path in (data / "landing").rglob("*.idat"))
    console.print(
        f"{options.samples} samples simulated in {time.monotonic() - started:.0f} s,"
        f" {size / 1e9:.2f} GB of IDAT files"
    )


def _measure(data: Path, workers: int, console: Console) -> None:
    os.environ["CUP_WORKERS"] = str(workers)
    settings = Settings(data, workers=workers)
    with watched(_EVERY) as looks:
        started = time.time()
        run_materialize(settings)
        ended = time.time()
    # A run of the data folder before this one is not part of this measurement.
    stages = [stage for stage in _stages(settings) if stage.start >= started]
    table = Table(title=f"{data.name}, {workers} workers: wall time, processor time, memory")
    table.add_column("step")
    for title in ("seconds", "CPU seconds", "peak GB"):
        table.add_column(title, justify="right")
    for stage in stages:
        table.add_row(*_row(stage, looks))
    table.add_section()
    table.add_row(*_row(Stage("everything", started, ended), looks))
    console.print(table)
    stored = sum(path.stat().st_size for path in settings.warehouse.rglob("*") if path.is_file())
    load = os.getloadavg()[0]
    console.print(f"warehouse {stored / 1e9:.2f} GB; load of the machine at the end {load:.1f}")


def _row(stage: Stage, looks: list[Look]) -> tuple[str, str, str, str]:
    within = [look for look in looks if stage.start - _EVERY <= look.at <= stage.end + _EVERY]
    wall = f"{stage.end - stage.start:.1f}"
    if not within:
        return stage.name, wall, "-", "-"
    processor = within[-1].processor - within[0].processor
    peak = max(look.resident for look in within)
    return stage.name, wall, f"{processor:.1f}", f"{peak / 1e9:.2f}"


def _stages(settings: Settings) -> list[Stage]:
    """Read from the instance when each step of each run began and ended."""
    with open_instance(settings) as instance:
        stages = []
        for run in instance.get_runs():
            batch = run.tags.get("dagster/partition")
            begun: dict[str, float] = {}
            for entry in instance.all_logs(run.run_id):
                event = entry.dagster_event
                if event is None or event.step_key is None:
                    continue
                if event.event_type_value == "STEP_START":
                    begun[event.step_key] = entry.timestamp
                elif event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE"):
                    name = event.step_key.replace("__", "/") + (f"[{batch}]" if batch else "")
                    stages.append(Stage(name, begun[event.step_key], entry.timestamp))
    return sorted(stages, key=lambda stage: stage.start)


if __name__ == "__main__":
    main()
