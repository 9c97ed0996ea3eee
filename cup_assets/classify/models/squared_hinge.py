"""Support vector machines with squared hinge loss, one class against the rest, from a Gram matrix.

Belongs here: the solver. Does not belong here: the kernel that the Gram matrix is of (`linear`,
`kernel`) and the grid (`svm`).

The loss is quadratic as long as the same samples violate the margin, so that Newton's method
solves a linear system of those samples at a step and ends, after a few steps, at the very minimum
(Keerthi and DeCoste 2005; in terms of the Gram matrix, Chapelle 2007). With fewer samples than
probes the Gram matrix is all that a step needs, and every class and penalty shares it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cup_assets.classify.data import Floats, Ints

_STEPS = 200


def squared_hinge(
    gram: Floats, codes: Ints, n_classes: int, penalties: Sequence[float], weights: Floats
) -> list[tuple[Floats, Floats]]:
    """Minimise (|w|^2 + b^2) / 2 + C sum of weight x max(0, 1 - y (x w + b))^2 for each class.

    As in liblinear, the intercept is penalised as a coefficient of a constant column of ones.

    Parameters
    ----------
    gram : float64[n, n]
        Inner products of the rows.
    codes, weights : int64[n], float64[n]
        Class and weight of each row.
    penalties
        Values of C, rising: each fit starts from the one before.

    Returns
    -------
    For each penalty the coefficients of the rows float64[n, k], of which x w is the sum of
    coefficient x inner product, and the intercept float64[k]: minus infinity for a class without
    rows. Of two classes one is minus the other.
    """
    present = np.unique(codes)
    products = gram + 1.0  # the constant column
    fits = [(np.zeros((len(codes), n_classes)), np.full(n_classes, -np.inf)) for _ in penalties]
    for code in present[1:] if len(present) == 2 else present:
        signs = np.where(codes == code, 1.0, -1.0)
        start = np.zeros(len(codes))
        for penalty, (coefficients, intercept) in zip(penalties, fits, strict=True):
            start = _minimise(products, signs, penalty * weights, start)
            coefficients[:, code], intercept[code] = start, start.sum()
            if len(present) == 2:
                other = present[0]
                coefficients[:, other], intercept[other] = -start, -start.sum()
    return fits


def _minimise(products: Floats, signs: Floats, costs: Floats, start: Floats) -> Floats:
    """Return the coefficients float64[n] of one class against the rest."""
    from scipy.linalg import solve

    def loss(values: Floats, margins: Floats) -> float:
        slack = np.maximum(1 - signs * margins, 0.0)
        return float(values @ margins / 2 + costs @ slack**2)

    values, margins = start, products @ start
    least = loss(values, margins)
    for _ in range(_STEPS):
        violating = np.flatnonzero(signs * margins < 1)
        system = products[np.ix_(violating, violating)]
        system[np.diag_indices(len(violating))] += 0.5 / costs[violating]
        target = np.zeros_like(start)
        target[violating] = solve(
            system, signs[violating], assume_a="pos", overwrite_a=True, check_finite=False
        )
        reached = products @ target
        share, found = 1.0, loss(target, reached)
        # Where other samples come to violate the margin, the whole step may be too long.
        while found > least and share > 1e-6:
            share /= 2
            found = loss(values + share * (target - values), margins + share * (reached - margins))
        if found >= least - 1e-14 * least:
            break
        values, margins = values + share * (target - values), margins + share * (reached - margins)
        least = found
    return values
