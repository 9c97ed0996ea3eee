"""Other ways from raw scores to probabilities, to hold the calibrator in use against.

Belongs here: Platt scaling, isotonic regression and temperature scaling, fitted on the same
held-out scores as the calibrator in use. Does not belong here: that calibrator (`calibrate`), and
how well any of them does (metrics).

Platt and isotonic know two classes: they are fitted for each class against the rest and their
answers divided by their sum (Zadrozny and Elkan 2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cup_assets.classify.calibrate import centred_log
from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.models.linear import softmax


class Variant(Protocol):
    """A fitted map from raw scores to probabilities."""

    def scores(self, raw: Floats) -> Floats:
        """Return scores float64[n, k] whose rows sum to one, the same bits for any batch size."""
        ...


@dataclass(frozen=True, eq=False)
class Platt:
    """For each class the sigmoid of slope x log odds of its raw score + intercept.

    Attributes
    ----------
    slope : float64[k]
        Never negative: a class does not become less likely as its score rises.
    intercept : float64[k]
    floor
        Raw scores closer than it to 0 or 1 count as so close.
    """

    slope: Floats
    intercept: Floats
    floor: float

    def scores(self, raw: Floats) -> Floats:
        """Return the classes' sigmoids divided by their sum, float64[n, k]."""
        odds = [self.slope * _log_odds(row, self.floor) + self.intercept for row in raw]
        return _shares(np.array([_sigmoid(row) for row in odds]).reshape(raw.shape))


@dataclass(frozen=True, eq=False)
class Isotonic:
    """For each class a rising function of its raw score: straight lines between knots.

    Attributes
    ----------
    knots
        For each class the scores at which the function is known, rising, and its values there,
        float64[m] each; beyond the outer knots it is constant.
    """

    knots: tuple[tuple[Floats, Floats], ...]

    def scores(self, raw: Floats) -> Floats:
        """Return the classes' functions divided by their sum, float64[n, k].

        Where no class has any chance, all have the same: the functions do not say which, and a
        confident answer would be made up.
        """
        columns = [
            np.interp(own, at, value) for own, (at, value) in zip(raw.T, self.knots, strict=True)
        ]
        # Rows must lie in one piece, else the order of additions depends on their number.
        return _shares(np.ascontiguousarray(np.array(columns).T).reshape(raw.shape))


@dataclass(frozen=True, eq=False)
class Temperature:
    """Softmax of inverse x log raw scores (Guo et al. 2017): one number for all classes.

    Attributes
    ----------
    inverse
        Above 1 where the raw scores are too cautious, below 1 where they are overconfident.
    floor
        Raw scores below it count as it.
    """

    inverse: float
    floor: float

    def scores(self, raw: Floats) -> Floats:
        """Return the sharpened or flattened scores, float64[n, k]."""
        logits = self.inverse * centred_log(raw, self.floor)
        return np.array([softmax(row) for row in logits]).reshape(raw.shape)


def fit_variants(raw: Floats, codes: Ints, floor: float) -> dict[str, Variant]:
    """Fit every variant on held-out raw scores.

    Parameters
    ----------
    raw : float64[n, k]
        Scores of samples by models fitted without them, as for `fit_calibrator`.
    codes : int64[n]
        True class of each.
    floor
        Least raw score told from zero.
    """
    return {name: fit(raw, codes, floor) for name, fit in VARIANTS.items()}


def fit_platt(raw: Floats, codes: Ints, floor: float) -> Platt:
    """Fit a sigmoid for each class by maximum likelihood (Platt 1999).

    The targets are Platt's: (n+ + 1) / (n+ + 2) for the n+ samples of the class and
    1 / (n- + 2) for the n- others, so that a class told apart without a mistake does not ask for
    an infinite slope.
    """
    odds = np.array([_log_odds(row, floor) for row in raw])
    lines = [_sigmoid_fit(own, codes == code) for code, own in enumerate(odds.T)]
    slope, intercept = np.array(lines).T.copy()
    return Platt(slope, intercept, floor)


def _sigmoid_fit(odds: Floats, members: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import minimize

    n = int(members.sum())
    target = np.where(members, (n + 1) / (n + 2), 1 / (len(odds) - n + 2))

    def loss(line: Floats) -> tuple[float, Floats]:
        logits = line[0] * odds + line[1]
        error = (_sigmoid(logits) - target) / len(odds)
        value = (np.logaddexp(0.0, logits) - target * logits).mean()
        return float(value), np.array([error @ odds, error.sum()])

    start = np.array([1.0, 0.0])
    fit = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)],
        options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9},
    )  # fmt: skip
    return float(fit.x[0]), float(fit.x[1])


def fit_isotonic(raw: Floats, codes: Ints, floor: float) -> Isotonic:
    """Fit for each class the rising function with the least squares, by pooling neighbours.

    ``floor`` is not used: only the order of the scores counts.
    """
    from sklearn.isotonic import IsotonicRegression

    knots = []
    for code, own in enumerate(raw.T):
        fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        fit.fit(own, (codes == code).astype(np.float64))
        knots.append((fit.X_thresholds_, fit.y_thresholds_))
    return Isotonic(tuple(knots))


def fit_temperature(raw: Floats, codes: Ints, floor: float) -> Temperature:
    """Find the inverse temperature of the least log loss, at least 0.

    One sample's worth of doubt is spread over the samples and classes, as for the calibrator in
    use: else scores without a mistake ask for an infinite one.
    """
    from scipy.optimize import brentq

    inputs = centred_log(raw, floor)
    n = len(inputs)
    doubt = 1 / (n + 2)
    # The rows of the inputs sum to 0, so that the doubt's equal shares add nothing here.
    wanted = (1 - doubt) * float(inputs[np.arange(n), codes].sum()) / n

    def slope(inverse: float) -> float:
        """Return the derivative of the log loss, which rises with the inverse temperature."""
        powers = np.exp(inverse * (inputs - inputs.max(axis=1, keepdims=True)))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return float((shares * inputs).sum()) / n - wanted

    if slope(0.0) >= 0:
        return Temperature(0.0, floor)
    lower, upper = 0.0, 1.0
    while slope(upper) < 0:
        lower, upper = upper, 2 * upper
    return Temperature(float(brentq(slope, lower, upper, xtol=1e-12)), floor)


VARIANTS: dict[str, Callable[[Floats, Ints, float], Variant]] = {
    "platt": fit_platt,
    "isotonic": fit_isotonic,
    "temperature": fit_temperature,
}


def _log_odds(row: Floats, floor: float) -> Floats:
    inside = np.clip(row, floor, 1 - floor)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits)), dtype=np.float64)


def _shares(chances: Floats) -> Floats:
    """Divide each row by its sum; a row without any chance becomes equal shares."""
    totals = chances.sum(axis=1, keepdims=True)
    equal = np.full_like(chances, 1 / chances.shape[1])
    return np.where(totals > 0, chances / np.where(totals > 0, totals, 1.0), equal)
