"""What happens to betas before a model sees them, learnt from one training part only.

Belongs here: filling missing values, the FFPE/frozen adjustment, the choice of the most variable
probes. Does not belong here: models, and any look at a sample that is to be predicted.

Each step works probe by probe, so that a fit walks over blocks of columns in bounded memory, and
applying a fit to a sample depends on nothing but that sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import EvaluationParameters

# Columns at a time: few enough that hundreds of samples, in double precision, stay in the cache.
_BLOCK = 1024
# M-values are unbounded at 0 and 1, where a beta carries no more information than its noise.
_BETA_MARGIN = 1e-3


@dataclass(frozen=True, eq=False)
class Pipeline:
    """The steps as learnt from a training part.

    Attributes
    ----------
    columns : int64[q]
        Positions of the kept probes in the matrix that it was fitted on.
    probe_ids : str[q]
        Their names.
    fill : float64[q]
        Mean beta in the training part, in place of a missing value: for a linear model no
        evidence for any class.
    materials : str[m]
        Materials with a shift; empty where the training part has fewer than two.
    shift : float64[m, q]
        What a material adds to the M-value, relative to the mean of the materials.
    """

    columns: Ints
    probe_ids: Strings
    fill: Floats
    materials: Strings
    shift: Floats

    def features(self, betas: Features, material: Strings) -> Features:
        """Turn betas of the kept probes, float32[n, q], into features float32[n, q].

        A sample is computed by itself, so that its bits do not depend on its company. A material
        that the training part did not hold is not adjusted: `adjusts` tells.
        """
        result = np.empty(betas.shape, dtype=np.float32)
        for row, beta, name in zip(result, betas, material, strict=True):
            filled = np.where(np.isnan(beta), self.fill, beta)
            level = np.flatnonzero(self.materials == name)
            row[:] = _beta(_m_value(filled) - self.shift[level[0]]) if level.size else filled
        return result

    def adjusts(self, material: str) -> bool:
        """Tell whether samples of this material are brought to the common level."""
        return bool((self.materials == material).any())


def fit_pipeline(data: TrainingData, rows: Ints, parameters: EvaluationParameters) -> Pipeline:
    """Learn the steps from the rows of a training part; no other row of ``data`` is read.

    The material shift follows limma's removeBatchEffect with a design: a linear model of the
    M-value with a term for each class and one for each material, of which only the material part
    is taken away. A material that occurs in one class only, and all of it, cannot be told from
    the class and is therefore left alone, so that no class signal is removed.

    Raises
    ------
    ClassifyError
        Where no probe is measured and varies in the training part.
    """
    p = data.X.shape[1]
    materials, level, solver = _material_solver(data, rows, parameters.material_ridge)
    fill, variance = np.zeros(p), np.full(p, -1.0)
    shift = np.zeros((len(materials), p))
    for start in range(0, p, _BLOCK):
        block = slice(start, min(start + _BLOCK, p))
        betas = data.X[rows, block].astype(np.float64)
        missing = np.isnan(betas)
        measured = len(rows) - missing.sum(axis=0)
        betas[missing] = 0.0
        fill[block] = betas.sum(axis=0) / np.maximum(measured, 1)
        betas = np.where(missing, fill[block], betas)
        if len(materials):
            m_values = _m_value(betas)
            shift[:, block] = solver @ m_values
            adjusted = _beta(m_values - shift[level, block])
            betas = np.where(level[:, None] >= 0, adjusted, betas)
        usable = measured >= (1 - parameters.probe_max_missing) * len(rows)
        variance[block] = np.where(usable, betas.var(axis=0), -1.0)
    columns = _most_variable(variance, parameters.n_probes)
    return Pipeline(
        columns, data.probe_ids[columns], fill[columns], materials, shift[:, columns].copy()
    )


def _most_variable(variance: Floats, n_probes: int) -> Ints:
    order = np.argsort(-variance, kind="stable")
    # Rounding leaves a constant probe with a variance of about 1e-17.
    kept = order[variance[order] > 1e-12][:n_probes]
    if not kept.size:
        raise ClassifyError("no probe is measured and varies in the training part")
    return np.sort(kept).astype(np.int64)


def _material_solver(data: TrainingData, rows: Ints, ridge: float) -> tuple[Strings, Ints, Floats]:
    """Return the materials, each row's level (-1 unknown) and the matrix M-values -> shifts.

    Residuals of the material indicators after the class terms give, by the theorem of Frisch,
    Waugh and Lovell, the material coefficients of the joint model.
    """
    names = data.material[rows]
    materials = np.unique(names[names != ""])
    if len(materials) < 2:
        materials = materials[:0]
    indicator = (names[:, None] == materials[None, :]).astype(np.float64)
    level = (
        np.where(indicator.any(axis=1), indicator.argmax(axis=1), -1)
        if len(materials)
        else (np.full(len(rows), -1))
    )
    residual = indicator.copy()
    for name in np.unique(data.y[rows]):
        members = data.y[rows] == name
        residual[members] -= residual[members].mean(axis=0)
    values, vectors = np.linalg.eigh(residual.T @ residual)
    # A direction that classes explain in full has no evidence: its coefficient is 0, not noise.
    inverse = np.where(values > 1e-8, 1.0 / np.maximum(values + ridge, 1e-8), 0.0)
    solver = (vectors * inverse) @ vectors.T @ residual.T
    if len(materials):
        solver = solver - solver.mean(axis=0)
    return materials, level.astype(np.int64), solver


def _m_value(betas: Floats) -> Floats:
    clipped = np.clip(betas, _BETA_MARGIN, 1 - _BETA_MARGIN)
    return np.asarray(np.log2(clipped / (1 - clipped)), dtype=np.float64)


def _beta(m_values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp2(-m_values)), dtype=np.float64)
