"""What a normalisation method gives back, and what several methods measure alike.

Belongs here: `Correction` and the normalisation controls. Does not belong here: any one method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.layout import GatherPlan

Intensities = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Correction:
    """A method's result on one sample: what becomes of every 16-bit level of each channel.

    Every method here is a function of the level within a channel, estimated on the whole sample.
    Half a million intensities are then corrected by one look-up each.

    Attributes
    ----------
    plan : GatherPlan
        Where each probe's intensities lie: the array's plan, or one with Type I probes moved to
        the channel that they shine in.
    green, red : float32[65536]
        Corrected intensity of every level, finite and at least 0.
    measures : dict
        What the method estimated, by name; NaN where the method has no such estimate.
    """

    plan: GatherPlan
    green: NDArray[np.float32]
    red: NDArray[np.float32]
    measures: dict[str, float]


def normalisation_means(
    green_controls: NDArray[np.uint16] | NDArray[np.float32],
    red_controls: NDArray[np.uint16] | NDArray[np.float32],
) -> tuple[float, float]:
    """Return the mean normalisation control of each channel: NORM_C/G green, NORM_A/T red.

    Parameters
    ----------
    green_controls, red_controls : number[...]
        Intensities of the plan's ``norm_green`` and ``norm_red``, raw or corrected.

    Raises
    ------
    SignalError
        If the array has none, or they are dark: Type II betas would be biased silently.
    """
    if not len(green_controls) or not len(red_controls):
        raise SignalError(
            "the array has no normalisation controls (NORM_A/T and NORM_C/G); "
            "use the complete manifest with its [Controls]"
        )
    green, red = (float(np.mean(c, dtype=np.float64)) for c in (green_controls, red_controls))
    if min(green, red) <= 0:
        raise SignalError(
            "the normalisation controls (NORM_A/T and NORM_C/G) are dark; "
            "the scan is blank, scan the array again"
        )
    return green, red
