"""Both methods by the R functions that minfi and sesame are made of, where R is at hand.

Belongs here: giving intensities to `normalise_in_r.R` and taking betas back. Does not belong here:
the steps, which are written in R.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.peers.plain import Floats, Intensities

PACKAGES = ("MASS", "limma", "preprocessCore")
_COLORS = {"2": 0.0, "G": 1.0, "R": 2.0}
_NORM = {
    "G": ("NORM_C", "NORM_G", "NORMALIZATION-GREEN"),
    "R": ("NORM_A", "NORM_T", "NORMALIZATION-RED"),
}


def missing() -> str | None:
    """Return what keeps R from being asked, or None."""
    if not shutil.which("Rscript"):
        return "R is not installed (on Debian: apt install r-bioc-limma r-bioc-preprocesscore)"
    names = ", ".join(f"'{name}'" for name in PACKAGES)
    test = f"quit(status = !all(sapply(c({names}), requireNamespace, quietly = TRUE)))"
    if subprocess.run(["Rscript", "-e", test], capture_output=True, check=False).returncode:
        return f"R lacks one of its packages {', '.join(PACKAGES)}"
    return None


def betas_in_r(raw: Intensities) -> tuple[dict[str, Floats], Floats]:
    """Return betas by method (``noob``, ``sesame``), and sesame's pOOBAH p-values."""
    given = {"mg": raw.mg, "mr": raw.mr, "ug": raw.ug, "ur": raw.ur}
    given["color"] = np.array([_COLORS[color] for color in raw.color])
    for color, kinds in _NORM.items():
        given[f"negative_{color.lower()}"] = raw.controls(color, "NEGATIVE")
        given[f"norm_{color.lower()}"] = raw.controls(color, *kinds)
    with TemporaryDirectory(prefix="cup-in-r-") as name:
        folder = Path(name)
        for column, values in given.items():
            values.astype(np.float64).tofile(folder / column)
        script = Path(__file__).with_name("normalise_in_r.R")
        done = subprocess.run(
            ["Rscript", str(script), name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{script.name} failed: {done.stderr.strip().splitlines()[-1]}")
        betas = {method: np.fromfile(folder / method) for method in ("noob", "sesame")}
        return betas, np.fromfile(folder / "p")
