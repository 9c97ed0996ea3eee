"""Multinomial logistic regression with an elastic net penalty.

Belongs here: the solver, an accelerated proximal gradient (FISTA, Beck and Teboulle 2009) with
restarts. Does not belong here: which columns and strengths are tried (`logistic_regression`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cup_assets.classify.data import Floats, Ints

_STEPS = 2000


def elastic_net(
    rows: Floats,
    codes: Ints,
    n_classes: int,
    weights: Floats,
    strengths: Sequence[float],
    mix: float,
    tolerance: float = 1e-4,
) -> list[tuple[Floats, Floats]]:
    """Minimise mean weighted cross entropy + s (mix |B|_1 + (1 - mix) / 2 |B|^2) for each s.

    Parameters
    ----------
    rows : float64[n, q]
        Centred columns of similar scale.
    codes, weights : int64[n], float64[n]
        Class and weight of each row.
    strengths
        Penalties as shares of the least that leaves no coefficient, falling: each fit starts from
        the one before.
    mix
        Share of the penalty that falls on absolute values, above 0; the rest on squares.
    tolerance
        Ends a fit when no coefficient changes by more than this share of the largest.

    Returns
    -------
    For each strength coefficients float64[q, k] and intercept float64[k], which is not penalised
    and minus infinity for a class without rows.
    """
    present, labels = np.unique(codes, return_inverse=True)
    n, q = rows.shape
    share = (weights / weights.sum())[:, None]
    target = np.eye(len(present))[labels]
    heavy = rows * np.sqrt(share)
    spread = float(np.linalg.eigvalsh(heavy @ heavy.T if n < q else heavy.T @ heavy)[-1])
    # The intercept is a constant column, as large as the largest direction of the others.
    constant = np.sqrt(spread) or 1.0
    inputs = np.hstack([rows, np.full((n, 1), constant)])
    values = np.zeros((q + 1, len(present)))
    values[q] = np.log((share * target).sum(axis=0)) / constant
    start = inputs[:, :q].T @ ((_softmax(inputs @ values) - target) * share)
    least = float(np.abs(start).max()) / mix
    fits = []
    for strength in strengths:
        penalty = np.full((q + 1, 1), strength * least)
        penalty[q] = 0.0
        values = _descend(inputs, target, share, penalty, mix, values, spread, tolerance)
        coefficients, intercept = np.zeros((q, n_classes)), np.full(n_classes, -np.inf)
        coefficients[:, present], intercept[present] = values[:q], values[q] * constant
        fits.append((coefficients, intercept))
    return fits


def _descend(
    inputs: Floats,
    target: Floats,
    share: Floats,
    penalty: Floats,
    mix: float,
    values: Floats,
    spread: float,
    tolerance: float,
) -> Floats:
    # The curvature of the cross entropy is at most 1/2 in the logits; two orthogonal parts add.
    rate = 1 / (0.5 * 2 * spread + (1 - mix) * float(penalty.max()))
    ahead, momentum = values, 1.0
    for _ in range(_STEPS):
        error = (_softmax(inputs @ ahead) - target) * share
        step = ahead - rate * (inputs.T @ error + (1 - mix) * penalty * ahead)
        new = np.sign(step) * np.maximum(np.abs(step) - rate * mix * penalty, 0.0)
        if ((ahead - new) * (new - values)).sum() > 0:
            momentum = 1.0  # it overshot
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - values)
        change, momentum = float(np.abs(new - values).max()), following
        values = new
        if change <= tolerance * float(np.abs(values).max()):
            break
    return values


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
