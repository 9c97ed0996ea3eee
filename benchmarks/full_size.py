"""Run the whole chain on full-size arrays and tell time and memory of every stage.

    python benchmarks/full_size.py --array 450k --samples 24
    python benchmarks/full_size.py --manifest HumanMethylation450_15017482_v1-2.csv
    python benchmarks/full_size.py --data FOLDER      # a data folder that already has batches

A cohort of four classes, normal controls and diagnostic cases is simulated into a temporary folder
(about 16 MB of IDAT files a sample on 450k, 27 MB on EPIC) and materialised by the same function as
`cup materialize`. Two tables come out: wall time and memory of every step, and figures for the run.

Memory is the resident set of this process and all that it started, summed, looked at five times
a second; pages that processes share count once for each, so the sum is an upper bound. It is read
from /proc, so the script needs Linux. Nothing is asserted: what is fast enough depends on the
machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.compute import make_mapper
from cup_assets.console.materialise import run_materialize
from cup_assets.orchestration.instance import open_instance
from cup_assets.settings import Settings
from cup_assets.simulate import CohortDesign, simulate_cohort

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY = 0.2  # seconds between two looks at the memory


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
    with _memory_watched() as seen:
        started = time.time()
        run_materialize(settings)
        ended = time.time()
    # A run of the data folder before this one is not part of this measurement.
    stages = [stage for stage in _stages(settings) if stage.start >= started]
    table = Table(title=f"{data.name}, {workers} workers: wall time and memory")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("peak memory, GB", justify="right")
    for stage in stages:
        table.add_row(stage.name, f"{stage.end - stage.start:.1f}", _gigabytes(seen, stage))
    table.add_section()
    whole = Stage("everything", started, ended)
    table.add_row(whole.name, f"{ended - started:.1f}", _gigabytes(seen, whole))
    console.print(table)
    stored = sum(path.stat().st_size for path in settings.warehouse.rglob("*") if path.is_file())
    load = os.getloadavg()[0]
    console.print(f"warehouse {stored / 1e9:.2f} GB; load of the machine at the end {load:.1f}")


def _gigabytes(seen: list[tuple[float, int]], stage: Stage) -> str:
    """Return the highest memory seen in a stage; short ones may fall between two looks."""
    found = [size for at, size in seen if stage.start - _EVERY <= at <= stage.end + _EVERY]
    return f"{max(found) / 1e9:.2f}" if found else "-"


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


@contextmanager
def _memory_watched() -> Iterator[list[tuple[float, int]]]:
    """Collect (time, bytes) while the block runs."""
    seen: list[tuple[float, int]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            seen.append((time.time(), _resident_bytes(os.getpid())))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _resident_bytes(root: int) -> int:
    """Return the resident bytes of a process and all below it; ended ones count nothing."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command in parentheses may hold spaces: what follows the last one is regular.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)], pages[int(entry.name)] = int(fields[1]), int(fields[21])
    total, todo = 0, [root]
    while todo:
        process = todo.pop()
        total += pages.get(process, 0)
        todo += [child for child, parent in parents.items() if parent == process]
    return total * _PAGE


if __name__ == "__main__":
    main()
