"""Which copy-number state a measured level means, at a sample's purity.

Belongs here: the distribution of true levels in each state, and a state's probability. Does not
belong here: which regions are called (`calls`), the purity itself (`purity`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.purity import BASELINES, PURITIES, expected_level

Floats = NDArray[np.float64]

STATES = ("deletion", "loss", "neutral", "gain", "amplification")
NO_CALL = "no_call"

_LOWEST, _STEP, _N = -6.0, 0.01, 1001
_LEVELS = _LOWEST + _STEP * np.arange(_N)
# An event in a part of the tumour cells shows a lower level, whatever the purity.
_PARTS = np.linspace(0.2, 0.95, 16)


@dataclass(frozen=True, eq=False)
class StateModel:
    """Distributions of the true log2 level in each state, for one sample.

    Attributes
    ----------
    density : dict of int to float64[5, 1001]
        By the number of normal copies: weights over the levels, one row a state; each row sums to
        1, or to 0 for a state that does not exist.
    parameters : CnvParameters
    """

    density: dict[int, Floats]
    parameters: CnvParameters

    def probabilities(
        self, level: float, sd: float, *, high_level: float, normal_copies: int = 2
    ) -> dict[str, float]:
        """Return the probability of each state, given a measured level and its error.

        Bayes' rule: a state's prior times the likelihood of the level over all true levels that
        the state may have at the sample's purity, which is known as well as its weights say.

        Parameters
        ----------
        level, sd : float
            Measured level and its standard error, everything included (log2 units).
        high_level : float
            How plausible deletion and amplification are, 1 where they may be expected; at 0 they
            are no states of their own and count as loss and gain.
        normal_copies : int
            2, or 1 for X and Y in men.

        Returns
        -------
        dict of str to float
            Keys of `STATES`; the values sum to 1.
        """
        level = min(max(level, _LOWEST), -_LOWEST)
        z = (level - _LEVELS) / max(sd, 2 * _STEP)
        density = self.density[normal_copies]
        # Relative to the nearest level that any state has, so that a distant one does not
        # underflow to nothing; levels that no state has do not count.
        nearest = float(np.min((z * z)[density.any(axis=0)]))
        likelihood = density @ np.exp(np.minimum(0.5 * (nearest - z * z), 0.0))
        joint = likelihood * self._prior(high_level or 1.0)
        joint = joint / joint.sum()
        if high_level == 0:
            joint[1], joint[3] = joint[0] + joint[1], joint[3] + joint[4]
            joint[0] = joint[4] = 0.0
        return {state: float(value) for state, value in zip(STATES, joint, strict=True)}

    def _prior(self, high_level: float) -> Floats:
        altered = (1 - self.parameters.neutral_prior) / 2
        high = altered * self.parameters.high_level_share * high_level
        neutral = self.parameters.neutral_prior
        return np.array([high, altered - high, neutral, altered - high, high])


def state_model(weights: Floats, parameters: CnvParameters, response: float = 1.0) -> StateModel:
    """Return the model of a sample whose purities have these weights.

    Parameters
    ----------
    weights : float64[3, 91]
        Probability of each of `BASELINES` with each of `PURITIES`. With broad ones a level lies
        less clearly in one state, and the calls are less sure.
    parameters : CnvParameters
    response : float
        Part of the DNA's log2 ratio that the array shows.
    """
    return StateModel(
        {normal: _densities(weights, normal, parameters, response) for normal in (2, 1)},
        parameters,
    )


def _densities(weights: Floats, normal: int, parameters: CnvParameters, response: float) -> Floats:
    if normal == 1:
        # Which baseline X and Y of a man have does not follow from that of the others.
        return _of_baseline(weights.sum(axis=0), 1, 1, parameters, response)
    rows = (
        _of_baseline(of_baseline, baseline, 2, parameters, response)
        for of_baseline, baseline in zip(weights, BASELINES, strict=True)
    )
    return np.asarray(sum(rows), np.float64)


def _of_baseline(
    weights: Floats, baseline: int, normal: int, parameters: CnvParameters, response: float
) -> Floats:
    clonal = 1 - parameters.subclonal_fraction
    parts = np.concatenate([[1.0], _PARTS])
    of_part = np.concatenate([[clonal], np.full(_PARTS.size, (1 - clonal) / _PARTS.size)])
    rows = np.zeros((len(STATES), _N))
    for state, row, of_state in zip(STATES, rows, _copies(baseline), strict=True):
        # A high level in a subclone is a low level of the sample, and is called as that.
        split = state in ("loss", "gain")
        for copies, frequency in of_state:
            effective = baseline + (copies - baseline) * parts if split else np.array([copies])
            share = np.outer(weights, of_part if split else [1.0]) * frequency
            level = expected_level(
                PURITIES[:, None], effective[None].astype(np.float64), normal, response, baseline
            )
            at = np.clip(np.rint((level - _LOWEST) / _STEP), 0, _N - 1).astype(np.int64)
            row += np.bincount(at.ravel(), share.ravel(), _N)
    return rows


def _copies(baseline: int) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Return the copies in each state, with how often they occur within it."""
    # Where one copy is all that there is, its loss is no high-level event.
    deletion: tuple[tuple[int, float], ...] = ((0, 1.0),) if baseline > 1 else ()
    loss = {1: ((0, 1.0),), 2: ((1, 1.0),), 3: ((2, 0.8), (1, 0.2)), 4: ((3, 0.7), (2, 0.3))}
    gain = ((baseline + 1, 0.8), (baseline + 2, 0.2))
    high = tuple(baseline + more for more in (3, 4, 5, 6, 8, 10, 14, 22, 30))
    total = sum(1 / copies for copies in high)
    amplification = tuple((copies, 1 / copies / total) for copies in high)
    return deletion, loss[baseline], ((baseline, 1.0),), gain, amplification
