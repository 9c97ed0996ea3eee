"""The verdict on one sample.

Belongs here: predicted sex, and pass, warn or fail with reasons. Does not belong here: measuring
(`betas`, `controls`), thresholds (`quality_parameters`), comparing samples (`identity`) or with
the sample sheet, tumour purity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cup_assets.methylome.controls import CONTROL_RATIOS
from cup_assets.methylome.quality_parameters import QualityParameters

if TYPE_CHECKING:
    from cup_assets.methylome.betas import SampleSignal
    from cup_assets.methylome.layout import ArrayLayout
    from cup_assets.methylome.manifest import Manifest

QualityRow = dict[str, str | float | None]

_NOT_IN_ROW = ("x_probes", "y_probes")


@dataclass(frozen=True)
class Limit:
    """What one measure of a sample must keep to.

    Attributes
    ----------
    measure
        Its name.
    words
        What it is, for a person.
    above
        Whether larger values are the bad ones.
    warn, fail
        Names of the thresholds in `QualityParameters`, beyond which a sample is doubtful or fails.
    shown
        Format of a value.
    """

    measure: str
    words: str
    above: bool = False
    warn: str | None = None
    fail: str | None = None
    shown: str = ".2f"

    def thresholds(self, parameters: QualityParameters) -> dict[str, float]:
        """Return verdict -> threshold."""
        names = {"fail": self.fail, "warn": self.warn}
        return {verdict: getattr(parameters, name) for verdict, name in names.items() if name}

    def verdict(self, value: float, parameters: QualityParameters) -> tuple[str, float] | None:
        """Return the verdict that a value comes to and the threshold it is beyond, or None."""
        for verdict, threshold in self.thresholds(parameters).items():
            # Not measured is NaN, which is beyond nothing.
            if (value > threshold) if self.above else (value < threshold):
                return verdict, threshold
        return None


def _ratios(parameter: str, *named: tuple[str, str], fail: bool = False) -> tuple[Limit, ...]:
    warn, fails = (None, parameter) if fail else (parameter, None)
    return tuple(Limit(measure, words, warn=warn, fail=fails) for measure, words in named)


LIMITS = (
    Limit("failed_fraction", "share of failed probes", above=True,
          warn="warn_failed_fraction", fail="fail_failed_fraction", shown=".1%"),
    Limit("median_signal", "median log2 intensity", fail="min_median"),
    Limit("bisulfite_conversion", "bisulfite conversion",
          warn="warn_conversion", fail="fail_conversion", shown=".1%"),
    *_ratios(
        "min_bisulfite",
        ("bisulfite_i_grn", "bisulfite conversion I (green) control ratio"),
        ("bisulfite_i_red", "bisulfite conversion I (red) control ratio"),
        ("bisulfite_ii", "bisulfite conversion II control ratio"),
        fail=True,
    ),
    # These compare an intensity with a fixed one: on a bright scan they fail what is good.
    *_ratios(
        "min_bisulfite",
        ("bisulfite_i_grn_background", "background over bisulfite I (green)"),
        ("bisulfite_i_red_background", "background over bisulfite I (red)"),
        ("bisulfite_ii_background", "background over bisulfite II"),
    ),
    *_ratios(
        "min_staining",
        ("staining_grn", "staining (green) control ratio"),
        ("staining_red", "staining (red) control ratio"),
    ),
    *_ratios(
        "min_extension",
        ("extension_grn", "extension (green) control ratio"),
        ("extension_red", "extension (red) control ratio"),
    ),
    *_ratios(
        "min_hybridisation",
        ("hybridisation_high", "hybridisation (high over medium) control ratio"),
        ("hybridisation_medium", "hybridisation (medium over low) control ratio"),
    ),
    *_ratios(
        "min_target_removal",
        ("target_removal_1", "background over target removal 1"),
        ("target_removal_2", "background over target removal 2"),
    ),
    *_ratios(
        "min_specificity",
        ("specificity_i_grn", "specificity I (green) control ratio"),
        ("specificity_i_red", "specificity I (red) control ratio"),
        ("specificity_ii", "specificity II control ratio"),
        ("specificity_ii_background", "background over specificity II"),
    ),
    *_ratios(
        "min_non_polymorphic",
        ("non_polymorphic_grn", "non-polymorphic (green) control ratio"),
        ("non_polymorphic_red", "non-polymorphic (red) control ratio"),
    ),
    Limit("negative_grn", "negative controls (green), median intensity", above=True,
          warn="max_negative", shown=".0f"),
    Limit("negative_red", "negative controls (red), median intensity", above=True,
          warn="max_negative", shown=".0f"),
    Limit("signal_to_background", "signal over background", warn="min_signal_to_background",
          shown=".1f"),
    Limit("median_beads", "median number of beads", warn="min_median_beads", shown=".1f"),
    Limit("low_beads_fraction", "share of probes with too few beads", above=True,
          warn="max_low_beads", shown=".1%"),
)  # fmt: skip
"""Every measure that decides about a sample, in the order in which reasons are given."""


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
        ``predicted_sex`` (F, M or null), ``sex_note`` (why it is null, else null),
        ``not_measured`` (the controls that the array or the file lacks, ", "-joined, or null), and
        every measure of the signal: ``failed_fraction`` and ``masked_fraction`` (shares),
        ``median_m``, ``median_u`` and their mean ``median_signal`` (log2 raw intensity), background
        and its spread per channel (intensity), ``dye_factor``, and the control ratios. Null where
        the array does not allow the measure: what is not measured never fails a sample.
    """
    parameters = parameters or QualityParameters()
    medians = (signal.measures["median_m"], signal.measures["median_u"])
    measures = signal.measures | {"median_signal": sum(medians) / 2}
    verdict, reasons = _judge(measures, parameters)
    sex, note = predict_sex(measures, parameters)
    if verdict == "fail":
        # At the background X looks like Y, and everyone like a man.
        sex, note = None, "the sample failed"
    lacking = [name for name in CONTROL_RATIOS if not math.isfinite(measures.get(name, math.nan))]
    row: QualityRow = {
        "array": manifest.array,
        "verdict": verdict,
        "reasons": "; ".join(reasons),
        "predicted_sex": sex,
        "sex_note": note,
        "not_measured": ", ".join(lacking) or None,
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
    """Return the worst verdict, and a reason for each limit that was passed, failures first."""
    reasons: dict[str, list[str]] = {"fail": [], "warn": []}
    for limit in LIMITS:
        value = measures.get(limit.measure, math.nan)
        if found := limit.verdict(value, parameters):
            verdict, threshold = found
            side = "above" if limit.above else "below"
            reasons[verdict].append(
                f"{limit.words} {value:{limit.shown}} is {side} {_plain(threshold, limit)}"
            )
    verdict = "fail" if reasons["fail"] else "warn" if reasons["warn"] else "pass"
    return verdict, reasons["fail"] + reasons["warn"]


def _plain(threshold: float, limit: Limit) -> str:
    return f"{100 * threshold:g}%" if limit.shown.endswith("%") else f"{threshold:g}"
