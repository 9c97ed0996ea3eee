"""Multinomial logistic regression with an L2 or an elastic net penalty.

Belongs here: its grid and its fit. Does not belong here: the row space that all linear models use
and the solver of the elastic net.

The L2 penalty is fitted on all columns, by way of the row space. The elastic net knows no such
shortcut: it is fitted on the columns with the largest F statistic in the training part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cup_assets.classify.data import Floats
from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.elastic_net import elastic_net
from cup_assets.classify.models.linear import LinearModel, multinomial_ridge, row_space
from cup_assets.classify.models.screening import largest_f
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    """Fit the candidates of each penalty as one path, the strongest first."""
    training, weights = balanced(training, parameters.strategy, seed)
    penalties = sorted({one["C"] for one in candidates if "C" in one})
    strengths = sorted({one["l1"] for one in candidates if "l1" in one}, reverse=True)
    ridge = dict(zip(penalties, _ridge(training, weights, penalties), strict=True))
    sparse = dict(zip(strengths, _sparse(training, weights, strengths, parameters), strict=True))
    return [ridge[one["C"]] if "C" in one else sparse[one["l1"]] for one in candidates]


def _ridge(training: TrainingSet, weights: Floats, penalties: Sequence[float]) -> list[Model]:
    if not penalties:
        return []
    space = row_space(training.features)
    fits = multinomial_ridge(
        space.rotated, training.codes, training.n_classes, tuple(penalties), weights
    )
    return [space.model(coefficients, intercept) for coefficients, intercept in fits]


def _sparse(
    training: TrainingSet,
    weights: Floats,
    strengths: Sequence[float],
    parameters: EvaluationParameters,
) -> list[Model]:
    if not strengths:
        return []
    columns = largest_f(training.features, training.codes, parameters.logistic_columns)
    rows = training.features[:, columns].astype(np.float64)
    centre = rows.mean(axis=0)
    rows -= centre
    scale = 1 / (float(np.sqrt((rows**2).sum() / len(rows))) or 1.0)
    fits = elastic_net(
        rows * scale,
        training.codes,
        training.n_classes,
        weights,
        strengths,
        parameters.logistic_mix,
    )
    models: list[Model] = []
    for coefficients, intercept in fits:
        full = np.zeros((training.features.shape[1], training.n_classes))
        full[columns] = coefficients * scale
        models.append(LinearModel(full, intercept - centre @ full[columns]))
    return models


def _candidates(parameters: EvaluationParameters) -> tuple[Candidate, ...]:
    ridge = [{"C": c} for c in sorted(parameters.logistic_c)]
    return (*ridge, *({"l1": share} for share in sorted(parameters.logistic_l1, reverse=True)))


LOGISTIC_REGRESSION = ModelSpec(
    name="logistic_regression",
    candidates=_candidates,
    fit=_fit,
    load=LinearModel.load,
    floor=lambda _: 1e-9,
)
