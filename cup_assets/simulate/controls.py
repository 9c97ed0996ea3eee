"""Control probes: which an array carries, and how bright each should be in a good sample.

Belongs here: kinds, labels, expected signal. Does not belong here: noise (`signal`).
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import polars as pl

_COLORS = ("Red", "Purple", "Green", "Blue", "Orange", "Cyan", "Lime", "Gold", "Teal", "Silver")

# Number of control probes by kind. 450k: counted on the real manifest (850); EPIC and EPICv2: 635.
_FIXED = {
    "STAINING": (
        "DNP(20K)",
        "DNP (High)",
        "DNP (Bkg)",
        "Biotin (High)",
        "Biotin(5K)",
        "Biotin (Bkg)",
    ),
    "EXTENSION": ("Extension (A)", "Extension (T)", "Extension (C)", "Extension (G)"),
    "HYBRIDIZATION": ("Hyb (High)", "Hyb (Medium)", "Hyb (Low)"),
    "TARGET REMOVAL": ("Target Removal 1", "Target Removal 2"),
    "BISULFITE CONVERSION I": tuple(
        f"BS Conversion I-{letter}{n}" for n in range(1, 7) for letter in "CU"
    ),
    "BISULFITE CONVERSION II": tuple(f"BS Conversion II-{n}" for n in range(1, 5)),
    "SPECIFICITY I": tuple(
        f"GT Mismatch {n} ({match})" for n in range(1, 7) for match in ("PM", "MM")
    ),
    "SPECIFICITY II": tuple(f"Specificity {n}" for n in range(1, 4)),
    "NON-POLYMORPHIC": ("NP (A)", "NP (T)", "NP (C)", "NP (G)"),
}
_NUMBERED = {
    "mini": {"NEGATIVE": 110, "NORM_A": 16, "NORM_C": 30, "NORM_G": 16, "NORM_T": 30},
    "450k": {"NEGATIVE": 614, "NORM_A": 32, "NORM_C": 61, "NORM_G": 32, "NORM_T": 61},
    "epic": {"NEGATIVE": 415, "NORM_A": 27, "NORM_C": 58, "NORM_G": 27, "NORM_T": 58},
    "epicv2": {"NEGATIVE": 415, "NORM_A": 27, "NORM_C": 58, "NORM_G": 27, "NORM_T": 58},
}


def control_probes(array: str) -> pl.DataFrame:
    """Return the control probes of a simulated array: ``kind``, ``color``, ``label``."""
    rows = [(kind, label) for kind, labels in _FIXED.items() for label in labels]
    for kind, count in _NUMBERED[array].items():
        prefix = "Negative " if kind == "NEGATIVE" else kind.capitalize()
        rows += [(kind, f"{prefix}{n}") for n in range(1, count + 1)]
    return pl.DataFrame(
        [(kind, _COLORS[i % len(_COLORS)], label) for i, (kind, label) in enumerate(rows)],
        schema=["kind", "color", "label"],
        orient="row",
    )


def unconverted_signal(
    controls: pl.DataFrame, signal: npt.NDArray[np.float32], share: float
) -> npt.NDArray[np.float32]:
    """Return the controls' signal (as of `expected_signal`) with a share of unconverted DNA.

    What the converted (C) controls of Type I lose, the unconverted (U) ones of their pair show in
    the same colour; those of Type II turn from red to green.
    """
    found = signal.copy()
    rows = {
        (kind, re.sub(r"^BS Conversion I\W*", "", label)): i
        for i, (kind, label) in enumerate(zip(controls["kind"], controls["label"], strict=True))
    }
    for (kind, label), row in rows.items():
        if kind == "BISULFITE CONVERSION I" and label.startswith("C"):
            found[rows[kind, f"U{label[1:]}"]] = share * signal[row]
            found[row] = (1 - share) * signal[row]
        elif kind == "BISULFITE CONVERSION II":
            red = signal[row, 1]
            found[row] = share * red, (1 - share) * red
    return found


def expected_signal(controls: pl.DataFrame) -> npt.NDArray[np.float32]:
    """Return how bright each control is, in units of a bright probe.

    Parameters
    ----------
    controls : pl.DataFrame
        ``kind`` and ``label`` of n controls.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Green and red; 0 means background only.

    Notes
    -----
    After the published purpose of each kind: staining, hybridisation, normalisation and extension
    controls are bright in the colour of their label; the unconverted (U) bisulfite controls,
    the mismatches, target removal and the negatives stay at the background.
    """
    labels = controls["label"]
    # Real EPIC arrays have five conversion pairs, of which two are green, instead of six and three.
    of_conversion = labels.filter(controls["kind"] == "BISULFITE CONVERSION I")
    n_green = 3 if of_conversion.is_empty() or of_conversion.str.ends_with("6").any() else 2
    rows = zip(controls["kind"], labels, strict=True)
    return np.array([_brightness(kind, label, n_green) for kind, label in rows], dtype=np.float32)


def _brightness(kind: str, label: str, n_green: int) -> tuple[float, float]:
    number = int(found.group(1)) if (found := re.search(r"(\d+)\D*$", label)) else 0
    green_or_red = (1.0, 0.0) if number <= (n_green if "CONV" in kind else 3) else (0.0, 1.0)
    if kind == "STAINING":
        level = 0.0 if "Bkg" in label else 1.5 if "High" in label else 0.5
        return (level, 0.0) if "Biotin" in label else (0.0, level)
    if kind in ("EXTENSION", "NON-POLYMORPHIC"):
        return (1.3, 0.0) if re.search(r"\([CG]\)", label) else (0.0, 1.3)
    if kind == "HYBRIDIZATION":
        return (1.6 if "High" in label else 0.9 if "Medium" in label else 0.4, 0.0)
    if kind == "BISULFITE CONVERSION I":
        converted = re.search(r"C\d", label) is not None
        return green_or_red if converted else (0.0, 0.0)
    if kind == "SPECIFICITY I":
        return green_or_red if "PM" in label else (0.0, 0.0)
    if kind in ("BISULFITE CONVERSION II", "SPECIFICITY II"):
        return (0.0, 1.2)
    if kind in ("NORM_A", "NORM_T"):
        return (0.0, 1.0)
    if kind in ("NORM_C", "NORM_G"):
        return (1.0, 0.0)
    return (0.0, 0.0)
