"""From a model's raw scores to probabilities.

Belongs here: the calibrator and its fit. Does not belong here: how the raw scores were made; they
must come from samples that the model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models.base import Arrays
from cup_assets.classify.models.linear import LinearModel, multinomial_ridge
from cup_assets.classify.parameters import EvaluationParameters

LOG_LOSS_CLIP = 1e-15


@dataclass(frozen=True, eq=False)
class Calibrator:
    """Multinomial ridge logistic regression on centred log scores.

    The calibrator that Maros et al. (2020) found best for every model. Its input is the logarithm
    of the raw scores less its mean over classes, so that rescaling the confidence of a model
    (temperature) is one of the maps it can learn, and a softmax of margins is undone.

    Attributes
    ----------
    model
        Coefficients float64[k, k] and intercept float64[k].
    floor
        Raw scores below it count as it.
    scale
        What the input is divided by, so that a penalty means the same for every model.
    penalty
        Chosen inverse penalty.
    log_loss
        Log loss of the calibrated scores, each group scored by the fit on the others.
    """

    model: LinearModel
    floor: float
    scale: float
    penalty: float
    log_loss: float

    def scores(self, raw: Floats) -> Floats:
        """Return calibrated scores float64[n, k] for raw ones; rows sum to one."""
        return self.model.scores(_centred_log(raw, self.floor) / self.scale)

    def arrays(self) -> Arrays:
        """Return all that the calibrator is, for storage without pickle."""
        numbers = np.array([self.floor, self.scale, self.penalty, self.log_loss])
        return {**self.model.arrays(), "numbers": numbers}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Calibrator:
        """Rebuild from `arrays`."""
        return cls(LinearModel.load(arrays), *map(float, arrays["numbers"]))


def fit_calibrator(
    raw: Floats, codes: Ints, groups: Ints, parameters: EvaluationParameters, floor: float
) -> Calibrator:
    """Fit on held-out raw scores, the penalty chosen by leaving each group out in turn.

    Parameters
    ----------
    raw : float64[n, k]
        Scores of samples by models fitted without them.
    codes : int64[n]
        True class of each.
    groups : int64[n]
        Fold in which each was held out, so that a patient lies in one group.
    parameters
        Gives the candidates of the penalty.
    floor
        Least raw score told from zero.

    Raises
    ------
    ClassifyError
        Where there are fewer than two groups, or leaving one out leaves fewer than two classes.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise ClassifyError("calibration needs held-out scores from at least two folds")
    penalties = tuple(sorted(parameters.calibration_c))
    inputs = _centred_log(raw, floor)
    scale = float(inputs.std()) or 1.0
    inputs = inputs / scale
    n_classes = raw.shape[1]
    losses = np.zeros(len(penalties))
    for name in names:
        held = groups == name
        if len(np.unique(codes[~held])) < 2:
            raise ClassifyError(
                f"without fold {name} fewer than two classes are left to calibrate on"
            )
        fits = multinomial_ridge(inputs[~held], codes[~held], n_classes, penalties, None)
        for index, fit in enumerate(fits):
            scores = LinearModel(*fit).scores(inputs[held])
            losses[index] += log_losses(scores, codes[held]).sum() / len(codes)
    best = int(losses.argmin())
    fit = multinomial_ridge(inputs, codes, n_classes, penalties[best : best + 1], None)[0]
    return Calibrator(LinearModel(*fit), floor, scale, penalties[best], float(losses[best]))


def log_losses(scores: Floats, codes: Ints) -> Floats:
    """Return -log of each sample's score of its true class, clipped at 1e-15, float64[n]."""
    own = scores[np.arange(len(codes)), codes]
    return np.asarray(-np.log(np.clip(own, LOG_LOSS_CLIP, 1.0)), dtype=np.float64)


def _centred_log(raw: Floats, floor: float) -> Floats:
    # Row by row: vector kernels must see the same shape whatever the batch.
    logs = [np.log(np.maximum(row, floor)) for row in raw]
    return np.array([row - row.mean() for row in logs]).reshape(raw.shape)
