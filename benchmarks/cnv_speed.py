"""Measure seconds and memory of copy number per sample: ours, and mepylome on the same files.

    python benchmarks/cnv_speed.py
    python benchmarks/cnv_speed.py --without-mepylome

Full-size 450k arrays are simulated into a temporary folder, 20 normal controls and some tumours.
Each engine runs in a process of its own on one thread, and they take turns, sample by sample; the
best of several rounds counts. Measured is what happens between a sample's normalised intensities
and its result. Needs Linux (memory is read from /proc).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from cnv_truth import Laboratory
from peers.environments import default_folder
from peers.segmentation import cnv_python
from rich.console import Console
from rich.table import Table

from cup_assets.methylome import load_manifest
from cup_assets.simulate.idat_writer import write_idat
from cup_assets.simulate.manifest_writer import write_manifest
from cup_assets.simulate.people import Sample
from cup_assets.simulate.signal import Intensities

_HERE = Path(__file__).parent
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS",
               "NUMBA_NUM_THREADS")  # fmt: skip
Answer = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k")
    parser.add_argument("--controls", type=int, default=20)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--without-mepylome", action="store_true")
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    pythons = {"ours": Path(sys.executable)}
    if not options.without_mepylome:
        pythons["mepylome"] = cnv_python(options.environments)
    with tempfile.TemporaryDirectory(prefix="cup-cnv-speed-") as place:
        folder = Path(place)
        write_files(folder, options)
        engines = {name: Process(name, python, folder) for name, python in pythons.items()}
        pools = {name: engine.answer() for name, engine in engines.items()}
        best: dict[str, list[list[Answer]]] = {
            name: [[] for _ in range(options.samples)] for name in engines
        }
        for _ in range(options.rounds + 1):
            for number in range(options.samples):
                for name, engine in engines.items():
                    best[name][number].append(engine.run(number))
        for engine in engines.values():
            engine.close()
    # The first round warms: look-ups that an engine keeps are filled by it.
    seconds = {
        name: {
            what: median(min(a[what] for a in answers[1:]) for answers in of_samples)
            for what in ("wall", "processor")
        }
        for name, of_samples in best.items()
    }
    memory = {
        name: max(a["memory"] for answers in of_samples for a in answers)
        for name, of_samples in best.items()
    }
    console.print(table(options, pools, seconds, memory))
    if "mepylome" in seconds:
        ratio = seconds["mepylome"]["processor"] / seconds["ours"]["processor"]
        console.print(f"ours is {ratio:.1f} x as fast (processor time)")
    console.print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


class Process:
    """An engine's process."""

    def __init__(self, name: str, python: Path, folder: Path) -> None:
        home = folder / f"home-{name}"
        home.mkdir()
        # An engine may keep files in the user's cache: it gets a cache of its own.
        own = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home)}
        self._process = subprocess.Popen(
            [str(python), str(_HERE / "peers" / "cnv_contender.py"), name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own | dict.fromkeys(_ONE_THREAD, "1"),
        )

    def answer(self) -> Answer:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("an engine stopped without an answer: see its message above")
        answer: Answer = json.loads(line)
        return answer

    def run(self, number: int) -> Answer:
        assert self._process.stdin
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def write_files(folder: Path, options: argparse.Namespace) -> None:
    """Write manifest, IDAT pairs, sexes, and the normalised intensities beside the pairs."""
    laboratory = Laboratory(options.array, options.seed)
    # A worker finds the manifest parsed, as the platform keeps it.
    load_manifest(write_manifest(laboratory.layout, folder), folder / "cache")
    sexes = {}
    for part in ("controls", "samples", "mepylome"):
        (folder / part).mkdir()
    for i in range(options.controls):
        sample = laboratory.control(i)
        sexes[_write(folder / "controls", i, sample, laboratory.scan(sample, None), laboratory)] = (
            sample.sex
        )
    for i in range(options.samples):
        sample, tumour = laboratory.case(i, ("frozen", "FFPE")[i % 2], 0.7)
        light = laboratory.scan(sample, tumour)
        sexes[_write(folder / "samples", i, sample, light, laboratory)] = sample.sex
    (folder / "sexes.json").write_text(json.dumps(sexes))


def _write(
    folder: Path, number: int, sample: Sample, light: Intensities, laboratory: Laboratory
) -> str:
    barcode = f"29{1 if folder.name == 'controls' else 2:06d}{number // 12 + 1:04d}"
    position = f"R{number % 6 + 1:02d}C{number // 6 % 2 + 1:02d}"
    stem = f"{barcode}_{position}"
    for color, name in enumerate(("Grn", "Red")):
        write_idat(
            folder / f"{stem}_{name}.idat",
            light.address,
            light.mean[color],
            light.sd[color],
            light.n_beads,
            barcode=barcode,
            position=position,
            chip_type=laboratory.layout.chip_type,
        )
    np.save(folder / f"{stem}.npy", laboratory.normalise(sample, light))
    return stem


def table(
    options: argparse.Namespace,
    pools: dict[str, Answer],
    seconds: dict[str, Answer],
    memory: dict[str, float],
) -> Table:
    """Return one row an engine."""
    found = Table(
        title=f"{options.array}, {options.controls} controls, one thread: copy number of a sample"
    )
    columns = ("engine", "pool, CPU s", "sample, CPU s", "sample, wall s", "peak MB")
    for column in columns:
        found.add_column(column, justify="left" if column == "engine" else "right")
    for name in seconds:
        found.add_row(
            name,
            f"{pools[name]['processor']:.2f}",
            f"{seconds[name]['processor']:.3f}",
            f"{seconds[name]['wall']:.3f}",
            f"{memory[name] / 1e6:.0f}",
        )
    return found


if __name__ == "__main__":
    main()
