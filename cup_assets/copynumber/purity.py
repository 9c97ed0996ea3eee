"""Tumour purity: the fraction of tumour cells that explains a sample's copy-number levels.

Belongs here: the estimate from segment levels, with what methylation says of its least value.
Does not belong here: methylation itself (`cup_assets.methylome.purity`), calls.

A gain of one copy in a fraction p of the cells raises the log2 ratio to log2(1 + p/2), a loss of
one lowers it to log2(1 - p/2); the other integer copy numbers follow. The purities at which the
measured levels fall on such steps are weighed on a grid, as ABSOLUTE does it (Carter et al. 2012).
The level that most of the genome has may be two, three or four copies: total intensity alone hardly
tells, so all three are weighed, two of them first, and what stays open widens the interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.parameters import CnvParameters

Floats = NDArray[np.float64]

PURITIES: Floats = np.arange(10, 101) / 100
"""Purities that are weighed; below a tenth no event could be seen."""
LEAST_RATIO = 0.02
"""What a locus without any copy still shows: cross-hybridisation of the others."""

BASELINES = (2, 3, 4)
"""Copies that most of a tumour's genome may have."""
_BASELINE_PRIOR = np.array([0.7, 0.15, 0.15])

# How often the copies of a clonal event differ so much from the baseline: one step is by far the
# most frequent.
_STEPS = {-4: 0.02, -3: 0.02, -2: 0.04, -1: 0.42, 1: 0.42, 2: 0.08, 3: 0.03, 4: 0.01, 6: 0.01}
_UNEXPLAINED = 0.05  # fraction of segments that fit no clonal step: subclones, artefacts
_UNEXPLAINED_DENSITY = 0.5  # per log2 unit
_LEAST_LEVEL = 0.06
_LEAST_Z = 4.0
_LEAST_PROBES = 45  # as many as three bins hold: the ends of shorter segments blur their level
_BOUND_SD = 0.05
_FULL_SAY, _LEAST_SAY = 0.01, 0.2  # fraction of the autosomes' probes; weight of a short segment
_DOUBT = 0.02


@dataclass(frozen=True, eq=False)
class Purity:
    """An estimate of the fraction of tumour cells, or the reason why there is none.

    Attributes
    ----------
    value : float or None
        Median of the weights; None where they leave too much open.
    low, high : float or None
        Central 90 % of the weights; None where nothing is known.
    method : str or None
        What the value rests on: ``copy_number``, ``copy_number+methylation`` or ``methylation``.
    reason : str or None
        Why there is no value.
    weights : float64[3, 91]
        Probability of each of `BASELINES` with each of `PURITIES`; the purities are equally
        probable where nothing is known.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str | None
    reason: str | None
    weights: Floats


def no_purity(reason: str) -> Purity:
    """Return the estimate that there is none, with its reason."""
    return Purity(None, None, None, None, reason, _prior())


def expected_level(
    purity: Floats,
    copies: Floats,
    normal_copies: int = 2,
    response: float = 1.0,
    baseline: int | None = None,
) -> Floats:
    """Return the log2 ratio that an array shows of a locus, against most of the genome.

    Parameters
    ----------
    purity, copies : float64[...]
        Fraction of the cells, and the copies that these have.
    normal_copies : int
        Copies in the other cells.
    response : float
        Part of the DNA's log2 ratio that the array shows (`cup_assets.copynumber.response`).
    baseline : int, optional
        Copies of most of the genome in the tumour cells, if not ``normal_copies``.
    """
    usual = normal_copies if baseline is None else baseline
    mixed = normal_copies * (1 - purity) + purity * copies
    ratio = mixed / (normal_copies * (1 - purity) + purity * usual)
    return np.asarray(response * np.log2(np.maximum(ratio, LEAST_RATIO)), np.float64)


def _prior() -> Floats:
    return np.outer(_BASELINE_PRIOR, np.full(PURITIES.size, 1 / PURITIES.size))


def estimate_purity(
    levels: Floats,
    errors: Floats,
    n_probes: NDArray[np.int64],
    at_least: float | None,
    parameters: CnvParameters,
    systematic_sd: float | None = None,
    response: float = 1.0,
) -> Purity:
    """Weigh the purities of a sample.

    Parameters
    ----------
    levels, errors : float64[n]
        Means of the autosomal segments and their standard errors (log2 units).
    n_probes : int64[n]
        Number of probes of each segment.
    at_least : float or None
        A lower bound of the purity from methylation, if there is one.
    parameters : CnvParameters
        ``purity_level_sd``, ``max_purity_interval``.
    systematic_sd : float, optional
        What more probes do not average out in this sample, if it is more than the parameters'.
    response : float
        Part of the DNA's log2 ratio that the array shows.
    """
    sd = max(parameters.purity_level_sd, systematic_sd or 0.0)
    noise = np.hypot(errors, sd)
    least = np.maximum(_LEAST_LEVEL, _LEAST_Z * np.hypot(errors, systematic_sd or 0.02))
    informative = (np.abs(levels) >= least) & (n_probes >= _LEAST_PROBES)
    # A focal event is one of few of its kind and blurred at its ends: long ones tell more.
    say = np.clip(n_probes / max(_FULL_SAY * n_probes.sum(), 1), _LEAST_SAY, 1.0)
    weights = _prior() * _step_weights(
        levels[informative], noise[informative], say[informative], response
    )
    if at_least is not None:
        weights /= 1 + np.exp((at_least - PURITIES) / _BOUND_SD)
    weights /= weights.sum()
    # The steps are a model: no purity is ruled out altogether.
    weights = (1 - _DOUBT) * weights + _DOUBT * _prior()
    return _conclusion(weights, bool(informative.any()), at_least, parameters)


def _step_weights(levels: Floats, sd: Floats, say: Floats, response: float) -> Floats:
    """Return how well each baseline and purity fits: levels lie on steps, or are unexplained."""
    log_weight = np.zeros((len(BASELINES), PURITIES.size))
    for row, baseline in zip(log_weight, BASELINES, strict=True):
        possible = [step for step in _STEPS if baseline + step >= 0]
        frequency = np.array([_STEPS[step] for step in possible])
        copies = baseline + np.array(possible, np.float64)
        steps = expected_level(
            PURITIES[:, None], copies[None], response=response, baseline=baseline
        )
        z = (levels[:, None, None] - steps) / sd[:, None, None]
        density = np.exp(-0.5 * z * z) / (sd[:, None, None] * np.sqrt(2 * np.pi))
        fit = (1 - _UNEXPLAINED) * density @ (frequency / frequency.sum())
        row += say @ np.log(fit + _UNEXPLAINED * _UNEXPLAINED_DENSITY)
    return np.asarray(np.exp(log_weight - log_weight.max()), np.float64)


def _conclusion(
    weights: Floats, altered: bool, at_least: float | None, parameters: CnvParameters
) -> Purity:
    if not altered and at_least is None:
        return no_purity(
            "no copy-number change is large enough to tell, and no methylation of normal controls "
            "to compare with"
        )
    low, middle, high = (_quantile(weights.sum(axis=0), q) for q in (0.05, 0.5, 0.95))
    methods = ["copy_number"] * altered + ["methylation"] * (at_least is not None)
    if high - low > parameters.max_purity_interval:
        return Purity(
            value=None,
            low=low,
            high=high,
            method=None,
            reason=f"between {low:.0%} and {high:.0%}, more is not known: "
            + (
                "the copy-number changes fit several purities"
                if altered
                else "no copy-number change is large enough to tell"
            ),
            weights=weights,
        )
    return Purity(middle, low, high, "+".join(methods), None, weights)


def _quantile(weights: Floats, q: float) -> float:
    at = int(np.searchsorted(np.cumsum(weights), q * (1 - 1e-12)))
    return float(PURITIES[min(at, PURITIES.size - 1)])
