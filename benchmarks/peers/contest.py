"""Contenders as processes that wait, and are asked in turn.

Belongs here: starting, asking and ending them. Does not belong here: what they compute
(`contender`), tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.full_size_pairs import Pair, Pairs, plain_manifest

_ROOT = Path(__file__).resolve().parents[2]
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)


class Answer(NamedTuple):
    """Wall and processor seconds of one run, peak resident bytes of the process so far."""

    wall: float
    processor: float
    memory: int


@dataclass
class Contender:
    """One engine and method in a process of its own, one thread.

    Attributes
    ----------
    work : Path
        Its own folder for caches and results: what it caches is keyed by path, and the manifest
        of another run must not be met again.
    """

    engine: str
    method: str
    manifest: Path
    work: Path
    pairs: Sequence[Pair]
    python: Path = Path(sys.executable)
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Engine and method."""
        return f"{self.engine} {self.method}".strip()

    def ask(self, number: int = 0, *, save: bool = False) -> Answer:
        """Run once on the pair of that number; the first call also starts and prepares it."""
        process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{number} save\n" if save else f"{number}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            log = (self.work / "log.txt").read_text().strip().splitlines() or ["no message"]
            raise SystemExit(f"{self.name}: ended without an answer ({log[-1]}); its log says why")
        return Answer(**json.loads(line))

    def betas(self, number: int, probes: Sequence[str]) -> NDArray[np.float64]:
        """Return the betas of one pair in the order of these probes; NaN where it has none."""
        self.ask(number, save=True)
        with np.load(self.work / f"{self.engine}-{self.method}-{number}.npz") as saved:
            rows = {probe: row for row, probe in enumerate(saved["probe_id"].tolist())}
            betas = np.append(saved["beta"], np.nan)
        return betas.take([rows.get(probe, -1) for probe in probes])

    def end(self) -> None:
        """Let the process end."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
        self._process = None

    def _start(self) -> subprocess.Popen[str]:
        self.work.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("contender.py")
        files = [str(path) for pair in self.pairs for path in (pair.grn, pair.red)]
        caches = {"XDG_CACHE_HOME": str(self.work / "cache"), "PYTHONPATH": str(_ROOT)}
        with (self.work / "log.txt").open("w") as log:
            self._process = subprocess.Popen(
                [str(self.python), str(script), self.engine, self.method, str(self.manifest),
                 str(self.work), *files],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=os.environ | _ONE_THREAD | caches,
            )  # fmt: skip
        return self._process


def mepylome_betas(
    found: Pairs, probes: Sequence[str], work: Path, python: Path
) -> list[dict[str, NDArray[np.float64]]]:
    """Return mepylome's betas of these probes by engine and method, sample by sample."""
    betas: list[dict[str, NDArray[np.float64]]] = [{} for _ in found.pairs]
    plain = plain_manifest(found.manifest, work)
    for method in ("noob", "illumina", "raw"):
        contender = Contender("mepylome", method, plain, work / method, found.pairs, python)
        for number, of_sample in enumerate(betas):
            of_sample[contender.name] = contender.betas(number, probes)
        contender.end()
    return betas
