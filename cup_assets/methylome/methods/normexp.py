"""The normal-exponential model of an intensity.

Belongs here: the model, its estimates and its expected signal. Does not belong here: which
intensities are background (`noob`, `sesame`).

Model (normexp; Irizarry 2003, Ritchie 2007): an observed intensity x is signal plus background,
the signal exponential with mean alpha, the background normal with mean mu and standard deviation
sigma. What remains is the expected signal given x,

    E(s | x) = m + sigma^2 phi(0; m, sigma) / (1 - Phi(0; m, sigma)),  m = x - mu - sigma^2 / alpha

with phi and Phi the normal density and distribution.

Estimates, as in limma and minfi: mu and sigma are Huber's location and the scaled MAD of the
background intensities; alpha is Huber's location of the in-band intensities minus mu, at least 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import Counts, huber

_LEAST_ALPHA = 10.0
_LEAST_SIGNAL = 1e-6


@dataclass(frozen=True)
class Background:
    """Normal-exponential parameters of one channel, in intensity units."""

    mu: float
    sigma: float
    alpha: float


def estimate_background(
    channel: str,
    background: Counts,
    in_band: Counts,
    background_values: NDArray[np.float64] | None = None,
    in_band_values: NDArray[np.float64] | None = None,
) -> Background:
    """Estimate one channel's parameters from its histograms int64[65536].

    ``background_values`` and ``in_band_values`` float64[65536] say what each level stands for
    where the intensities are corrected ones; see `histogram`.

    Raises
    ------
    SignalError
        If the intensities are absent or do not vary, as those of an empty scan.
    """
    try:
        mu, sigma = huber(background, background_values)
        signal, _ = huber(in_band, in_band_values)
    except ValueError as error:
        raise SignalError(
            f"the {channel} intensities cannot be normalised ({error}); the scan is blank or "
            "saturated, scan the array again"
        ) from error
    return Background(mu, sigma, max(signal - mu, _LEAST_ALPHA))


def expected_signal(x: NDArray[np.float64], background: Background) -> NDArray[np.float64]:
    """Return E(signal | x) of the normal-exponential model, same shape, at least 1e-6."""
    from scipy.special import erfcx

    mu, sigma, alpha = background.mu, background.sigma, background.alpha
    m = x - mu - sigma**2 / alpha
    # phi / (1 - Phi) without underflow: with the scaled complementary error function
    # erfcx(z) = exp(z^2) erfc(z), it is sqrt(2 / pi) / (sigma erfcx(-m / (sigma sqrt 2))).
    # Far above the background erfcx overflows to infinity, where the term is rightly 0.
    with np.errstate(over="ignore"):
        hazard = np.sqrt(2 / np.pi) / (sigma * erfcx(-m / (sigma * np.sqrt(2))))
    signal: NDArray[np.float64] = np.maximum(m + sigma**2 * hazard, _LEAST_SIGNAL)
    return signal
