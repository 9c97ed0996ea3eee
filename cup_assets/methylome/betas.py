"""From a Grn/Red pair to beta values, detection p-values and masks: one sample at a time.

Belongs here: the order of the steps and what a probe's mask means. Does not belong here: the
estimates (`noob`, `histogram`), thresholds on samples (`quality`), several samples (`batch`).

Detection (pOOBAH; Zhou, Triche, Laird & Shen, Nucleic Acids Research 2018, 46:e123): the share of
the channel's background, its out-of-band intensities and negative controls, that exceeds a raw
intensity. A probe's p-value is the smaller one of its two intensities M and U, each in its own
channel. Raw, because background correction would remove what it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.controls import control_ratios
from cup_assets.methylome.errors import IdatError
from cup_assets.methylome.histogram import counts_of, median, upper_tail
from cup_assets.methylome.layout import ArrayLayout, GatherPlan, layout_of, plan_for
from cup_assets.methylome.noob import dye_factor, estimate_background, signal_table
from cup_assets.methylome.parameters import BetaParameters

if TYPE_CHECKING:
    from cup_assets.methylome.idat import Idat
    from cup_assets.methylome.manifest import Manifest

Scalar = TypeVar("Scalar", np.uint8, np.uint16)

NOT_MEASURED, LOW_BEADS, DETECTION = 3, 2, 1
# A probe carries the first reason that applies: not measured, then low beads, then detection.
MASK_REASONS = {DETECTION: "detection", LOW_BEADS: "low_beads", NOT_MEASURED: "not_measured"}


@dataclass(frozen=True, eq=False)
class SampleSignal:
    """One sample on its array, probes in the manifest's order.

    Attributes
    ----------
    beta : float32[p]
        Methylation in [0, 1]; NaN where masked.
    detection_p : float32[p]
        pOOBAH p-value; NaN where not measured.
    log2_total : float32[p]
        log2 of M + U after background and dye correction, whatever detection says; NaN only
        where the array does not carry the probe.
    mask : uint8[p]
        0, or a key of `MASK_REASONS`.
    measures : dict
        Measures of the whole sample by name; one that the array does not allow is NaN.
    """

    beta: NDArray[np.float32]
    detection_p: NDArray[np.float32]
    log2_total: NDArray[np.float32]
    mask: NDArray[np.uint8]
    measures: dict[str, float]


def process_pair(
    grn: Idat, red: Idat, manifest: Manifest | ArrayLayout, parameters: BetaParameters | None = None
) -> SampleSignal:
    """Normalise one sample.

    Parameters
    ----------
    grn, red : Idat
        The two channels.
    manifest : Manifest or ArrayLayout
        The array that they come from.
    parameters : BetaParameters

    Raises
    ------
    IdatError
        If the two files are not the two channels of one sample.
    SignalError
        If the intensities do not allow a normalisation.
    """
    parameters = parameters or BetaParameters()
    if parameters.method != "noob":
        raise ValueError(f"unknown normalisation {parameters.method!r}: use 'noob'")
    check_pair(grn, red)
    layout = layout_of(manifest)
    plan = plan_for(layout, grn.address)
    detection_p = _detection(grn.mean, red.mean, plan)
    signal, measures = _corrected(grn.mean, red.mean, plan, parameters.offset)
    m, u = signal[plan.m], signal[plan.u]
    total = m + u
    beta = m / (total + np.float32(parameters.beta_offset))

    n_beads = _side_by_side(grn.n_beads, red.n_beads)
    mask = np.zeros(layout.n_probes, dtype=np.uint8)
    mask[detection_p > parameters.detection_p] = DETECTION
    mask[np.minimum(n_beads[plan.m], n_beads[plan.u]) < parameters.min_beads] = LOW_BEADS
    mask[plan.absent] = NOT_MEASURED
    beta[mask > 0] = np.nan
    detection_p[plan.absent] = np.nan
    log2_total = np.log2(total)
    log2_total[plan.absent] = np.nan

    raw = _side_by_side(grn.mean, red.mean)
    measures |= _raw_measures(raw, plan, layout)
    measures |= {
        "masked_fraction": float(np.mean(mask > 0)),
        "failed_fraction": _share(mask, DETECTION, LOW_BEADS),
        "low_beads_fraction": _share(mask, LOW_BEADS),
        "median_beads": float(np.median(grn.n_beads)),
    }
    measures |= control_ratios(
        layout, raw[plan.control], raw[plan.control + plan.n_beads + 1], plan.control < plan.n_beads
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


def detection_table(
    mean: NDArray[np.uint16], out_of_band: NDArray[np.int32], negative: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the pOOBAH p-value of every 16-bit level in one channel, float32[65536]."""
    counts = counts_of(mean[out_of_band]) + counts_of(mean[negative])
    return upper_tail(counts).astype(np.float32)


def _detection(
    grn: NDArray[np.uint16], red: NDArray[np.uint16], plan: GatherPlan
) -> NDArray[np.float32]:
    """Return the p-value of every probe; 1 where it is absent."""
    green_table = detection_table(grn, plan.out_of_band_green, plan.negative)
    red_table = detection_table(red, plan.out_of_band_red, plan.negative)
    empty = np.ones(1, dtype=np.float32)
    by_bead = np.concatenate([green_table[grn], empty, red_table[red], empty])
    smaller: NDArray[np.float32] = np.minimum(by_bead[plan.m], by_bead[plan.u])
    return smaller


def _side_by_side(grn: NDArray[Scalar], red: NDArray[Scalar]) -> NDArray[Scalar]:
    """Green, an empty slot, red, an empty slot: the places that a plan refers to."""
    empty = np.zeros(1, dtype=grn.dtype)
    return np.concatenate([grn, empty, red, empty])


def _corrected(
    grn: NDArray[np.uint16], red: NDArray[np.uint16], plan: GatherPlan, offset: float
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Return background- and dye-corrected intensities side by side, and the parameters used."""
    green_model = estimate_background(
        "Grn", counts_of(grn[plan.out_of_band_green]), counts_of(grn[plan.in_band_green])
    )
    red_model = estimate_background(
        "Red", counts_of(red[plan.out_of_band_red]), counts_of(red[plan.in_band_red])
    )
    green_table, red_table = signal_table(green_model, offset), signal_table(red_model, offset)
    factor = dye_factor(grn[plan.norm_green], red[plan.norm_red], green_table, red_table)
    red_table *= np.float32(factor)
    empty = np.full(1, offset, dtype=np.float32)
    signal = np.concatenate([green_table[grn], empty, red_table[red], empty])
    return signal, {
        "background_grn": green_model.mu,
        "background_sd_grn": green_model.sigma,
        "background_red": red_model.mu,
        "background_sd_red": red_model.sigma,
        "dye_factor": factor,
    }


def _raw_measures(
    raw: NDArray[np.uint16], plan: GatherPlan, layout: ArrayLayout
) -> dict[str, float]:
    """Medians of the uncorrected intensities, on the log2 scale."""
    present = ~plan.absent
    m, u = raw[plan.m], raw[plan.u]

    def log2_median(values: NDArray[np.uint16]) -> float:
        return float(np.log2(max(median(counts_of(values)), 1.0)))

    def log2_total(where: NDArray[np.bool_]) -> float:
        where = where & present
        if not where.any():
            return float("nan")
        total = m[where].astype(np.int64) + u[where]
        return float(np.log2(max(np.median(total), 1.0)))

    return {
        "median_m": log2_median(m[present]),
        "median_u": log2_median(u[present]),
        "x_total": log2_total(layout.on_x),
        "y_total": log2_total(layout.on_y),
        "x_probes": float((layout.on_x & present).sum()),
        "y_probes": float((layout.on_y & present).sum()),
    }


def _share(mask: NDArray[np.uint8], *reasons: int) -> float:
    """Share of the measured probes that are masked for one of the reasons."""
    measured = mask != NOT_MEASURED
    return float(np.isin(mask, reasons).sum() / max(int(measured.sum()), 1))
