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
    scale : float64[q]
        What the log2 ratios are multiplied by; 0 for a column that did not vary in the training
        part, of which nothing can be learnt.
    """

    names: Strings = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    fill: Floats = field(default_factory=_none)
    scale: Floats = field(default_factory=_none)

    def features(self, cnv: Features) -> Features:
        """Turn log2 ratios float32[n, q] into features float32[n, q], each sample by itself."""
        return (np.where(np.isnan(cnv), self.fill, cnv) * self.scale).astype(np.float32)


def fit_cnv_block(cnv: Features, names: Strings, betas_variance: float | None) -> CnvBlock:
    """Learn the steps from the log2 ratios float32[n, q] of a training part.

    A column is divided by the square root of its standard deviation (Pareto scaling, van den Berg
    et al. 2006). Left as they are, a few genes with amplifications of 3 would drown the arms, with
    gains of .3; brought to equal variance, the noise of arms that nothing happens to would be as
    loud as either. On simulated profiles this was close to the better of the two, whichever it was.

    The block is then given the total variance of the betas, so that neither outvotes the other by
    its units or by the number of its columns: the aim of multiple factor analysis (Escofier and
    Pages 1994), which makes the largest variances equal.

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
    spread = np.where(missing, fill, values).std(axis=0)
    varies = spread > 1e-6
    if not varies.any():
        raise ClassifyError(
            "no log2 ratio of copy number is known and varies in the training part: learn from"
            " betas alone"
        )
    scale = np.where(varies, 1 / np.sqrt(np.where(varies, spread, 1.0)), 0.0)
    if betas_variance is not None:
        # A column scaled like that has its standard deviation as variance.
        scale *= np.sqrt(betas_variance / spread[varies].sum())
    return CnvBlock(names, fill, scale)
