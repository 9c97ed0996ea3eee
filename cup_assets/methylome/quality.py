"""The verdict on one sample.

Belongs here: predicted sex, and pass, warn or fail with reasons. Does not belong here: measuring
(`betas`, `controls`), comparing samples (`identity`), tumour purity.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cup_assets.methylome.parameters import QualityParameters

if TYPE_CHECKING:
    from cup_assets.methylome.betas import SampleSignal
    from cup_assets.methylome.layout import ArrayLayout
    from cup_assets.methylome.manifest import Manifest

QualityRow = dict[str, str | float | None]

_NOT_IN_ROW = ("x_probes", "y_probes")


def sample_quality(
    signal: SampleSignal,
    manifest: Manifest | ArrayLayout,
    parameters: QualityParameters | None = None,
) -> QualityRow:
    """Judge one sample.

    Returns
    -------
    dict
        ``array``, ``verdict`` (pass, warn, fail), ``reasons`` (";"-joined, empty for pass),
        ``predicted_sex`` (F, M or null), ``sex_note`` (why it is null, else null), and every
        measure of the signal: ``failed_fraction`` and ``masked_fraction`` (shares),
        ``median_m`` and ``median_u`` (log2 raw intensity), background and its spread per channel
        (intensity), ``dye_factor``, and the control ratios. Null where the array does not allow
        the measure.
    """
    parameters = parameters or QualityParameters()
    measures = signal.measures
    verdict, reasons = _judge(measures, parameters)
    sex, note = predict_sex(measures, parameters)
    if verdict == "fail":
        # At the background X looks like Y, and everyone like a man.
        sex, note = None, "the sample failed"
    row: QualityRow = {
        "array": manifest.array,
        "verdict": verdict,
        "reasons": "; ".join(reasons),
        "predicted_sex": sex,
        "sex_note": note,
    }
    for name, value in measures.items():
        if name not in _NOT_IN_ROW:
            row[name] = value if math.isfinite(value) else None
    return row


def predict_sex(
    measures: dict[str, float], parameters: QualityParameters
) -> tuple[str | None, str | None]:
    """Return F or M from raw intensities on Y against X, or null and the reason.

    The rule of minfi's ``getSex``: female if the median log2 total intensity on Y lies more than
    2 below that on X.
    """
    n_x, n_y = int(measures["x_probes"]), int(measures["y_probes"])
    if min(n_x, n_y) < parameters.min_sex_probes:
        return None, f"the array has {n_x} probes on X and {n_y} on Y, too few to tell"
    female = measures["y_total"] - measures["x_total"] < parameters.female_below
    return ("F" if female else "M"), None


def _judge(measures: dict[str, float], parameters: QualityParameters) -> tuple[str, list[str]]:
    failed = measures["failed_fraction"]
    median = (measures["median_m"] + measures["median_u"]) / 2
    failures, doubts = [], []
    if failed > parameters.fail_failed_fraction:
        failures.append(f"{failed:.1%} of the probes failed")
    elif failed > parameters.warn_failed_fraction:
        doubts.append(f"{failed:.1%} of the probes failed")
    if median < parameters.min_median:
        failures.append(f"median log2 intensity {median:.2f} is below {parameters.min_median:g}")
    for name, least in (
        ("bisulfite_i_grn", parameters.min_bisulfite),
        ("bisulfite_i_red", parameters.min_bisulfite),
        ("bisulfite_ii", parameters.min_bisulfite),
        ("staining_grn", parameters.min_staining),
        ("staining_red", parameters.min_staining),
    ):
        if measures[name] < least:
            doubts.append(f"{name} control ratio {measures[name]:.2f} is below {least:g}")
    verdict = "fail" if failures else "warn" if doubts else "pass"
    return verdict, failures + doubts
