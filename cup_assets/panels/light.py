"""The light classifier of a small panel, where fitting the leaderboard's models would be too much.

Belongs here: its fit. Does not belong here: which CpGs it is given, and judging it.
"""

from __future__ import annotations

import numpy as np

from cup_assets.classify.data import Features, Ints
from cup_assets.classify.models.linear import LinearModel, multinomial_ridge


def panel_classifier(train: Features, codes: Ints, n_classes: int, c: float) -> LinearModel:
    """Fit multinomial logistic regression on standardised CpGs, as a model of plain betas.

    Parameters
    ----------
    train : float32[n, q]
        Betas without missing values.
    codes : int64[n]
        Classes, from 0.
    n_classes
        Columns of the scores.
    c
        Inverse L2 penalty.
    """
    centre = train.mean(axis=0, dtype=np.float64)
    spread = np.maximum(train.std(axis=0, dtype=np.float64), 1e-6)
    standard = (train - centre) / spread
    ((coefficients, intercept),) = multinomial_ridge(standard, codes, n_classes, (c,), None)
    plain = coefficients / spread[:, None]
    return LinearModel(plain, intercept - centre @ plain)
