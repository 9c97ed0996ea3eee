"""Multinomial logistic regression with an L2 penalty.

Belongs here: its grid and its fit. Does not belong here: the row space that all linear models use.
"""

from __future__ import annotations

from collections.abc import Sequence

from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.linear import LinearModel, multinomial_ridge, row_space
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    training, weights = balanced(training, parameters.strategy, seed)
    space = row_space(training.features)
    penalties = tuple(candidate["C"] for candidate in candidates)
    fits = multinomial_ridge(space.rotated, training.codes, training.n_classes, penalties, weights)
    return [space.model(coefficients, intercept) for coefficients, intercept in fits]


LOGISTIC_REGRESSION = ModelSpec(
    name="logistic_regression",
    candidates=lambda parameters: tuple({"C": c} for c in sorted(parameters.logistic_c)),
    fit=_fit,
    load=LinearModel.load,
    floor=lambda _: 1e-9,
)
