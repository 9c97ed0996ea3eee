"""``illumina_mnp``: control normalisation to a fixed reference, then Illumina's background.

Belongs here: the preprocessing of the Heidelberg brain tumour classifier. Does not belong here:
its adjustment for material, which needs other samples.

Source: Capper et al., Nature 2018, 555:469, and the code published with it (mwsill/mnp_training,
``MNPpreprocessIllumina``). GenomeStudio and minfi's ``preprocessIllumina`` scale to the controls
of one chosen sample of the batch; the classifier scales every sample to the same number, 10,000,
so that a sample's values do not depend on its neighbours:

    green' = green * 10000 / mean of NORM_C and NORM_G in green
    red'   = red   * 10000 / mean of NORM_A and NORM_T in red

From each channel its background is then subtracted, the 31st smallest negative control of the
scaled channel, and the result is floored at 0. beta = M / (M + U + 100).
"""

from __future__ import annotations

import numpy as np

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import LEVELS
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Correction, Intensities, normalisation_means
from cup_assets.methylome.parameters import BetaParameters

_REFERENCE = 10_000.0
_BACKGROUND_RANK = 31


def illumina_mnp(
    grn: Intensities, red: Intensities, plan: GatherPlan, _parameters: BetaParameters
) -> Correction:
    """Correct one sample; see the module.

    Raises
    ------
    SignalError
        If the array has no normalisation controls, or fewer than 31 negative ones.
    """
    if len(plan.negative) < _BACKGROUND_RANK:
        raise SignalError(
            f"the array has {len(plan.negative)} negative controls, illumina_mnp takes the "
            f"{_BACKGROUND_RANK}st smallest; choose another method for this array"
        )
    green_mean, red_mean = normalisation_means(grn[plan.norm_green], red[plan.norm_red])
    green_factor, red_factor = _REFERENCE / green_mean, _REFERENCE / red_mean
    green_background = _background(grn, plan) * green_factor
    red_background = _background(red, plan) * red_factor
    return Correction(
        plan=plan,
        green=np.maximum(LEVELS * green_factor - green_background, 0).astype(np.float32),
        red=np.maximum(LEVELS * red_factor - red_background, 0).astype(np.float32),
        measures={
            "background_grn": green_background,
            "background_sd_grn": float("nan"),
            "background_red": red_background,
            "background_sd_red": float("nan"),
            "dye_factor": red_factor / green_factor,
        },
    )


def _background(channel: Intensities, plan: GatherPlan) -> float:
    rank = _BACKGROUND_RANK - 1
    return float(np.partition(channel[plan.negative], rank)[rank])
