"""From a Grn/Red pair to beta values, detection p-values and masks: one sample at a time.

Belongs here: the order of the steps. Does not belong here: normalisation (`methods`), detection
p-values (`detection`), the reasons of masks (`masks`), thresholds on samples (`quality`), several
samples (`batch`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.controls import background_measures, control_ratios
from cup_assets.methylome.detection import DETECTIONS
from cup_assets.methylome.errors import IdatError
from cup_assets.methylome.histogram import counts_of, median
from cup_assets.methylome.layout import (
    ArrayLayout,
    GatherPlan,
    ProbeLevels,
    layout_of,
    levels_of,
    plan_for,
    side_by_side,
)
from cup_assets.methylome.masks import DETECTION, LOW_BEADS, NOT_MEASURED
from cup_assets.methylome.methods import METHODS
from cup_assets.methylome.parameters import BetaParameters

if TYPE_CHECKING:
    from cup_assets.methylome.idat import Idat
    from cup_assets.methylome.manifest import Manifest
    from cup_assets.methylome.methods import Correction


@dataclass(frozen=True, eq=False)
class SampleSignal:
    """One sample on its array, probes in the manifest's order.

    Attributes
    ----------
    beta : float32[p]
        Methylation in [0, 1]; NaN where masked.
    detection_p : float32[p]
        By the definition that the parameters choose; NaN where not measured.
    log2_total : float32[p]
        log2 of M + U, at least 1, after background and dye correction, whatever the masks say;
        NaN only where the array does not carry the probe.
    mask : uint8[p]
        0, or a key of `MASK_REASONS`, or a code of the masks (`Masks.names`).
    measures : dict
        Measures of the whole sample by name; one that the array or the method does not allow is
        NaN.
    """

    beta: NDArray[np.float32]
    detection_p: NDArray[np.float32]
    log2_total: NDArray[np.float32]
    mask: NDArray[np.uint8]
    measures: dict[str, float]


def process_pair(
    grn: Idat,
    red: Idat,
    manifest: Manifest | ArrayLayout,
    parameters: BetaParameters | None = None,
    probe_mask: NDArray[np.uint8] | None = None,
) -> SampleSignal:
    """Normalise one sample.

    Parameters
    ----------
    grn, red : Idat
        The two channels.
    manifest : Manifest or ArrayLayout
        The array that they come from, p probes.
    parameters : BetaParameters
    probe_mask : uint8[p]
        Codes of the masks' reasons on this array (`Masks.codes`), 0 where not masked; needed
        exactly if the parameters name masks.

    Raises
    ------
    IdatError
        If the two files are not the two channels of one sample.
    SignalError
        If the intensities do not allow a normalisation.
    """
    parameters = parameters or BetaParameters()
    if bool(parameters.masks) != (probe_mask is not None):
        raise ValueError("the parameters' masks and probe_mask must come together")
    check_pair(grn, red)
    layout = layout_of(manifest)
    plan = plan_for(layout, grn.address)
    corrected = METHODS[parameters.method](grn.mean, red.mean, plan, parameters)
    # Measures of quality are of the array's own plan, whatever a method makes of it.
    raw = levels_of(grn.mean, red.mean, plan)
    levels = raw if corrected.plan is plan else levels_of(grn.mean, red.mean, corrected.plan)
    detection_p = DETECTIONS[parameters.detection](grn.mean, red.mean, corrected.plan, levels)
    n_beads = side_by_side(grn.n_beads, red.n_beads)
    beta, log2_total, dark = _betas(levels, corrected, parameters.denominator_offset)

    mask = np.zeros(layout.n_probes, dtype=np.uint8)
    mask[(detection_p > parameters.detection_p) | dark] = DETECTION
    low = n_beads < parameters.min_beads
    mask[low.take(corrected.plan.m) | low.take(corrected.plan.u)] = LOW_BEADS
    mask[plan.absent] = NOT_MEASURED
    # Before the user's masks, which say nothing about the sample.
    measures = _failure_measures(mask)
    if probe_mask is not None:
        mask = np.where((probe_mask > 0) & ~plan.absent, probe_mask, mask)
    beta[mask > 0] = np.nan
    detection_p[plan.absent] = np.nan
    log2_total[plan.absent] = np.nan

    measures |= corrected.measures | _raw_measures(raw, ~plan.absent, layout)
    measures |= {
        "beta_offset": parameters.denominator_offset,
        "masked_fraction": np.count_nonzero(mask) / len(mask),
        "median_beads": median(np.bincount(grn.n_beads)),
    }
    measures |= _control_measures(grn, red, plan, layout, parameters.min_beads)
    measures |= background_measures(
        grn.mean[plan.negative], red.mean[plan.negative], measures["median_m"], measures["median_u"]
    )
    return SampleSignal(beta, detection_p, log2_total, mask, measures)


def check_pair(grn: Idat, red: Idat) -> None:
    """Refuse two files that are not the two channels of one sample.

    Raises
    ------
    IdatError
        If barcode, position, chip type, number of beads, addresses or content contradict.
    """
    pair = f"{grn.path.name} and {red.path.name}"
    remedy = "take both from the same scan"
    for what, left, right in (
        ("barcode", grn.barcode, red.barcode),
        ("position", grn.position, red.position),
        ("chip type", grn.chip_type, red.chip_type),
        ("number of bead types", f"{len(grn.address):,}", f"{len(red.address):,}"),
    ):
        if left != right:
            raise IdatError(f"{pair}: differ in {what} ({left} and {right}); {remedy}")
    if not np.array_equal(grn.address, red.address):
        raise IdatError(f"{pair}: list different bead addresses; {remedy}")
    if np.array_equal(grn.mean, red.mean):
        raise IdatError(f"{pair}: hold the same intensities, one file twice; {remedy}")


def _betas(
    levels: ProbeLevels, corrected: Correction, offset: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return beta, log2 of M + U, and where the denominator of beta is 0, of every probe."""
    table = np.concatenate([corrected.green, corrected.red])
    m, total = table.take(levels.m_at), table.take(levels.u_at)
    total += m
    denominator = total + np.float32(offset)
    dark = denominator == 0
    denominator[dark] = 1
    # Methods that floor at 0 may leave nothing of a probe: 1 keeps its logarithm finite.
    np.maximum(total, np.float32(1), out=total)
    return np.divide(m, denominator, out=m), np.log2(total, out=total), dark


def _raw_measures(
    raw: ProbeLevels, present: NDArray[np.bool_], layout: ArrayLayout
) -> dict[str, float]:
    """Medians of the uncorrected intensities, on the log2 scale."""

    def log2_median(values: NDArray[np.uint16]) -> float:
        counts = counts_of(values if present.all() else values[present])
        return float(np.log2(max(median(counts), 1.0)))

    def log2_total(rows: NDArray[np.intp]) -> float:
        if not len(rows):
            return float("nan")
        return float(np.log2(max(np.median(raw.m[rows].astype(np.int64) + raw.u[rows]), 1.0)))

    on_x, on_y = (rows[present[rows]] for rows in (layout.rows_on_x, layout.rows_on_y))
    return {
        "median_m": log2_median(raw.m),
        "median_u": log2_median(raw.u),
        "x_total": log2_total(on_x),
        "y_total": log2_total(on_y),
        "x_probes": float(len(on_x)),
        "y_probes": float(len(on_y)),
    }


def _control_measures(
    grn: Idat, red: Idat, plan: GatherPlan, layout: ArrayLayout, min_beads: int
) -> dict[str, float]:
    """Control ratios; a control that the file lacks or too few beads measured enters none."""
    here = np.flatnonzero(plan.control < plan.n_beads)
    at = plan.control[here]
    present = np.zeros(len(plan.control), dtype=bool)
    present[here] = np.minimum(grn.n_beads[at], red.n_beads[at]) >= min_beads
    green, rot = (np.zeros(len(plan.control), dtype=np.uint16) for _ in range(2))
    green[here], rot[here] = grn.mean[at], red.mean[at]
    return control_ratios(layout, green, rot, present)


def _failure_measures(mask: NDArray[np.uint8]) -> dict[str, float]:
    """Shares of the measured probes that fail in this sample."""
    undetected, low_beads, absent = (
        int(np.count_nonzero(mask == code)) for code in (DETECTION, LOW_BEADS, NOT_MEASURED)
    )
    measured = max(len(mask) - absent, 1)
    return {
        "failed_fraction": (undetected + low_beads) / measured,
        "low_beads_fraction": low_beads / measured,
    }
