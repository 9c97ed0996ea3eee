"""What the control probes say about a sample's laboratory steps.

Belongs here: ratios of control intensities. Does not belong here: what a ratio means for the
sample's verdict (`quality`).

Definitions of Illumina's BeadArray Controls Reporter Software Guide (document 1000000004009), on
raw intensities: a ratio is the lowest intensity that should be high over the highest one that
should be low. Those against the background are (background + 3,000) over the highest intensity
that should be no more than background, the background being the brighter of the two extension
controls that show nothing in that colour. ``bisulfite_conversion`` is wateRmelon's ``bscon``: the
median share C / (C + U) over the Type I pairs and red / (red + green) over the Type II controls.

Six Type I conversion pairs are on 450k, three a colour; five on EPIC, of which two are green.
HumanMethylation27 has six green pairs and one target-removal control, and says of none of its
specificity controls which colour it shows: those are NaN. Where a label occurs more than once
(EPIC repeats ``NP (G)``) the first one in the manifest counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.layout import ArrayLayout

BACKGROUND_OFFSET = 3000.0
"""Intensity units that the guide adds to the background."""

CONTROL_RATIOS = (
    *("bisulfite_i_grn", "bisulfite_i_red", "bisulfite_ii"),
    *("bisulfite_i_grn_background", "bisulfite_i_red_background", "bisulfite_ii_background"),
    *("staining_grn", "staining_red", "extension_grn", "extension_red"),
    *("hybridisation_high", "hybridisation_medium", "target_removal_1", "target_removal_2"),
    *("specificity_i_grn", "specificity_i_red", "specificity_ii", "specificity_ii_background"),
    *("non_polymorphic_grn", "non_polymorphic_red", "bisulfite_conversion"),
)
"""Names of the measures, in the order of the laboratory's report."""

BACKGROUND_MEASURES = ("negative_grn", "negative_red", "signal_to_background")

_GREEN, _RED = 0, 1
Rows = NDArray[np.intp]
Place = tuple[int, Rows]  # a colour, and rows among the controls


@dataclass(frozen=True, eq=False)
class _Plan:
    """Rows of an array's controls.

    Attributes
    ----------
    ratios
        Name -> what should be high, what should be low.
    over_background
        Name -> the background's controls, what should be no brighter.
    pairs
        Colour, converted and unconverted controls of the Type I pairs.
    type_two
        Conversion controls of Type II.
    """

    ratios: dict[str, tuple[Place, Place]]
    over_background: dict[str, tuple[Place, Place]]
    pairs: tuple[tuple[int, Rows, Rows], ...]
    type_two: Rows


_plans: dict[str, _Plan] = {}


def control_ratios(
    layout: ArrayLayout,
    green: NDArray[np.uint16],
    red: NDArray[np.uint16],
    present: NDArray[np.bool_],
) -> dict[str, float]:
    """Return the measures `CONTROL_RATIOS`; NaN where the array lacks the controls.

    Parameters
    ----------
    layout : ArrayLayout
        The array, with c control probes.
    green, red : uint16[c]
        Raw intensities of the controls.
    present : bool[c]
        The file holds the control, measured by enough beads; the others enter no ratio.
    """
    plan = _plans.get(layout.content_hash)
    if plan is None:
        plan = _plans[layout.content_hash] = _make_plan(layout)
    colours = green, red

    def intensities(place: Place) -> list[int]:
        colour, rows = place
        return [int(colours[colour][row]) for row in rows if present[row]]

    found = dict.fromkeys(CONTROL_RATIOS, float("nan"))
    for name, (high, low) in plan.ratios.items():
        top, bottom = intensities(high), intensities(low)
        if top and bottom:
            found[name] = min(top) / max(*bottom, 1)
    for name, (background, low) in plan.over_background.items():
        above, bottom = intensities(background), intensities(low)
        if above and bottom:
            found[name] = (max(above) + BACKGROUND_OFFSET) / max(*bottom, 1)
    found["bisulfite_conversion"] = _conversion(plan, colours, present)
    return found


def background_measures(
    green: NDArray[np.uint16], red: NDArray[np.uint16], median_m: float, median_u: float
) -> dict[str, float]:
    """Return the level of the negative controls, and of the signal against it.

    Parameters
    ----------
    green, red : uint16[n]
        Raw intensities of the negative controls; may be empty.
    median_m, median_u : float
        Medians of the probes' raw M and U (log2 intensity).

    Returns
    -------
    dict
        ``negative_grn`` and ``negative_red``, medians (raw intensity); ``signal_to_background``:
        (median M + median U) over the sum of the two. NaN without negative controls.
    """
    if not len(green):
        return dict.fromkeys(BACKGROUND_MEASURES, float("nan"))
    levels = float(np.median(green)), float(np.median(red))
    signal = 2.0**median_m + 2.0**median_u
    return dict(zip(BACKGROUND_MEASURES, (*levels, signal / max(sum(levels), 1.0)), strict=True))


def _conversion(
    plan: _Plan, colours: tuple[NDArray[np.uint16], ...], present: NDArray[np.bool_]
) -> float:
    shares = []
    for colour, converted, unconverted in plan.pairs:
        for c, u in zip(converted, unconverted, strict=True):
            if present[c] and present[u]:
                shares.append((float(colours[colour][c]), float(colours[colour][u])))
    for row in plan.type_two:
        if present[row]:
            shares.append((float(colours[_RED][row]), float(colours[_GREEN][row])))
    if not shares:
        return float("nan")
    return float(np.median([high / max(high + low, 1.0) for high, low in shares]))


def _make_plan(layout: ArrayLayout) -> _Plan:
    rows: dict[tuple[str, str], list[int]] = {}
    for row, (kind, label) in enumerate(
        zip(layout.control_kind, layout.control_label, strict=True)
    ):
        rows.setdefault((kind, _plain(label)), []).append(row)

    def named(kind: str, labels: Sequence[str]) -> Rows:
        here = [rows[kind, label][0] for label in labels if (kind, label) in rows]
        return np.array(here, dtype=np.intp)

    def mismatches(colour: int, numbers: str) -> tuple[Place, Place]:
        matching, mismatching = (
            named("SPECIFICITY I", [f"gtmismatch{number}{match}" for number in numbers])
            for match in ("pm", "mm")
        )
        return (colour, matching), (colour, mismatching)

    extension, np_kind = "EXTENSION", "NON-POLYMORPHIC"
    bases = {base: f"extension{base}" for base in "acgt"}
    cg, at = [bases["c"], bases["g"]], [bases["a"], bases["t"]]
    dark_green, dark_red = (_GREEN, named(extension, at)), (_RED, named(extension, cg))
    pairs = _conversion_pairs(rows)
    two = named("BISULFITE CONVERSION II", ["1", "2", "3", "4"])
    specific = named("SPECIFICITY II", ["specificity1", "specificity2", "specificity3"])
    green_c, green_u = _joined(pairs, _GREEN)
    red_c, red_u = _joined(pairs, _RED)
    removal = [row for (kind, _), found in rows.items() if kind == "TARGET REMOVAL"
               for row in found]  # fmt: skip
    ratios = {
        "bisulfite_i_grn": ((_GREEN, green_c), (_GREEN, green_u)),
        "bisulfite_i_red": ((_RED, red_c), (_RED, red_u)),
        "bisulfite_ii": ((_RED, two), (_GREEN, two)),
        "staining_grn": (
            (_GREEN, named("STAINING", ["biotinhigh"])),
            (_GREEN, named("STAINING", ["biotinbkg"])),
        ),
        "staining_red": (
            (_RED, named("STAINING", ["dnphigh"])),
            (_RED, named("STAINING", ["dnpbkg"])),
        ),
        "extension_grn": ((_GREEN, named(extension, cg)), dark_green),
        "extension_red": ((_RED, named(extension, at)), dark_red),
        "hybridisation_high": (
            (_GREEN, named("HYBRIDIZATION", ["hybhigh"])),
            (_GREEN, named("HYBRIDIZATION", ["hybmedium"])),
        ),
        "hybridisation_medium": (
            (_GREEN, named("HYBRIDIZATION", ["hybmedium"])),
            (_GREEN, named("HYBRIDIZATION", ["hyblow"])),
        ),
        "specificity_i_grn": mismatches(_GREEN, "123"),
        "specificity_i_red": mismatches(_RED, "456"),
        "specificity_ii": ((_RED, specific), (_GREEN, specific)),
        "non_polymorphic_grn": (
            (_GREEN, named(np_kind, ["npc", "npg"])),
            (_GREEN, named(np_kind, ["npa", "npt"])),
        ),
        "non_polymorphic_red": (
            (_RED, named(np_kind, ["npa", "npt"])),
            (_RED, named(np_kind, ["npc", "npg"])),
        ),
    }
    over_background = {
        "bisulfite_i_grn_background": (dark_green, (_GREEN, green_u)),
        "bisulfite_i_red_background": (dark_red, (_RED, red_u)),
        "bisulfite_ii_background": (dark_green, (_GREEN, two)),
        "target_removal_1": (dark_green, (_GREEN, np.array(removal[:1], dtype=np.intp))),
        "target_removal_2": (dark_green, (_GREEN, np.array(removal[1:2], dtype=np.intp))),
        "specificity_ii_background": (dark_green, (_GREEN, specific)),
    }
    return _Plan(ratios, over_background, pairs, two)


def _conversion_pairs(
    rows: dict[tuple[str, str], list[int]],
) -> tuple[tuple[int, Rows, Rows], ...]:
    kind = "BISULFITE CONVERSION I"
    old = {label: found for (at, label), found in rows.items() if at == "BISULFITE CONVERSION"}
    if old:
        converted, unconverted = (
            sorted(row for label, found in old.items() if label.startswith(letter) for row in found)
            for letter in "cu"
        )
        if len(converted) == len(unconverted):
            return ((_GREEN, _rows(converted), _rows(unconverted)),)
        return ()
    wide = (kind, "c6") in rows
    sides = {_GREEN: (1, 2, 3), _RED: (4, 5, 6)} if wide else {_GREEN: (1, 2), _RED: (3, 4, 5)}
    return tuple(
        (
            colour,
            _rows([rows[kind, f"c{n}"][0] for n in both]),
            _rows([rows[kind, f"u{n}"][0] for n in both]),
        )
        for colour, numbers in sides.items()
        for both in [[n for n in numbers if (kind, f"c{n}") in rows and (kind, f"u{n}") in rows]]
    )


def _joined(pairs: tuple[tuple[int, Rows, Rows], ...], colour: int) -> tuple[Rows, Rows]:
    for side, converted, unconverted in pairs:
        if side == colour:
            return converted, unconverted
    return _rows([]), _rows([])


def _rows(found: list[int]) -> Rows:
    return np.array(found, dtype=np.intp)


def _plain(label: str) -> str:
    """Bring "BS Conversion I-C2", "BS Conversion I C2" to "c2", "DNP (High)" to "dnphigh"."""
    short = re.sub(r"^bs conversion\s*(i{1,2}\b)?[\s-]*", "", label.lower())
    return re.sub(r"[^a-z0-9]", "", short).replace("bgnd", "bkg")
