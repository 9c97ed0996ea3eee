"""What material, array and centre add to M-values: the regression that tells it.

Belongs here: who has which level, the matrix that turns M-values into shifts, and the scale that
shifts are on. Does not belong here: walking over the probes (`variances`), and taking the shifts
away from a sample (`pipeline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cup_assets.classify.data import Floats, Ints, Strings, TrainingData

# M-values are unbounded at 0 and 1, where a beta carries no more information than its noise.
_BETA_MARGIN = 1e-3


@dataclass(frozen=True, eq=False)
class Design:
    """The regression of one training part.

    Attributes
    ----------
    factors : str[k]
        What is adjusted for; those of which the part holds fewer than two levels are not.
    factor_of : int64[m]
        Position of the factor of each level.
    levels : str[m]
        Levels with a shift.
    indicator : float64[n, m]
        1 where a sample has the level.
    solver : float64[m, n]
        Turns the samples' M-values into the shifts of the levels.
    """

    factors: Strings
    factor_of: Ints
    levels: Strings
    indicator: Floats
    solver: Floats


def shift_design(data: TrainingData, rows: Ints, adjust: Sequence[str], ridge: float) -> Design:
    """Prepare the regression on levels beside classes.

    The shifts follow limma's removeBatchEffect with a design: a linear model of the M-value with a
    term for each class and one for each level of each factor, of which only those of the levels
    are taken away. A direction in which levels cannot be told from classes (a material that occurs
    in one class only, and all of it) is left alone, so that no class signal is removed.

    Capper et al. (Nature 2018) fit such a model, without the classes, to log2 M and log2 U each
    and recompute beta. An M-value is their difference, so that its shift is the difference of
    theirs: the same adjustment, but for the offset of beta.

    Residuals of the levels' indicators after the class terms give, by the theorem of Frisch,
    Waugh and Lovell, the levels' coefficients of the joint model.

    Parameters
    ----------
    rows : int64[n]
        The training part; no other row of ``data`` is read.
    adjust
        Names in `cup_assets.classify.data.FACTORS`.
    ridge
        Pseudo-samples that draw the shifts towards zero.
    """
    factors: list[str] = []
    factor_of: list[int] = []
    levels: list[str] = []
    indicators: list[Floats] = []
    for factor in adjust:
        own = data.levels([factor], rows)[:, 0]
        found = np.unique(own[own != ""])
        if len(found) >= 2:
            factor_of += [len(factors)] * len(found)
            factors.append(factor)
            levels += found.tolist()
            indicators.append((own[:, None] == found[None, :]).astype(np.float64))
    indicator = np.hstack(indicators) if indicators else np.empty((len(rows), 0))
    residual = indicator.copy()
    for name in np.unique(data.y[rows]):
        members = data.y[rows] == name
        residual[members] -= residual[members].mean(axis=0)
    values, vectors = np.linalg.eigh(residual.T @ residual)
    # A direction that classes explain in full has no evidence: its coefficient is 0, not noise.
    inverse = np.where(values > 1e-8, 1.0 / np.maximum(values + ridge, 1e-8), 0.0)
    solver = (vectors * inverse) @ vectors.T @ residual.T
    of = np.array(factor_of, dtype=np.int64)
    for number in range(len(factors)):
        solver[of == number] -= solver[of == number].mean(axis=0)
    return Design(np.array(factors, np.str_), of, np.array(levels, np.str_), indicator, solver)


def m_value(betas: Floats) -> Floats:
    """Return log2(beta / (1 - beta)), betas kept a little away from 0 and 1."""
    clipped = np.clip(betas, _BETA_MARGIN, 1 - _BETA_MARGIN)
    return np.asarray(np.log2(clipped / (1 - clipped)), dtype=np.float64)


def beta(m_values: Floats) -> Floats:
    """Return the beta of an M-value."""
    return np.asarray(1 / (1 + np.exp2(-m_values)), dtype=np.float64)


def odds_against(betas: Floats) -> Floats:
    """Return (1 - beta) / beta, 2 to minus the M-value: a shift s multiplies it by 2 to the s."""
    clipped = np.clip(betas, _BETA_MARGIN, 1 - _BETA_MARGIN)
    return np.asarray((1 - clipped) / clipped, dtype=np.float64)
