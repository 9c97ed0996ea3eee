"""Other segmentations of the same bins: ruptures, and DNAcopy of Bioconductor.

Belongs here: where they come from and how bins travel there and back. Does not belong here:
comparing them. Neither is needed by the package.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers.environments import mepylome_python

RUPTURES = "1.1.10"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class BinSet:
    """One sample's bins.

    Attributes
    ----------
    chrom : str[n]
    first : int64[n_chromosomes]
        First bin of each chromosome.
    start : int64[n]
    log2, variance : float64[n]
    """

    chrom: NDArray[np.str_]
    first: NDArray[np.int64]
    start: NDArray[np.int64]
    log2: NDArray[np.float64]
    variance: NDArray[np.float64]


Found = dict[str, list[tuple[NDArray[np.int64], float]]]
"""Method -> for each sample the first bins of its segments, and processor seconds."""


def cnv_python(folder: Path) -> Path:
    """Return mepylome's interpreter, with ruptures, which it needs to segment."""
    python = mepylome_python(folder)
    marker = python.parent.parent / f"ruptures-{RUPTURES}"
    if not marker.exists():
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, f"ruptures=={RUPTURES}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"cannot install ruptures {RUPTURES}: {done.stderr.strip()[-200:]}")
        marker.touch()
    return python


def by_ruptures(samples: list[BinSet], folder: Path, environments: Path) -> Found:
    """Segment by ruptures, with mepylome's settings and with our penalty."""
    for i, bins in enumerate(samples):
        np.savez(folder / f"{i:04d}.npz", first=bins.first, log2=bins.log2, variance=bins.variance)
    python = cnv_python(environments)
    subprocess.run([str(python), str(_HERE / "segment_ruptures.py"), str(folder)], check=True)
    return _read(samples, folder, ("mepylome", "kernelcpd"), np.load)


def no_dnacopy() -> str | None:
    """Return why DNAcopy cannot run here, or None."""
    if not shutil.which("Rscript"):
        return "no Rscript: install R and Bioconductor's DNAcopy (Debian: r-bioc-dnacopy)"
    probe = ["Rscript", "-e", "suppressPackageStartupMessages(library(DNAcopy))"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return "R has no DNAcopy: install it from Bioconductor (Debian: r-bioc-dnacopy)"
    return None


def by_dnacopy(samples: list[BinSet], folder: Path) -> Found:
    """Segment by DNAcopy with the settings of conumee2, with and without its weights."""
    for i, bins in enumerate(samples):
        with (folder / f"{i:04d}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["chrom", "start", "log2", "variance"])
            writer.writerows(zip(bins.chrom, bins.start, bins.log2, bins.variance, strict=True))
    subprocess.run(["Rscript", str(_HERE / "segment_dnacopy.R"), str(folder)], check=True)
    return _read(samples, folder, ("dnacopy", "dnacopy0"), lambda path: np.loadtxt(path, np.int64))


def _read(
    samples: list[BinSet],
    folder: Path,
    methods: tuple[str, ...],
    load: Callable[[Path], NDArray[np.int64]],
) -> Found:
    suffix = ".npy" if load is np.load else ".csv"
    return {
        method: [
            (
                np.sort(load(folder / f"{i:04d}.{method}{suffix}")),
                float((folder / f"{i:04d}.{method}.time").read_text()),
            )
            for i in range(len(samples))
        ]
        for method in methods
    }
