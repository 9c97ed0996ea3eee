"""What happens to copy number before a model sees it, learnt from one training part only.

Belongs here: filling missing log2 ratios and weighing the block of them against that of the betas.
Does not belong here: the betas (`pipeline`), and where the ratios come from (copynumber).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cup_assets.classify.data import Features, Floats, Strings
from cup_assets.classify.errors import ClassifyError


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class CnvBlock:
    """The steps as learnt from a training part; by default those of data without copy number.

    Attributes
    ----------
    names : str[q]
        Names of the columns.
    fill : float64[q]
        Mean log2 ratio in the training part, in place of a missing one; 0, neither gain nor loss,
        where all are missing.
    scale
        What log2 ratios are multiplied by.
    """

    names: Strings = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    fill: Floats = field(default_factory=_none)
    scale: float = 1.0

    def features(self, cnv: Features) -> Features:
        """Turn log2 ratios float32[n, q] into features float32[n, q], each sample by itself."""
        return (np.where(np.isnan(cnv), self.fill, cnv) * self.scale).astype(np.float32)


def fit_cnv_block(cnv: Features, names: Strings, betas_variance: float | None) -> CnvBlock:
    """Learn the steps from the log2 ratios float32[n, q] of a training part.

    As in multiple factor analysis (Escofier and Pages 1994), blocks of features in different units
    are brought to one weight, so that neither outvotes the other by its units or by the number of
    its columns. Here their total variances are made equal. Within the block all columns are log2
    ratios: each keeps its size, because a column of equal variance but without any gain or loss
    would be noise made as loud as an amplification.

    Parameters
    ----------
    betas_variance
        Total variance of the betas' features in the training part; None where there are none.

    Raises
    ------
    ClassifyError
        Where no log2 ratio varies in the training part.
    """
    if not len(names):
        return CnvBlock()
    values = cnv.astype(np.float64)
    missing = np.isnan(values)
    values[missing] = 0.0
    fill = values.sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    total = float(np.where(missing, fill, values).var(axis=0).sum())
    if total < 1e-12 * len(names):
        raise ClassifyError(
            "no log2 ratio of copy number is known and varies in the training part: learn from"
            " betas alone"
        )
    scale = 1.0 if betas_variance is None else float(np.sqrt(betas_variance / total))
    return CnvBlock(names, fill, scale)
