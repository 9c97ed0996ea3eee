"""How many more patients for a lower error: what a learning curve can answer, and what it cannot.

Belongs here: the inverse power law, its doubt, and the refusal to go too far. Does not belong here:
the curve itself (`learning_curve`).

The law is error(n) = c + a (n / m)^-b with c, a >= 0 and b between .05 and 3, n the patients in
training and m their number in the largest part: Figueroa et al., BMC Med Inform Decis Mak 2012. It
is fitted by least squares weighted with the inverse variance of each error. Its doubt comes from
fits to bootstrap samples of the test patients, each error with noise of the size of the fit's
residuals added, because which patients the smaller parts held is chance too.

Nothing is said beyond twice the largest part, and nothing at all where the curve has fewer than
four sizes or spans less than a factor of three, where the error does not fall beyond doubt, where
the law explains less than 80 % of the variance of the errors, or where the law fitted without the
largest part misses its error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import percentile_interval
from cup_assets.classify.data import Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.learning_curve import LearningCurve

FARTHEST = 2.0
LEAST_SIZES = 4
LEAST_SPAN = 3.0
LEAST_EXPLAINED = 0.8
FITTED_SCHEMA = {
    "n_patients": pl.Float64,
    "error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "extrapolated": pl.Boolean,
}
_EXPONENTS = np.geomspace(0.05, 3.0, 60)


@dataclass(frozen=True, eq=False)
class Laws:
    """Fitted power laws: c, a and b float64[draws] and the size m that they are relative to."""

    asymptote: Floats
    above: Floats
    exponent: Floats
    at: float

    def error(self, n: float) -> Floats:
        """Return the error float64[draws] with n patients in training."""
        return np.asarray(self.asymptote + self.above * (n / self.at) ** -self.exponent)

    def needed(self, error: float) -> Floats:
        """Return the patients float64[draws] for an error; infinite where it is never reached."""
        result = np.full(len(self.asymptote), np.inf)
        gap = error - self.asymptote
        falls = (gap > 0) & (self.above > 0)
        ratio = self.above[falls] / gap[falls]
        with np.errstate(over="ignore"):
            result[falls] = self.at * ratio ** (1 / self.exponent[falls])
        result[(gap >= 0) & (self.above == 0)] = 0.0
        return result


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """What a learning curve says about other numbers of patients.

    Attributes
    ----------
    refused
        Why nothing is said, in a sentence; None where something is.
    laws
        The fit, and those to the bootstrap samples; None where refused.
    fitted
        Frame of `FITTED_SCHEMA`: the law with its 95 % interval from the smallest part to twice
        the largest; empty where refused.
    n_largest, n_patients
        Patients in the largest training part, and in the whole cohort.
    """

    refused: str | None
    laws: Laws | None
    fitted: pl.DataFrame
    n_largest: float
    n_patients: int


@dataclass(frozen=True)
class PatientsNeeded:
    """The patients that an error takes.

    Attributes
    ----------
    error
        The error asked for.
    n_patients, low, high
        Patients in training, and the 95 % interval; None is "more than can be told".
    more
        How many that are beyond those of the whole cohort; 0 where the cohort is enough.
    answer
        The same in a sentence.
    """

    error: float
    n_patients: int | None
    low: int | None
    high: int | None
    more: int | None
    answer: str


def extrapolate(curve: LearningCurve, seed: int) -> Extrapolation:
    """Fit the law to a learning curve, or say why it is of no use.

    Parameters
    ----------
    curve
        Of `cup_assets.classify.learning_curve.learning_curve`.
    seed
        Of the noise in the bootstrap fits.
    """
    n = curve.points["n_train_patients"].to_numpy()
    n_largest = float(n.max(initial=0))
    refused = _unsuited(n, curve.draws)
    laws = None
    if refused is None:
        weights = _weights(curve)
        laws = _bootstrap_laws(n, curve.draws, weights, seed)
        refused = _bad_fit(n, curve.draws, weights, laws, seed)
    if refused is not None or laws is None:
        empty = pl.DataFrame(schema=FITTED_SCHEMA)
        return Extrapolation(refused, None, empty, n_largest, curve.n_patients)
    rows = []
    for size in np.geomspace(n.min(), FARTHEST * n_largest, 40):
        errors = laws.error(float(size))
        interval = percentile_interval(errors[1:])
        rows.append((float(size), float(errors[0]), *interval, bool(size > n_largest)))
    fitted = pl.DataFrame(rows, schema=FITTED_SCHEMA, orient="row")
    return Extrapolation(None, laws, fitted, n_largest, curve.n_patients)


def patients_needed(found: Extrapolation, error: float) -> PatientsNeeded:
    """Answer how many patients it takes to come down to an error.

    Raises
    ------
    ClassifyError
        Where the error is not between 0 and 1.
    """
    if not 0 < error < 1:
        raise ClassifyError(f"error is {error}: ask for a share between 0 and 1")
    if found.laws is None:
        return PatientsNeeded(
            error, None, None, None, None, f"The curve does not tell: {found.refused}."
        )
    limit = FARTHEST * found.n_largest
    needed = np.ceil(np.where(found.laws.needed(error) > limit, np.inf, found.laws.needed(error)))
    draws = np.sort(needed[1:])
    # Infinite draws cannot be interpolated between: the next draw outwards is taken.
    low = draws[int(np.floor(0.025 * (len(draws) - 1)))]
    high = draws[int(np.ceil(0.975 * (len(draws) - 1)))]
    value, low_n, high_n = (int(x) if np.isfinite(x) else None for x in (needed[0], low, high))
    more = None if value is None else max(0, value - found.n_patients)
    told = f"an error of {error:.1%} takes"
    upper = f"{high_n}" if high_n is not None else f"more than {limit:.0f}"
    if value is None:
        lowest = "" if low_n is None else f" (at the very least {low_n})"
        answer = f"{told} more than {limit:.0f} patients{lowest}; farther the curve does not reach."
    else:
        cohort = f"the cohort's {found.n_patients}"
        answer = (
            f"{told} about {value} patients in training (95 % interval {low_n} to {upper}):"
            f" {f'{more} more than {cohort}' if more else f'{cohort} are enough'}."
        )
    return PatientsNeeded(error, value, low_n, high_n, more, answer[0].upper() + answer[1:])


def fit_laws(n: Floats, errors: Floats, weights: Floats) -> Laws:
    """Fit c + a (n / m)^-b to errors float64[draws, sizes] at n float64[sizes].

    For each exponent of a grid c and a have a closed form; the exponent with the least weighted
    sum of squares is taken. No start value, no local minimum.
    """
    at = float(n.max())
    x = (n / at) ** -_EXPONENTS[:, None]
    sw, sx, sxx = weights.sum(), x @ weights, x**2 @ weights
    sy, syy, sxy = errors @ weights, errors**2 @ weights, errors @ (x * weights).T
    above = (sw * sxy - sx * sy[:, None]) / (sw * sxx - sx**2)
    asymptote = (sy[:, None] - above * sx) / sw
    above = np.where(asymptote < 0, sxy / sxx, above)
    asymptote = np.maximum(asymptote, 0.0)
    asymptote = np.where(above < 0, sy[:, None] / sw, asymptote)
    above = np.maximum(above, 0.0)
    squares = (
        syy[:, None]
        - 2 * (above * sxy + asymptote * sy[:, None])
        + above**2 * sxx
        + 2 * above * asymptote * sx
        + asymptote**2 * sw
    )
    best = squares.argmin(axis=1)
    rows = np.arange(len(errors))
    return Laws(asymptote[rows, best], above[rows, best], _EXPONENTS[best], at)


def _weights(curve: LearningCurve) -> Floats:
    # No error is known better than to half a patient, even where all draws agree.
    least = (0.5 / curve.points["n_test_patients"].to_numpy()) ** 2
    return np.asarray(1 / np.maximum(curve.draws[1:].var(axis=0), least))


def _bootstrap_laws(n: Floats, draws: Floats, weights: Floats, seed: int) -> Laws:
    law = fit_laws(n, draws[:1], weights)
    residual = draws[0] - np.array([law.error(float(size))[0] for size in n])
    spread = np.sqrt((residual**2).sum() / max(len(n) - 3, 1))
    noise = np.random.default_rng([seed, 2]).normal(0, spread, draws.shape)
    noise[0] = 0.0
    return fit_laws(n, draws + noise, weights)


def _unsuited(n: Floats, draws: Floats) -> str | None:
    if len(n) < LEAST_SIZES:
        return f"it has {len(n)} sizes of the {LEAST_SIZES} it needs"
    if n.max() < LEAST_SPAN * n.min():
        return f"its sizes span less than a factor of {LEAST_SPAN:g} ({n.min():g} to {n.max():g})"
    low, _ = percentile_interval(draws[1:, int(n.argmin())] - draws[1:, int(n.argmax())])
    if low is None or low <= 0:
        return "the error does not fall beyond doubt from the smallest part to the largest"
    return None


def _bad_fit(n: Floats, draws: Floats, weights: Floats, laws: Laws, seed: int) -> str | None:
    errors = draws[0]
    residual = errors - np.array([laws.error(float(size))[0] for size in n])
    centred = errors - (weights @ errors) / weights.sum()
    explained = 1 - (weights @ residual**2) / (weights @ centred**2)
    if explained < LEAST_EXPLAINED:
        return f"an inverse power law explains {explained:.0%} of the variance of the errors"
    rest = n < n.max()
    before = _bootstrap_laws(n[rest], draws[:, rest], weights[rest], seed)
    missed = before.error(float(n.max())) - draws[:, ~rest][:, 0]
    low, high = percentile_interval(missed[1:])
    if low is None or high is None or low > 0 or high < 0:
        return "the law fitted without the largest part misses the error of the largest part"
    return None
