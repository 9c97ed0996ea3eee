"""Which copy-number state a measured level means, at a sample's purity.

Belongs here: the distribution of true levels in each state, and a state's probability. Does not
belong here: which regions are called (`calls`), the purity itself (`purity`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.purity import PURITIES, expected_level

Floats = NDArray[np.float64]

STATES = ("deletion", "loss", "neutral", "gain", "amplification")
NO_CALL = "no_call"

# Copies in each state, for loci of two normal copies and of one (X and Y in men), with how often
# they occur within the state. One normal copy has no state between itself and none at all.
_COPIES: dict[int, dict[str, tuple[tuple[int, float], ...]]] = {
    2: {
        "deletion": ((0, 1.0),),
        "loss": ((1, 1.0),),
        "neutral": ((2, 1.0),),
        "gain": ((3, 0.8), (4, 0.2)),
        "amplification": tuple((c, 1 / c) for c in (5, 6, 7, 8, 10, 12, 16, 24, 32)),
    },
    1: {
        "deletion": (),
        "loss": ((0, 1.0),),
        "neutral": ((1, 1.0),),
        "gain": ((2, 0.8), (3, 0.2)),
        "amplification": tuple((c, 1 / c) for c in (4, 5, 6, 8, 12, 16)),
    },
}
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
    weights : float64[91]
        Probability of each of `PURITIES`: a sharp one where the purity is known, a broad one
        where it is not. With a broad one a level lies less clearly in one state, and the calls
        are less sure.
    parameters : CnvParameters
    response : float
        Part of the DNA's log2 ratio that the array shows.
    """
    return StateModel(
        {normal: _densities(weights, normal, parameters, response) for normal in _COPIES},
        parameters,
    )


def _densities(weights: Floats, normal: int, parameters: CnvParameters, response: float) -> Floats:
    clonal = 1 - parameters.subclonal_fraction
    parts = np.concatenate([[1.0], _PARTS])
    of_part = np.concatenate([[clonal], np.full(_PARTS.size, (1 - clonal) / _PARTS.size)])
    rows = np.zeros((len(STATES), _N))
    for row, state in zip(rows, STATES, strict=True):
        # A high level in a subclone is a low level of the sample, and is called as that.
        split = state in ("loss", "gain")
        share = (weights[:, None] * of_part).ravel() if split else weights
        cells = (PURITIES[:, None] * parts).ravel() if split else PURITIES
        total = sum(frequency for _, frequency in _COPIES[normal][state])
        for copies, frequency in _COPIES[normal][state]:
            level = expected_level(cells, np.array(float(copies)), normal, response)
            at = np.clip(np.rint((level - _LOWEST) / _STEP), 0, _N - 1).astype(np.int64)
            row += np.bincount(at, share * (frequency / total), _N)
    return rows
