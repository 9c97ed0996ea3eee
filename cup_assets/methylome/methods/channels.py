"""Which colour each Type I probe of a sample really shines in.

Belongs here: inferring the channel, and the plan with probes moved. Does not belong here: what the
intensities are then used for.

A Type I probe shines in the colour of the base next to its CpG. Where the person carries another
base there, both of its intensities appear in the other colour, and the manifest's colour shows
only background. Sesame's inference (``inferInfiniumIChannel``; Zhou et al., Nucleic Acids Research
2018, 46:e123): the channel of the largest of the probe's four intensities (green if equal); a probe
whose largest intensity lies below the 95th percentile of the intensities that are out of band
after this choice has failed and keeps the manifest's channel.

In a sample whose one channel has failed nearly all probes seem to shine in the other one. That is
no inference: more than a tenth of the probes moved is refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import counts_of, quantiles
from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Intensities

_FAILED_BELOW = np.array([0.95])
# Samples of any ancestry move less than a hundredth.
_MOST_MOVED = 0.1


def infer_channels(
    grn: Intensities, red: Intensities, plan: GatherPlan
) -> tuple[GatherPlan, dict[str, float]]:
    """Return the plan by the colours seen, and how many probes moved each way.

    Raises
    ------
    SignalError
        If the array has no Type I probes, or a channel has failed.
    """
    if not len(plan.one):
        raise SignalError("the array has no Type I probes; choose a method that needs none")
    a, b = plan.one_a, plan.one_b
    green_a, green_b, red_a, red_b = grn[a], grn[b], red[a], red[b]
    green_max, red_max = np.maximum(green_a, green_b), np.maximum(red_a, red_b)
    is_red = red_max > green_max
    counts = counts_of(np.where(is_red, green_a, red_a)) + counts_of(
        np.where(is_red, green_b, red_b)
    )
    failed = np.maximum(green_max, red_max) < quantiles(counts, _FAILED_BELOW)[0]
    is_red = np.where(failed, plan.one_red, is_red)
    to_red, to_green = is_red & ~plan.one_red, plan.one_red & ~is_red
    share = float(np.mean(to_red | to_green))
    if share > _MOST_MOVED:
        raise SignalError(
            f"{share:.0%} of the Type I probes shine in the other channel than their own: "
            "one channel has failed, scan the array again"
        )
    measures = {"moved_to_red": float(to_red.sum()), "moved_to_green": float(to_green.sum())}
    return _with_channels(plan, is_red, to_red, to_green), measures


def _with_channels(
    plan: GatherPlan,
    is_red: NDArray[np.bool_],
    to_red: NDArray[np.bool_],
    to_green: NDArray[np.bool_],
) -> GatherPlan:
    m, u = plan.m.copy(), plan.u.copy()
    step = np.int32(plan.n_beads + 1)  # from a bead's place in green to that in red
    for places in (m, u):
        places[plan.one[to_red]] += step
        places[plan.one[to_green]] -= step
    red_beads = np.concatenate([plan.one_a[is_red], plan.one_b[is_red]])
    green_beads = np.concatenate([plan.one_a[~is_red], plan.one_b[~is_red]])
    return replace(
        plan,
        m=m,
        u=u,
        one_red=is_red,
        in_band_green=np.concatenate([green_beads, plan.two]),
        in_band_red=np.concatenate([red_beads, plan.two]),
        out_of_band_green=red_beads,
        out_of_band_red=green_beads,
    )
