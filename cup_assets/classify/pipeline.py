"""What happens to betas before a model sees them, learnt from one training part only.

Belongs here: filling missing values, the adjustment for material (FFPE or frozen) and other
factors, the choice of the most variable probes, and what is beside them (`cnv_block`). Does not
belong here: models, and any look at a sample that is to be predicted.

Each step works probe by probe, so that a fit walks over blocks of columns in bounded memory, and
applying a fit to a sample depends on nothing but that sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cup_assets.classify.cnv_block import CnvBlock, fit_cnv_block
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
    factors : str[k]
        What is adjusted for, names in `cup_assets.classify.data.FACTORS`; those of which the
        training part holds fewer than two levels are not among them.
    factor_of : int64[m]
        Position of the factor of each level.
    levels : str[m]
        Levels with a shift.
    shift : float64[m, q]
        What a level adds to the M-value, relative to the mean of the levels of its factor.
    cnv
        What becomes of copy number, whose features follow those of the betas.
    """

    columns: Ints
    probe_ids: Strings
    fill: Floats
    factors: Strings
    factor_of: Ints
    levels: Strings
    shift: Floats
    cnv: CnvBlock = field(default_factory=CnvBlock)

    @property
    def feature_names(self) -> Strings:
        """Names of the features str[q + c]: the kept probes, then what copy number is of."""
        return np.concatenate([self.probe_ids, self.cnv.names])

    def features(self, betas: Features, levels: Strings, cnv: Features | None = None) -> Features:
        """Turn betas of the kept probes, float32[n, q], into features float32[n, q + c].

        A sample is computed by itself, so that its bits do not depend on its company. A level that
        the training part did not hold is not adjusted for: `known` tells.

        Parameters
        ----------
        betas : float32[n, q]
            NaN is missing.
        levels : str[n, k]
            The samples' levels of the factors; empty where unknown.
        cnv : float32[n, c]
            Log2 ratios, NaN is missing; needed where the training part had them.
        """
        result = np.empty(betas.shape, dtype=np.float32)
        for row, beta, own in zip(result, betas, levels, strict=True):
            filled = np.where(np.isnan(beta), self.fill, beta)
            here = self.levels == own[self.factor_of]
            row[:] = _beta(_m_value(filled) - self.shift[here].sum(axis=0)) if any(here) else filled
        if not len(self.cnv.names):
            return result
        if cnv is None:
            raise ClassifyError("these steps were learnt with copy number: give the log2 ratios")
        return np.hstack([result, self.cnv.features(cnv)])

    def features_of(self, data: TrainingData, rows: Ints) -> Features:
        """Return the features float32[len(rows), q + c] of rows of data as it was fitted on."""
        betas = data.X[np.ix_(rows, self.columns)]
        return self.features(betas, data.levels(self.factors, rows), data.cnv[rows])

    def known(self, factor: str) -> list[str]:
        """Return the levels of a factor that are brought to a common one."""
        return [
            str(level)
            for level, of in zip(self.levels, self.factor_of, strict=True)
            if self.factors[of] == factor
        ]


def fit_pipeline(data: TrainingData, rows: Ints, parameters: EvaluationParameters) -> Pipeline:
    """Learn the steps from the rows of a training part; no other row of ``data`` is read.

    The shifts follow limma's removeBatchEffect with a design: a linear model of the M-value with a
    term for each class and one for each level of each factor, of which only those of the levels
    are taken away. A direction in which levels cannot be told from classes (a material that occurs
    in one class only, and all of it) is left alone, so that no class signal is removed.

    Capper et al. (Nature 2018) fit such a model, without the classes, to log2 M and log2 U each
    and recompute beta. An M-value is their difference, so that its shift is the difference of
    theirs: the same adjustment, but for the offset of beta.

    Raises
    ------
    ClassifyError
        Where no probe, or no log2 ratio, is measured and varies in the training part.
    """
    p = data.X.shape[1]
    design = _design(data, rows, parameters.adjust if p else (), parameters.adjust_ridge)
    fill, variance = np.zeros(p), np.full(p, -1.0)
    shift = np.zeros((len(design.levels), p))
    for start in range(0, p, _BLOCK):
        block = slice(start, min(start + _BLOCK, p))
        betas = data.X[rows, block].astype(np.float64)
        missing = np.isnan(betas)
        measured = len(rows) - missing.sum(axis=0)
        betas[missing] = 0.0
        fill[block] = betas.sum(axis=0) / np.maximum(measured, 1)
        betas = np.where(missing, fill[block], betas)
        if len(design.levels):
            m_values = _m_value(betas)
            shift[:, block] = design.solver @ m_values
            adjusted = _beta(m_values - design.indicator @ shift[:, block])
            betas = np.where(design.indicator.sum(axis=1)[:, None] > 0, adjusted, betas)
        usable = measured >= (1 - parameters.probe_max_missing) * len(rows)
        variance[block] = np.where(usable, betas.var(axis=0), -1.0)
    no_betas = data.features == "cnv"
    columns = np.arange(0) if no_betas else _most_variable(variance, parameters.n_probes)
    total = None if no_betas else float(variance[columns].sum())
    cnv = fit_cnv_block(data.cnv[rows], data.cnv_names, total)
    return Pipeline(
        columns, data.probe_ids[columns], fill[columns],
        design.factors, design.factor_of, design.levels, shift[:, columns].copy(), cnv,
    )  # fmt: skip


def _most_variable(variance: Floats, n_probes: int) -> Ints:
    order = np.argsort(-variance, kind="stable")
    # Rounding leaves a constant probe with a variance of about 1e-17.
    kept = order[variance[order] > 1e-12][:n_probes]
    if not kept.size:
        raise ClassifyError("no probe is measured and varies in the training part")
    return np.sort(kept).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Design:
    """Levels of the factors; who has which, float64[n, m]; and the matrix M-values -> shifts."""

    factors: Strings
    factor_of: Ints
    levels: Strings
    indicator: Floats
    solver: Floats


def _design(data: TrainingData, rows: Ints, adjust: Sequence[str], ridge: float) -> _Design:
    """Prepare the regression on levels beside classes.

    Residuals of the levels' indicators after the class terms give, by the theorem of Frisch,
    Waugh and Lovell, the levels' coefficients of the joint model.
    """
    factors: list[str] = []
    factor_of: list[int] = []
    levels: list[str] = []
    indicators: list[Floats] = []
    for factor in adjust:
        own = data.levels([factor], rows)[:, 0]
        found = np.unique(own[own != ""])
        if len(found) >= 2:
            factor_of += [len(factors)] * len(found)
            factors.append(factor)
            levels += found.tolist()
            indicators.append((own[:, None] == found[None, :]).astype(np.float64))
    indicator = np.hstack(indicators) if indicators else np.empty((len(rows), 0))
    residual = indicator.copy()
    for name in np.unique(data.y[rows]):
        members = data.y[rows] == name
        residual[members] -= residual[members].mean(axis=0)
    values, vectors = np.linalg.eigh(residual.T @ residual)
    # A direction that classes explain in full has no evidence: its coefficient is 0, not noise.
    inverse = np.where(values > 1e-8, 1.0 / np.maximum(values + ridge, 1e-8), 0.0)
    solver = (vectors * inverse) @ vectors.T @ residual.T
    of = np.array(factor_of, dtype=np.int64)
    for number in range(len(factors)):
        solver[of == number] -= solver[of == number].mean(axis=0)
    return _Design(np.array(factors, np.str_), of, np.array(levels, np.str_), indicator, solver)


def _m_value(betas: Floats) -> Floats:
    clipped = np.clip(betas, _BETA_MARGIN, 1 - _BETA_MARGIN)
    return np.asarray(np.log2(clipped / (1 - clipped)), dtype=np.float64)


def _beta(m_values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp2(-m_values)), dtype=np.float64)
