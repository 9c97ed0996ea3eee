"""What happens to betas before a model sees them, learnt from one training part only.

Belongs here: filling missing values, the adjustment for material (FFPE or frozen) and other
factors, the choice of the most variable probes, and what is beside them (`cnv_block`). Does not
belong here: models, and any look at a sample that is to be predicted.

Each step works probe by probe, so that a fit walks over blocks of columns in bounded memory
(`variances`), and applying a fit to a sample depends on nothing but that sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cup_assets.classify.cnv_block import CnvBlock, fit_cnv_block
from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.shifts import Design, beta, m_value, shift_design
from cup_assets.classify.variances import most_variable
from cup_assets.compute import Mapper, serial, single_threaded

# Columns at a time: few enough that hundreds of samples, in double precision, stay in the cache.
_BLOCK = 1024


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
        for row, values, own in zip(result, betas, levels, strict=True):
            filled = np.where(np.isnan(values), self.fill, values)
            here = self.levels == own[self.factor_of]
            row[:] = beta(m_value(filled) - self.shift[here].sum(axis=0)) if any(here) else filled
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

    Raises
    ------
    ClassifyError
        Where no probe, or no log2 ratio, is measured and varies in the training part.
    """
    (fitted,) = fit_pipelines(data, [rows], parameters)
    return fitted


def fit_pipelines(
    data: TrainingData,
    parts: Sequence[Ints],
    parameters: EvaluationParameters,
    mapper: Mapper = serial,
) -> list[Pipeline]:
    """Learn the steps from many training parts by one walk over the matrix.

    Parameters
    ----------
    parts
        Rows int64[n] of each part. Its steps are those of `fit_pipeline` to the last bit.
    mapper
        Shares the walk out where its workers see this machine's files; else the whole matrix would
        have to be sent to them.

    Raises
    ------
    ClassifyError
        As `fit_pipeline`, and where a part holds no samples.
    """
    if any(not len(rows) for rows in parts):
        raise ClassifyError("a training part holds no samples")
    # Copy number is adjusted for nothing.
    adjust = () if data.features == "cnv" else parameters.adjust
    # More threads would change the order of additions, here and below.
    with single_threaded():
        designs = [shift_design(data, rows, adjust, parameters.adjust_ridge) for rows in parts]
    found = most_variable(
        data.X,
        list(zip(parts, designs, strict=True)),
        parameters.n_probes,
        parameters.probe_max_missing,
        mapper if mapper.shares_disk else serial,
    )
    if data.features != "cnv" and not all(map(len, found)):
        raise ClassifyError("no probe is measured and varies in the training part")
    kept = union(found)
    X = np.take(data.X, kept, axis=1)
    return [
        _fit(data, X[np.ix_(rows, np.searchsorted(kept, columns))], rows, design, columns)
        for rows, design, columns in zip(parts, designs, found, strict=True)
    ]


def _fit(
    data: TrainingData, betas: Features, rows: Ints, design: Design, columns: Ints
) -> Pipeline:
    """Learn the steps from the betas float32[n, q] of the kept columns."""
    fill, shift = np.zeros(len(columns)), np.zeros((len(design.levels), len(columns)))
    variance = np.zeros(len(columns))
    known = design.indicator.sum(axis=1, keepdims=True) > 0
    with single_threaded():
        for start in range(0, len(columns), _BLOCK):
            block = slice(start, start + _BLOCK)
            values = betas[:, block].astype(np.float64)
            missing = np.isnan(values)
            values[missing] = 0.0
            fill[block] = values.sum(axis=0) / (~missing).sum(axis=0)
            values = np.where(missing, fill[block], values)
            if len(design.levels):
                m_values = m_value(values)
                shift[:, block] = design.solver @ m_values
                adjusted = beta(m_values - design.indicator @ shift[:, block])
                values = np.where(known, adjusted, values)
            variance[block] = values.var(axis=0)
    total = None if data.features == "cnv" else float(variance.sum())
    return Pipeline(
        columns,
        data.probe_ids[columns],
        fill,
        design.factors,
        design.factor_of,
        design.levels,
        shift,
        fit_cnv_block(data.cnv[rows], data.cnv_names, total),
    )


def union(columns: Sequence[Ints]) -> Ints:
    """Return the columns that are in any of the lists, rising."""
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *columns]))


def narrowed(
    data: TrainingData, pipelines: Sequence[Pipeline]
) -> tuple[TrainingData, list[Pipeline]]:
    """Leave out the columns of the matrix that no pipeline keeps.

    Thirty parts of the same samples keep much the same probes, a few percent of the matrix: little
    enough to be held in memory and sent to workers.

    Returns
    -------
    data, pipelines
        The same samples with fewer probes, and the pipelines with their columns counted there.
    """
    columns = union([each.columns for each in pipelines])
    few = replace(data, X=np.take(data.X, columns, axis=1), probe_ids=data.probe_ids[columns])
    return few, [
        replace(each, columns=np.searchsorted(columns, each.columns).astype(np.int64))
        for each in pipelines
    ]
