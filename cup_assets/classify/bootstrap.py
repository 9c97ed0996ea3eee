"""Intervals over patients.

Belongs here: drawing patients, and the 95 % interval of what is computed from the draws. Does not
belong here: what is computed (`measures`, `comparison`, `learning_curve`, `novelty`).

Samples of one patient are not independent, so that patients are drawn, never samples. The intervals
tell how the figures would vary with other patients of the same kind; the classifiers that scored
them are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Floats

LEVEL = 0.95
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
# An interval from fewer of the draws would describe another quantity: that of lucky draws.
_LEAST_DEFINED = 0.8

Interval = tuple[float | None, float | None]


def patient_weights(
    patients: Sequence[Sequence[str]], bootstraps: int, seed: int
) -> list[NDArray[np.float64]]:
    """Draw patients with replacement, the same ones for all tables.

    Parameters
    ----------
    patients
        The patient of each row, for one or more tables (repeats of a cross-validation).

    Returns
    -------
    list of float64[1 + bootstraps, n]
        How often each row counts. The first draw is the data itself, so that an estimate and its
        bootstrap come from the same code.
    """
    names = sorted({name for table in patients for name in table})
    generator = np.random.default_rng(seed)
    chances = np.full(len(names), 1 / len(names))
    drawn = generator.multinomial(len(names), chances, size=bootstraps)
    counts = np.vstack([np.ones(len(names)), drawn])
    position = {name: index for index, name in enumerate(names)}
    return [counts[:, [position[name] for name in table]] for table in patients]


def percentile_interval(draws: Floats) -> Interval:
    """Return the central 95 % of bootstrap values float64[draws]; NaN is an undefined draw.

    Nulls where more than a fifth of the draws are undefined.
    """
    defined = draws[~np.isnan(draws)]
    if len(defined) == 0 or len(defined) < _LEAST_DEFINED * len(draws):
        return None, None
    low, high = np.quantile(defined, _TAILS)
    return float(low), float(high)


def share_interval(value: float, draws: Floats, n_patients: int) -> Interval:
    """Return the interval of a share: percentile, or exact where the bootstrap is blind.

    Where all patients agree (a share of 0 or 1), every draw gives the same value; the interval is
    then that of Clopper and Pearson (1934) for ``n_patients`` independent patients, also where most
    draws miss the few patients there are.
    """
    if 0 < value < 1:
        return percentile_interval(draws)
    least = ((1 - LEVEL) / 2) ** (1 / max(n_patients, 1))
    return (0.0, 1 - least) if value <= 0 else (least, 1.0)
