"""Support vector machine, linear or with a Gaussian (RBF) kernel, one class against the rest.

Belongs here: its grid, and how it is fitted and scored. Does not belong here: the solver
(`squared_hinge`) and the spaces of the probes (`linear`) and of the kernel (`kernel`), of which the
solver sees the inner products only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats
from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.kernel import Anchors, KernelModel, kernel_space
from cup_assets.classify.models.linear import LinearModel, gram_space
from cup_assets.classify.models.squared_hinge import squared_hinge
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    """Fit the candidates of each kernel as one path, the strongest penalty first.

    A margin is no probability; the raw score is the softmax of the margins, which keeps their
    order and which calibration undoes by its logarithm.
    """
    training, weights = balanced(training, parameters.strategy, seed)
    space = gram_space(training.features)
    anchors = Anchors(training.features)
    found: dict[tuple[float | None, float], Model] = {}
    for gamma in dict.fromkeys(one.get("gamma") for one in candidates):
        penalties = sorted({one["C"] for one in candidates if one.get("gamma") == gamma})
        # Gamma is in units of the scaled rows, whose mean squared norm is 1.
        own = space if gamma is None else kernel_space(anchors, space, gamma)
        fits = squared_hinge(own.gram, training.codes, training.n_classes, penalties, weights)
        for penalty, fit in zip(penalties, fits, strict=True):
            found[gamma, penalty] = own.model(*fit)
    return [found[one.get("gamma"), one["C"]] for one in candidates]


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
