"""How much of the betas' variance a factor explains, and what adjusting for it changes.

Belongs here: measures that tell whether the adjustment of `pipeline` does what it should. Does not
belong here: the adjustment itself.
"""

from __future__ import annotations

import numpy as np

from cup_assets.classify.data import Floats, Strings

_BETA_MARGIN = 1e-3


def explained_share(betas: Floats, labels: Strings, given: Strings) -> float:
    """Return the share of variance of M-values that labels explain, other groups given.

    Parameters
    ----------
    betas : float[n, p]
        Without missing values.
    labels : str[n]
        Such as the material.
    given : str[n]
        Such as the class: its means are taken away first.

    Returns
    -------
    float
        Adjusted R squared of the labels' indicators after those of ``given``, over all probes; 0
        where they explain no more than chance does, which may come out slightly below.
    """
    clipped = np.clip(betas.astype(np.float64), _BETA_MARGIN, 1 - _BETA_MARGIN)
    values = np.log2(clipped / (1 - clipped))
    other = _indicators(given)
    both = np.hstack([other, _indicators(labels)])
    (left, free), (rest, freer) = _residual(values, both), _residual(values, other)
    return float(1 - (left / free) / (rest / freer))


def _indicators(names: Strings) -> Floats:
    return np.asarray(names[:, None] == np.unique(names)[None, :], dtype=np.float64)


def _residual(values: Floats, design: Floats) -> tuple[float, int]:
    """Return the residual sum of squares over all columns, and the degrees of freedom of one."""
    basis, singular, _ = np.linalg.svd(design, full_matrices=False)
    basis = basis[:, singular > 1e-8 * singular[0]]
    left = values - basis @ (basis.T @ values)
    return float((left**2).sum()), len(values) - basis.shape[1]
