"""Contributions of features to models that are smooth, or piecewise linear, in them.

Belongs here: integrated gradients of the Gaussian kernel and of the network, averaged over a
background. Does not belong here: trees, linear models.

Integrated gradients (Sundararajan et al. 2017) follow the straight line from a background sample b
to the sample x and share f(x) - f(b) among the features by (x - b) times the mean gradient on the
way. Along a line, a unit of the network is linear in its input, so that the mean of its slope is
known exactly; the kernel is a Gaussian in the place on the line, which few nodes of Gauss and
Legendre integrate to rounding. So nothing is sampled but the background, and contributions add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cup_assets.classify.calibrate import Calibrator
from cup_assets.classify.data import Features, Floats
from cup_assets.classify.explain_linear import CalibratedLogits, check_present
from cup_assets.classify.models.kernel import KernelModel
from cup_assets.classify.models.neural_network import Network

_NODES = 16


@dataclass(frozen=True, eq=False)
class NetworkExplainer:
    """Integrated gradients of a network with one layer of rectified units.

    Attributes
    ----------
    first : float64[p, h]
    first_bias : float64[h]
    second : float64[h, k]
        From the hidden units to the calibrated logits.
    rows : float64[b, p]
        Background.
    hidden : float64[b, h]
        Inputs of its hidden units.
    base : float64[k]
    """

    first: Floats
    first_bias: Floats
    second: Floats
    rows: Floats
    hidden: Floats
    base: Floats
    decision: CalibratedLogits
    method: str = "integrated_gradients"
    quantity: str = "calibrated_logit"

    def contributions(self, row: Features) -> Floats:
        """Return what each feature adds for each class, float64[p, k]."""
        values = row.astype(np.float64)
        own = values @ self.first + self.first_bias
        way = own - self.hidden
        gained = np.maximum(own, 0.0) - np.maximum(self.hidden, 0.0)
        # A unit that does not change has the slope that it has everywhere on the line.
        still = np.abs(way) < 1e-12
        slope = np.where(still, own > 0, gained / np.where(still, 1.0, way))
        # The mean over the background of (x - b) * slope, for each feature and unit.
        mean = values[:, None] * slope.mean(axis=0) - self.rows.T @ slope / len(self.rows)
        return np.asarray((self.first * mean) @ self.second, dtype=np.float64)

    def output(self, row: Features) -> Floats:
        """Return the calibrated logits float64[k] by way of the model's own scores."""
        return self.decision.output(row)


def explain_network(model: Network, calibrator: Calibrator, rows: Features) -> NetworkExplainer:
    """Explain a network against background samples float32[b, p]."""
    check_present(model.second_bias)
    decision = CalibratedLogits.of(model, calibrator)
    first, second = model.first.astype(np.float64), model.second.astype(np.float64)
    background = rows.astype(np.float64)
    hidden = background @ first + model.first_bias
    margins = np.maximum(hidden, 0.0) @ second + model.second_bias
    return NetworkExplainer(
        first, model.first_bias, second @ decision.matrix, background, hidden,
        decision.logits(margins).mean(axis=0), decision,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class KernelExplainer:
    """Integrated gradients of a model that is linear in a Gaussian kernel.

    Attributes
    ----------
    model
    weights : float64[m, k]
        From the kernel with each anchor to the calibrated logits.
    anchors : float64[m, p]
    rows : float64[b, p]
        Background.
    away : float64[b, m]
        Its squared distances from the anchors.
    base : float64[k]
    """

    model: KernelModel
    weights: Floats
    anchors: Floats
    rows: Floats
    away: Floats
    base: Floats
    decision: CalibratedLogits
    method: str = "integrated_gradients"
    quantity: str = "calibrated_logit"

    def contributions(self, row: Features) -> Floats:
        """Return what each feature adds for each class, float64[p, k]."""
        values = row.astype(np.float64)
        way = values - self.rows
        constant, linear = self._integrals(self.model.anchors.squares(row), (way**2).sum(axis=1))
        # The gradient at b + t (x - b) is -2 rate times the kernel times the way from the anchor.
        from_anchors = (
            (way * self.rows).T @ (constant @ self.weights)
            + (way**2).T @ (linear @ self.weights)
            - ((way.T @ constant) * self.anchors.T) @ self.weights
        )
        return np.asarray(-2 * self.model.rate / len(self.rows) * from_anchors)

    def _integrals(self, squares: Floats, lengths: Floats) -> tuple[Floats, Floats]:
        """Integrate the kernel, and t times the kernel, along each line: float64[b, m] each."""
        nodes, shares = np.polynomial.legendre.leggauss(_NODES)
        constant, linear = np.zeros_like(self.away), np.zeros_like(self.away)
        for node, share in zip((nodes + 1) / 2, shares / 2, strict=True):
            # Distances from a point on a line follow from those of its ends (Stewart's theorem).
            from_line = (1 - node) * self.away + node * squares
            from_line -= (node * (1 - node) * lengths)[:, None]
            kernel = share * np.exp(-self.model.rate * np.maximum(from_line, 0.0))
            constant += kernel
            linear += node * kernel
        return constant, linear

    def output(self, row: Features) -> Floats:
        """Return the calibrated logits float64[k] by way of the model's own scores."""
        return self.decision.output(row)


def explain_kernel(model: KernelModel, calibrator: Calibrator, rows: Features) -> KernelExplainer:
    """Explain a model of a Gaussian kernel against background samples float32[b, p]."""
    check_present(model.intercept)
    decision = CalibratedLogits.of(model, calibrator)
    away = np.array([model.anchors.squares(row) for row in rows])
    margins = np.exp(-model.rate * away) @ model.coefficients + model.intercept
    return KernelExplainer(
        model, model.coefficients @ decision.matrix, model.anchors.rows.astype(np.float64),
        rows.astype(np.float64), away, decision.logits(margins).mean(axis=0), decision,
    )  # fmt: skip
