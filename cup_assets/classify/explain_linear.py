"""Contributions to calibrated logits, and those of linear models.

Belongs here: how margins become calibrated logits, and exact Shapley values of linear margins. Does
not belong here: models that are not linear in their features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cup_assets.classify.calibrate import Calibrator, centred_log
from cup_assets.classify.data import Features, Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import Model
from cup_assets.classify.models.linear import LinearModel

_LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class CalibratedLogits:
    """The linear map from a model's margins to calibrated logits.

    A raw score is a softmax of margins, whose logarithm, less its mean over classes, gives the
    margins back, less their mean; the calibrator is linear in that. Only its floor is not: raw
    scores below it count as it. What is explained are the logits without the floor;
    `floor_gap` tells what that leaves out of a sample's score.

    Attributes
    ----------
    model
        Whose raw scores are a softmax of margins.
    calibrator
    matrix : float64[k, k]
        Logits are margins @ matrix + intercept.
    """

    model: Model
    calibrator: Calibrator
    matrix: Floats

    @classmethod
    def of(cls, model: Model, calibrator: Calibrator) -> CalibratedLogits:
        """Join centring, division by the scale and the calibrator's coefficients."""
        coefficients = calibrator.model.coefficients
        centred = coefficients - coefficients.mean(axis=0)
        return cls(model, calibrator, centred / calibrator.scale)

    def logits(self, margins: Floats) -> Floats:
        """Return the calibrated logits float64[..., k] of margins of the same shape."""
        return np.asarray(margins @ self.matrix + self.calibrator.model.intercept)

    def output(self, row: Features, floor: float = _LEAST) -> Floats:
        """Return the calibrated logits float64[k] by way of the model's raw scores."""
        inputs = centred_log(self.model.scores(row[None]), floor)[0] / self.calibrator.scale
        own = self.calibrator.model
        return np.asarray(inputs @ own.coefficients + own.intercept, dtype=np.float64)

    def floor_gap(self, row: Features) -> float:
        """Return the largest difference that the floor makes to a logit of a sample."""
        gap = self.output(row, self.calibrator.floor) - self.output(row)
        return float(np.abs(gap - gap.mean()).max())


def check_present(intercept: Floats) -> None:
    """Refuse a model fitted without a class: margins of minus infinity cannot be taken apart."""
    if not np.isfinite(intercept).all():
        raise ClassifyError("a class without samples in training cannot be explained")


@dataclass(frozen=True, eq=False)
class LinearExplainer:
    """(x - mean) * weights: with linear logits, the Shapley values of independent features.

    Attributes
    ----------
    weights : float64[p, k]
        Of the calibrated logits.
    mean : float64[p]
    base : float64[k]
    """

    weights: Floats
    mean: Floats
    base: Floats
    decision: CalibratedLogits
    method: str = "linear_shap"
    quantity: str = "calibrated_logit"

    def contributions(self, row: Features) -> Floats:
        """Return what each feature adds for each class, float64[p, k]."""
        return np.asarray((row.astype(np.float64) - self.mean)[:, None] * self.weights)

    def output(self, row: Features) -> Floats:
        """Return the calibrated logits float64[k] by way of the model's own scores."""
        return self.decision.output(row)


def explain_linear(model: LinearModel, calibrator: Calibrator, mean: Floats) -> LinearExplainer:
    """Explain a linear model against the mean float64[p] of its training part."""
    check_present(model.intercept)
    decision = CalibratedLogits.of(model, calibrator)
    base = decision.logits(mean @ model.coefficients + model.intercept)
    return LinearExplainer(model.coefficients @ decision.matrix, mean, base, decision)
