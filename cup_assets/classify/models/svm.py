"""Linear support vector machine, one class against the rest, squared hinge loss.

Belongs here: its grid and its fit. Does not belong here: the row space that all linear models use.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.linear import LinearModel, row_space
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
    return [
        space.model(
            *_margins(space.rotated, training.codes, training.n_classes, candidate["C"], weights)
        )
        for candidate in candidates
    ]


def _margins(
    rows: Floats, codes: Ints, n_classes: int, penalty: float, weights: Floats
) -> tuple[Floats, Floats]:
    """Return the margins' coefficients float64[r, k] and intercept float64[k].

    A margin is no probability; the raw score is the softmax of the margins, which keeps their
    order and which calibration undoes by its logarithm.
    """
    from sklearn.svm import LinearSVC

    # The primal solver is deterministic; the dual one visits samples in random order.
    solver = LinearSVC(C=penalty, dual=False, tol=1e-6, max_iter=10_000)
    solver.fit(rows, codes, sample_weight=weights)
    present, coef, bias = solver.classes_, solver.coef_, solver.intercept_
    if len(present) == 2:
        coef, bias = np.vstack([-coef, coef]), np.concatenate([-bias, bias])
    coefficients = np.zeros((rows.shape[1], n_classes))
    intercept = np.full(n_classes, -np.inf)
    coefficients[:, present], intercept[present] = coef.T, bias
    return coefficients, intercept


SVM = ModelSpec(
    name="svm",
    candidates=lambda parameters: tuple({"C": c} for c in sorted(parameters.svm_c)),
    fit=_fit,
    load=LinearModel.load,
    floor=lambda _: 1e-9,
)
