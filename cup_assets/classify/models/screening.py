"""Which columns of a training part tell its classes apart, each by itself.

Belongs here: the F statistic and the choice by it, for models that cannot look at every column.
Does not belong here: the selection by variance that all models share (`pipeline`).
"""

from __future__ import annotations

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints


def largest_f(features: Features, codes: Ints, n_columns: int) -> Ints:
    """Return the positions of the columns with the largest F statistic, int64[q], rising."""
    order = np.argsort(-f_statistics(features, codes), kind="stable")
    return np.sort(order[:n_columns]).astype(np.int64)


def f_statistics(features: Features, codes: Ints) -> Floats:
    """Return the F statistic of each column between classes, float64[p]; 0 for a constant one."""
    present, codes = np.unique(codes, return_inverse=True)
    n, k = len(codes), len(present)
    centred = features - features.mean(axis=0, dtype=np.float64)
    total = (centred**2).sum(axis=0)
    members = (codes == np.arange(k)[:, None]).astype(np.float64)
    between = ((members @ centred) ** 2 / members.sum(axis=1)[:, None]).sum(axis=0)
    within = np.maximum(total - between, 1e-12 * total)
    scale = max(n - k, 1) / max(k - 1, 1)
    return np.asarray(scale * between / np.where(within > 0, within, np.inf), dtype=np.float64)
