"""What the control probes say about a sample's laboratory steps.

Belongs here: ratios of control intensities. Does not belong here: what a ratio means for the
sample's verdict (`quality`).

Definitions as in Illumina's BeadArray Controls Reporter Software Guide (document 1000000004009),
on raw intensities and without its additive background: each ratio is the lowest intensity that
should be high over the highest one that should be low. HumanMethylation27 names its controls
differently; its ratios are NaN except where the labels agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.layout import ArrayLayout


def control_ratios(
    layout: ArrayLayout,
    green: NDArray[np.uint16],
    red: NDArray[np.uint16],
    present: NDArray[np.bool_],
) -> dict[str, float]:
    """Return the ratios by name; NaN where the array lacks the controls.

    Parameters
    ----------
    layout : ArrayLayout
        The array, with c control probes.
    green, red : uint16[c]
        Raw intensities of the controls.
    present : bool[c]
        The file holds the control, measured by enough beads; the others enter no ratio.
    """
    beads: dict[str, tuple[float, float]] = {}
    for index in np.flatnonzero(present):
        if layout.control_kind[index] in _REPORTED:
            label = _plain(layout.control_label[index])
            beads[f"{layout.control_kind[index]} {label}"] = (
                float(green[index]),
                float(red[index]),
            )
    wide = "BISULFITE CONVERSION I c6" in beads
    # Six conversion controls on 450k, three a channel; five on EPIC, two green and three red.
    first_green, last = ((1, 2, 3), (4, 5, 6)) if wide else ((1, 2), (3, 4, 5))

    def ratio(channel: int, kind: str, high: Iterable[str], low: Iterable[str]) -> float:
        top = [beads[f"{kind} {label}"][channel] for label in high if f"{kind} {label}" in beads]
        bottom = [beads[f"{kind} {label}"][channel] for label in low if f"{kind} {label}" in beads]
        if not top or not bottom:
            return float("nan")
        return min(top) / max(*bottom, 1.0)

    def across(kind: str, labels: tuple[str, ...]) -> float:
        values = [beads[f"{kind} {label}"] for label in labels if f"{kind} {label}" in beads]
        if not values:
            return float("nan")
        return min(red for _, red in values) / max(*(green for green, _ in values), 1.0)

    def numbered(letter: str, numbers: tuple[int, ...]) -> list[str]:
        return [f"{letter}{number}" for number in numbers]

    bisulfite, specific = "BISULFITE CONVERSION I", "SPECIFICITY I"
    return {
        "bisulfite_i_grn": ratio(
            0, bisulfite, numbered("c", first_green), numbered("u", first_green)
        ),
        "bisulfite_i_red": ratio(1, bisulfite, numbered("c", last), numbered("u", last)),
        "bisulfite_ii": across("BISULFITE CONVERSION II", ("1", "2", "3", "4")),
        "staining_grn": ratio(0, "STAINING", ["biotinhigh"], ["biotinbkg"]),
        "staining_red": ratio(1, "STAINING", ["dnphigh"], ["dnpbkg"]),
        "extension_grn": ratio(
            0, "EXTENSION", _letters("extension", "cg"), _letters("extension", "at")
        ),
        "extension_red": ratio(
            1, "EXTENSION", _letters("extension", "at"), _letters("extension", "cg")
        ),
        "hybridisation": ratio(0, "HYBRIDIZATION", ["hybhigh"], ["hyblow"]),
        "specificity_i_grn": ratio(
            0, specific, _mismatch((1, 2, 3), "pm"), _mismatch((1, 2, 3), "mm")
        ),
        "specificity_i_red": ratio(
            1, specific, _mismatch((4, 5, 6), "pm"), _mismatch((4, 5, 6), "mm")
        ),
        "specificity_ii": across(
            "SPECIFICITY II", ("specificity1", "specificity2", "specificity3")
        ),
        "non_polymorphic_grn": ratio(
            0, "NON-POLYMORPHIC", _letters("np", "cg"), _letters("np", "at")
        ),
        "non_polymorphic_red": ratio(
            1, "NON-POLYMORPHIC", _letters("np", "at"), _letters("np", "cg")
        ),
    }


_REPORTED = frozenset(
    {
        "BISULFITE CONVERSION I",
        "BISULFITE CONVERSION II",
        "STAINING",
        "EXTENSION",
        "HYBRIDIZATION",
        "SPECIFICITY I",
        "SPECIFICITY II",
        "NON-POLYMORPHIC",
    }
)


def _plain(label: str) -> str:
    """Bring "BS Conversion I-C2", "BS Conversion I C2" to "c2", "DNP (High)" to "dnphigh"."""
    short = re.sub(r"^bs conversion i{1,2}[\s-]*", "", label.lower())
    return re.sub(r"[^a-z0-9]", "", short)


def _letters(stem: str, bases: str) -> list[str]:
    return [f"{stem}{base}" for base in bases]


def _mismatch(numbers: tuple[int, ...], match: str) -> list[str]:
    return [f"gtmismatch{number}{match}" for number in numbers]
