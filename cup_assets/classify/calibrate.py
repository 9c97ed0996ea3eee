"""From a model's raw scores to probabilities.

Belongs here: the calibrator and its fit. Does not belong here: how the raw scores were made; they
must come from samples that the model was not fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Floats, Ints, Strings
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models.base import Arrays
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.parameters import EvaluationParameters

LOG_LOSS_CLIP = 1e-15


@dataclass(frozen=True, eq=False)
class Calibrator:
    """Multinomial ridge logistic regression on centred log scores.

    The family of calibrators that Maros et al. (2020) found best for every model. Its input z is
    the logarithm of the raw scores less its mean over classes, which undoes a softmax of margins.
    Its output is the softmax of t z + R z + b with t >= 0 free and a ridge penalty on R and b:
    with little evidence it shrinks to a mere change of confidence (temperature scaling), which
    keeps the model's ranking of the classes, and not to the class frequencies.

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
        return self.model.scores(centred_log(raw, self.floor) / self.scale)

    def arrays(self) -> Arrays:
        """Return all that the calibrator is, for storage without pickle."""
        numbers = np.array([self.floor, self.scale, self.penalty, self.log_loss])
        return {**self.model.arrays(), "numbers": numbers}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Calibrator:
        """Rebuild from `arrays`."""
        return cls(LinearModel.load(arrays), *map(float, arrays["numbers"]))

    def to_json(self, classes: Strings) -> str:
        """Write the calibrator and the classes str[k] of its columns, to the last bit."""
        arrays = {name: values.tolist() for name, values in sorted(self.arrays().items())}
        return json.dumps({"classes": classes.tolist(), **arrays}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> tuple[Strings, Calibrator]:
        """Read the classes and the calibrator from what `to_json` wrote."""
        content = json.loads(text)
        classes = np.array(content.pop("classes"), dtype=np.str_)
        return classes, cls.load({name: np.array(values) for name, values in content.items()})


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
    inputs = centred_log(raw, floor)
    scale = float(inputs.std()) or 1.0
    inputs = inputs / scale
    losses = np.zeros(len(penalties))
    for name in names:
        held = groups == name
        if len(np.unique(codes[~held])) < 2:
            raise ClassifyError(
                f"without fold {name} fewer than two classes are left to calibrate on"
            )
        for index, model in enumerate(_ridge_path(inputs[~held], codes[~held], penalties)):
            losses[index] += log_losses(model.scores(inputs[held]), codes[held]).sum() / len(codes)
    best = int(losses.argmin())
    model = _ridge_path(inputs, codes, penalties[: best + 1])[-1]
    return Calibrator(model, floor, scale, penalties[best], float(losses[best]))


def _ridge_path(inputs: Floats, codes: Ints, penalties: tuple[float, ...]) -> list[LinearModel]:
    """Fit t, R and b for each inverse penalty, each fit starting from the previous one."""
    from scipy.optimize import minimize

    n, k = inputs.shape
    # One sample's worth of doubt, spread over all: else separable scores ask for infinite t.
    doubt = 1 / (n + 2)
    target = np.full((n, k), doubt / k)
    target[np.arange(n), codes] += 1 - doubt

    def loss(values: Floats, penalty: float) -> tuple[float, Floats]:
        t, R, b = values[0], values[1 : 1 + k * k].reshape(k, k), values[1 + k * k :]
        logits = t * inputs + inputs @ R + b
        logits -= logits.max(axis=1, keepdims=True)
        log_scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = (np.exp(log_scores) - target) / n
        ridge = 1.0 / (penalty * n)
        gradient = np.concatenate(
            [
                [(error * inputs).sum()],
                (inputs.T @ error + ridge * R).ravel(),
                error.sum(axis=0) + ridge * b,
            ]
        )
        size = (values[1:] ** 2).sum()
        return float(-(log_scores * target).sum() / n + ridge * size / 2), gradient

    values = np.zeros(1 + k * k + k)
    values[0] = 1.0
    # A negative t would turn a model upside down, which no held-out score can justify.
    bounds = [(0.0, None)] + [(None, None)] * (k * k + k)
    models = []
    for penalty in penalties:
        options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-12, "gtol": 1e-7}
        fit = minimize(
            loss,
            values,
            args=(penalty,),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
        values = fit.x
        R, b = values[1 : 1 + k * k].reshape(k, k), values[1 + k * k :]
        models.append(LinearModel(values[0] * np.eye(k) + R, b.copy()))
    return models


def log_losses(scores: Floats, codes: Ints) -> Floats:
    """Return -log of each sample's score of its true class, clipped at 1e-15, float64[n]."""
    own = scores[np.arange(len(codes)), codes]
    return np.asarray(-np.log(np.clip(own, LOG_LOSS_CLIP, 1.0)), dtype=np.float64)


def centred_log(raw: Floats, floor: float) -> Floats:
    """Return the log of the scores less its mean over classes, float64[n, k].

    It undoes a softmax of margins, but for what they share.
    """
    # Row by row: vector kernels must see the same shape whatever the batch.
    logs = [np.log(np.maximum(row, floor)) for row in raw]
    return np.array([row - row.mean() for row in logs]).reshape(raw.shape)
