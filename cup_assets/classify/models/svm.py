"""Support vector machine, linear or with a Gaussian (RBF) kernel, one class against the rest.

Belongs here: its grid and its fit, with squared hinge loss. Does not belong here: the row spaces of
the probes (`linear`) and of the kernel (`kernel`): in either, the fit is that of a linear machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.kernel import Anchors, KernelModel, kernel_space
from cup_assets.classify.models.linear import LinearModel, row_space
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    """Fit every candidate on one rotation of the rows, and one of the kernel for each gamma."""
    training, weights = balanced(training, parameters.strategy, seed)
    space = row_space(training.features)
    anchors = Anchors(training.features)
    gram = space.rotated @ space.rotated.T / space.scale**2
    gammas = {candidate["gamma"] for candidate in candidates if "gamma" in candidate}
    # Gamma is in units of the scaled rows, whose mean squared norm is 1.
    kernels = {gamma: kernel_space(anchors, gram, gamma * space.scale**2) for gamma in gammas}
    models: list[Model] = []
    for candidate in candidates:
        own = kernels[candidate["gamma"]] if "gamma" in candidate else space
        codes, n_classes = training.codes, training.n_classes
        models.append(own.model(*_margins(own.rotated, codes, n_classes, candidate["C"], weights)))
    return models


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


def _scores(models: Sequence[Model], features: Features) -> Floats:
    """Return the scores of all models; kernels of the same rows share the distances to them."""
    kernels = {i: model for i, model in enumerate(models) if isinstance(model, KernelModel)}
    result = [
        np.empty((0, 0)) if i in kernels else m.scores(features) for i, m in enumerate(models)
    ]
    if kernels:
        anchors = next(iter(kernels.values())).anchors
        squares = [anchors.squares(values) for values in features]
        for index, model in kernels.items():
            scores = [model.score(each) for each in squares]
            result[index] = np.array(scores).reshape(-1, len(model.intercept))
    return np.array(result)


def _load(arrays: Mapping[str, NDArray[Any]]) -> Model:
    return KernelModel.load(arrays) if "anchors" in arrays else LinearModel.load(arrays)


def _candidates(parameters: EvaluationParameters) -> tuple[Candidate, ...]:
    penalties, gammas = sorted(parameters.svm_c), sorted(parameters.svm_gamma)
    linear = [{"C": c} for c in penalties]
    return (*linear, *({"C": c, "gamma": gamma} for gamma in gammas for c in penalties))


SVM = ModelSpec(
    name="svm",
    candidates=_candidates,
    fit=_fit,
    load=_load,
    floor=lambda _: 1e-9,
    scores=_scores,
)
