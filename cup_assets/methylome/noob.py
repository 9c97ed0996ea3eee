"""Background correction and dye bias of one sample: noob.

Belongs here: the normal-exponential model and the scaling of red to green. Does not belong here:
which beads are background or signal (`layout`), betas and masks (`betas`).

Model (normexp; Irizarry 2003, Ritchie 2007): an observed intensity x is signal plus background,
the signal exponential with mean alpha, the background normal with mean mu and standard deviation
sigma. What remains is the expected signal given x,

    E(s | x) = m + sigma^2 phi(0; m, sigma) / (1 - Phi(0; m, sigma)),  m = x - mu - sigma^2 / alpha

with phi and Phi the normal density and distribution. In noob (Triche et al., Nucleic Acids
Research 2013, 41:e90) the background of a channel is measured on the out-of-band intensities:
those of Type I probes in the colour that their chemistry does not produce.

Estimates, as in limma and minfi: mu and sigma are Huber's location and the scaled MAD of the
channel's out-of-band intensities; alpha is Huber's location of its in-band intensities minus mu,
at least 10. An offset is added to the result.

Dye bias, within the sample (Fortin, Triche & Hansen, Bioinformatics 2017, 33:558): the red
channel is multiplied by the ratio of the mean normalisation controls, green (NORM_C, NORM_G) to
red (NORM_A, NORM_T), both after background correction. HumanMethylation27 calls these controls
NORMALIZATION-GREEN and NORMALIZATION-RED; its probes are all of Type I, with both intensities in
one channel, so that the factor moves its betas only through their offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import SignalError
from cup_assets.methylome.histogram import N_LEVELS, Counts, huber

_LEAST_ALPHA = 10.0
_LEAST_SIGNAL = 1e-6


@dataclass(frozen=True)
class Background:
    """Normal-exponential parameters of one channel, in intensity units."""

    mu: float
    sigma: float
    alpha: float


def estimate_background(channel: str, out_of_band: Counts, in_band: Counts) -> Background:
    """Estimate one channel's parameters from its histograms int64[65536].

    Raises
    ------
    SignalError
        If the intensities are absent or do not vary, as those of an empty scan.
    """
    try:
        mu, sigma = huber(out_of_band)
        signal, _ = huber(in_band)
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


def signal_table(background: Background, offset: float) -> NDArray[np.float32]:
    """Return the corrected intensity of every 16-bit level, float32[65536]."""
    levels = np.arange(N_LEVELS, dtype=np.float64)
    return (expected_signal(levels, background) + offset).astype(np.float32)


def dye_factor(
    norm_green: NDArray[np.uint16],
    norm_red: NDArray[np.uint16],
    green_table: NDArray[np.float32],
    red_table: NDArray[np.float32],
) -> float:
    """Return the factor that scales red to green, from raw control intensities and the tables.

    Raises
    ------
    SignalError
        If the sample has no normalisation controls: Type II betas would be biased silently.
    """
    if not len(norm_green) or not len(norm_red):
        raise SignalError(
            "the array has no normalisation controls (NORM_A/T and NORM_C/G); "
            "use the complete manifest with its [Controls]"
        )
    green = green_table[norm_green].mean(dtype=np.float64)
    red = red_table[norm_red].mean(dtype=np.float64)
    return float(green / red)
