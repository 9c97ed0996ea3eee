"""Tumour purity: the fraction of tumour cells that explains a sample's copy-number levels.

Belongs here: the estimate from segment levels, with what methylation says of its least value.
Does not belong here: methylation itself (`cup_assets.methylome.purity`), calls.

A gain of one copy in a fraction p of the cells raises the log2 ratio to log2(1 + p/2), a loss of
one lowers it to log2(1 - p/2); the other integer copy numbers follow. The purities at which the
measured levels fall on such steps are weighed on a grid, as ABSOLUTE does it (Carter et al. 2012),
without its ploidy: arrays of total intensity do not tell a doubled genome from a normal one, so the
level that most of the genome has is taken for two copies.
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

# Copies of a clonal event and how often they occur: one step is by far the most frequent.
_COPIES = np.array([0, 1, 3, 4, 5, 6, 8])
_FREQUENCY = np.array([0.03, 0.42, 0.42, 0.08, 0.03, 0.01, 0.01])
_UNEXPLAINED = 0.05  # fraction of segments that fit no clonal step: subclones, artefacts
_UNEXPLAINED_DENSITY = 0.5  # per log2 unit
_LEAST_LEVEL = 0.06
_LEAST_Z = 4.0
_LEAST_PROBES = 45  # as many as three bins hold: the ends of shorter segments blur their level
_BOUND_SD = 0.05


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
    weights : float64[91]
        Probability of each of `PURITIES`; equal where nothing is known.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str | None
    reason: str | None
    weights: Floats


def no_purity(reason: str) -> Purity:
    """Return the estimate that there is none, with its reason."""
    return Purity(None, None, None, None, reason, np.full(PURITIES.size, 1 / PURITIES.size))


def expected_level(
    purity: Floats, copies: Floats, normal_copies: int = 2, response: float = 1.0
) -> Floats:
    """Return the log2 ratio that an array shows of a locus.

    Parameters
    ----------
    purity, copies : float64[...]
        Fraction of the cells, and the copies that these have.
    normal_copies : int
        Copies in the other cells.
    response : float
        Part of the DNA's log2 ratio that the array shows (`cup_assets.copynumber.response`).
    """
    mixed = 1 - purity + purity * copies / normal_copies
    return np.asarray(response * np.log2(np.maximum(mixed, LEAST_RATIO)), np.float64)


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
    weights = _step_weights(levels[informative], noise[informative], response)
    if at_least is not None:
        weights /= 1 + np.exp((at_least - PURITIES) / _BOUND_SD)
    weights /= weights.sum()
    return _conclusion(weights, bool(informative.any()), at_least, parameters)


def _step_weights(levels: Floats, sd: Floats, response: float) -> Floats:
    """Return the likelihood of each purity: every level lies on a step, or is unexplained."""
    steps = expected_level(PURITIES[:, None], _COPIES[None], response=response)
    z = (levels[:, None, None] - steps) / sd[:, None, None]
    density = np.exp(-0.5 * z * z) / (sd[:, None, None] * np.sqrt(2 * np.pi))
    fit = (1 - _UNEXPLAINED) * density @ _FREQUENCY + _UNEXPLAINED * _UNEXPLAINED_DENSITY
    log_weight = np.log(fit).sum(axis=0) if levels.size else np.zeros(PURITIES.size)
    return np.asarray(np.exp(log_weight - log_weight.max()), np.float64)


def _conclusion(
    weights: Floats, altered: bool, at_least: float | None, parameters: CnvParameters
) -> Purity:
    if not altered and at_least is None:
        return no_purity(
            "no copy-number change is large enough to tell, and no methylation of normal controls "
            "to compare with"
        )
    low, middle, high = (_quantile(weights, q) for q in (0.05, 0.5, 0.95))
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
