"""``sesame``: the order Q, C, D, P, B of the R package sesame.

Belongs here: the order, and the background step of this method. Does not belong here: the steps C
(`channels`), D (`dye_bias`) and P (`detection`), masks.

Source: Zhou, Triche, Laird & Shen, Nucleic Acids Research 2018, 46:e123, and the default ``prep``
of the package.

Q, quality mask: the user's mask files; they set betas to missing and enter no estimate.
C, channel inference of Type I probes.
D, non-linear dye-bias correction.
P, pOOBAH on the channels of step C. D leaves ranks within a channel as they were, and the share of
background above an intensity is the same before and after it: the p-values come from raw levels.
B, noob, after D and with no further dye correction: the background of a channel is its
dye-corrected out-of-band intensities and negative controls, zeros raised to 1, without those at or
above their median + 10 interquartile ranges (probes that bind in several places); the signal is
the dye-corrected in-band intensities, zeros raised to 1; offset 15.

beta = M / (M + U): nothing is added, as every intensity is at least the offset.

Unlike the package, which keeps lists of probes that bind in several places, no probe is left out
of the background except by that cut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.histogram import Counts, counts_of, quantiles
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.channels import infer_channels
from cup_assets.methylome.methods.correction import Correction, Intensities
from cup_assets.methylome.methods.dye_bias import dye_tables, refuse_distorted
from cup_assets.methylome.methods.normexp import Background, estimate_background, expected_signal
from cup_assets.methylome.parameters import BetaParameters

_QUARTILES = np.array([0.25, 0.5, 0.75])
_FAR = 10.0  # interquartile ranges above the median


def sesame(
    grn: Intensities, red: Intensities, plan: GatherPlan, parameters: BetaParameters
) -> Correction:
    """Correct one sample; see the module.

    Raises
    ------
    SignalError
        If the intensities do not vary, a channel has failed, or the array has no Type I probes.
    """
    seen, moved = infer_channels(grn, red, plan)
    distortion = refuse_distorted(grn, red, seen)
    green_dye, red_dye = dye_tables(grn, red, seen)
    green_model = _background(
        "Grn", grn, green_dye, seen.out_of_band_green, seen.negative, seen.in_band_green
    )
    red_model = _background(
        "Red", red, red_dye, seen.out_of_band_red, seen.negative, seen.in_band_red
    )
    return Correction(
        plan=seen,
        green=(expected_signal(green_dye, green_model) + parameters.offset).astype(np.float32),
        red=(expected_signal(red_dye, red_model) + parameters.offset).astype(np.float32),
        measures={
            "background_grn": green_model.mu,
            "background_sd_grn": green_model.sigma,
            "background_red": red_model.mu,
            "background_sd_red": red_model.sigma,
            "dye_factor": float("nan"),
            "dye_distortion": distortion,
            **moved,
        },
    )


def _background(
    channel: str,
    intensities: Intensities,
    dye: NDArray[np.float64],
    out_of_band: NDArray[np.int32],
    negative: NDArray[np.int32],
    in_band: NDArray[np.int32],
) -> Background:
    """Return the parameters of one channel after its dye table float64[65536]."""
    values = np.where(dye == 0, 1.0, dye)
    counts = counts_of(intensities.take(out_of_band)) + counts_of(intensities.take(negative))
    return estimate_background(
        channel, _without_far(counts, values), counts_of(intensities.take(in_band)), values, values
    )


def _without_far(counts: Counts, values: NDArray[np.float64]) -> Counts:
    low, middle, high = quantiles(counts, _QUARTILES, values)
    return np.where(values < middle + _FAR * (high - low), counts, 0)
