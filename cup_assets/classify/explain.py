"""What a score is made of: the contribution of each feature, by the explainer that fits the model.

Belongs here: what every explainer offers, the background that contributions are relative to, and
the choice of the explainer. Does not belong here: how any of them works (``explain_linear``,
``explain_gradients``, ``explain_trees``), tables over samples (``explain_summary``).

All contributions are Shapley values or, for kernel and network, integrated gradients (Sundararajan
et al. 2017) averaged over a background, as SHAP's expected gradients are, but with the integral
solved rather than sampled. Those of one sample add up to its score less the base. What is explained
are the calibrated logits, of which the margins of a model are a linear part; but for the forest,
whose calibration takes the logarithm of its votes: there it is the share of votes, the raw score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cup_assets.classify.calibrate import Calibrator
from cup_assets.classify.data import Features, Floats
from cup_assets.classify.errors import NoExplainerError
from cup_assets.classify.explain_gradients import explain_kernel, explain_network
from cup_assets.classify.explain_linear import explain_linear
from cup_assets.classify.explain_trees import explain_boosted_trees, explain_forest
from cup_assets.classify.models import Model
from cup_assets.classify.models.kernel import KernelModel
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.models.neural_network import Network
from cup_assets.classify.models.random_forest import Forest
from cup_assets.classify.models.xgboost import BoostedTrees
from cup_assets.classify.tuned import TunedClassifier

BACKGROUND_ROWS = 50
"""Enough that another draw hardly moves the contributions, few enough to be quick."""


class Explainer(Protocol):
    """Takes the scores of one fitted classifier apart.

    Attributes
    ----------
    method
        ``linear_shap``, ``integrated_gradients`` or ``tree_shap``.
    quantity
        What the contributions add up to: ``calibrated_logit`` or ``raw_score``.
    base : float64[k]
        The quantity where nothing is known of a sample.
    """

    @property
    def method(self) -> str: ...  # noqa: D102

    @property
    def quantity(self) -> str: ...  # noqa: D102

    @property
    def base(self) -> Floats: ...  # noqa: D102

    def contributions(self, row: Features) -> Floats:
        """Return what each feature of a sample float32[p] adds for each class, float64[p, k]."""
        ...

    def output(self, row: Features) -> Floats:
        """Return the quantity float64[k] by way of the model's own scores."""
        ...


@dataclass(frozen=True, eq=False)
class Background:
    """What contributions are relative to: the training part, before any balancing.

    Attributes
    ----------
    mean : float64[p]
        Mean of its features.
    rows : float32[b, p]
        Some of its samples.
    """

    mean: Floats
    rows: Features


def draw_background(features: Features, seed: int, size: int = BACKGROUND_ROWS) -> Background:
    """Take the mean of the features float32[n, p] of a training part, and some of its samples."""
    chosen = np.random.default_rng(seed).choice(len(features), min(size, len(features)), False)
    return Background(features.mean(axis=0, dtype=np.float64), features[np.sort(chosen)])


_Explain = Callable[[Any, Calibrator, Background], Explainer]
EXPLAINERS: dict[type, _Explain] = {
    LinearModel: lambda model, calibrator, background: explain_linear(
        model, calibrator, background.mean
    ),
    KernelModel: lambda model, calibrator, background: explain_kernel(
        model, calibrator, background.rows
    ),
    Network: lambda model, calibrator, background: explain_network(
        model, calibrator, background.rows
    ),
    BoostedTrees: lambda model, calibrator, _: explain_boosted_trees(model, calibrator),
    Forest: lambda model, _, __: explain_forest(model),
}
"""The explainer of each kind of model; a new kind is a line here."""
_NEEDS_ROWS = (KernelModel, Network)


def explainer(classifier: TunedClassifier, background: Background) -> Explainer:
    """Return the explainer of a fitted classifier.

    Raises
    ------
    ClassifyError
        Where there is none for this kind of model.
    """
    kind = type(classifier.model)
    if kind not in EXPLAINERS:
        raise NoExplainerError(f"{kind.__name__} has no explainer: add one to EXPLAINERS")
    return EXPLAINERS[kind](classifier.model, classifier.calibrator, background)


def kept_background(model: Model, background: Background) -> Background:
    """Leave out the samples where the explainer of the model does not look at them.

    A release that is handed on then holds no features of single patients.
    """
    if isinstance(model, _NEEDS_ROWS):
        return background
    return Background(background.mean, background.rows[:0])
