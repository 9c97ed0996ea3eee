"""``noob``: normal-exponential background on out-of-band intensities, linear dye-bias correction.

Belongs here: the steps of noob. Does not belong here: the model of an intensity (`normexp`).

Background (Triche et al., Nucleic Acids Research 2013, 41:e90): that of a channel is measured on
its out-of-band intensities, those of Type I probes in the colour that their chemistry does not
produce. Each intensity is replaced by its expected signal (`normexp`) plus an offset, 15.

Dye bias, within the sample (Fortin, Triche & Hansen, Bioinformatics 2017, 33:558): the red
channel is multiplied by the ratio of the mean normalisation controls, green (NORM_C, NORM_G) to
red (NORM_A, NORM_T), both after background correction. HumanMethylation27 calls these controls
NORMALIZATION-GREEN and NORMALIZATION-RED; its probes are all of Type I, with both intensities in
one channel, so that the factor moves its betas only through their offset.

beta = M / (M + U + 100).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.histogram import LEVELS, counts_of
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Correction, Intensities, normalisation_means
from cup_assets.methylome.methods.normexp import Background, estimate_background, expected_signal
from cup_assets.methylome.parameters import BetaParameters


def noob(
    grn: Intensities, red: Intensities, plan: GatherPlan, parameters: BetaParameters
) -> Correction:
    """Correct one sample; see the module.

    Raises
    ------
    SignalError
        If the intensities do not vary, or the array has no normalisation controls.
    """
    green_model = estimate_background(
        "Grn", counts_of(grn.take(plan.out_of_band_green)), counts_of(grn.take(plan.in_band_green))
    )
    red_model = estimate_background(
        "Red", counts_of(red.take(plan.out_of_band_red)), counts_of(red.take(plan.in_band_red))
    )
    green_table = signal_table(green_model, parameters.offset)
    red_table = signal_table(red_model, parameters.offset)
    green_mean, red_mean = normalisation_means(
        green_table[grn[plan.norm_green]], red_table[red[plan.norm_red]]
    )
    factor = green_mean / red_mean
    red_table *= np.float32(factor)
    return Correction(
        plan=plan,
        green=green_table,
        red=red_table,
        measures={
            "background_grn": green_model.mu,
            "background_sd_grn": green_model.sigma,
            "background_red": red_model.mu,
            "background_sd_red": red_model.sigma,
            "dye_factor": factor,
        },
    )


def signal_table(background: Background, offset: float) -> NDArray[np.float32]:
    """Return the corrected intensity of every 16-bit level, float32[65536]."""
    return (expected_signal(LEVELS, background) + offset).astype(np.float32)
