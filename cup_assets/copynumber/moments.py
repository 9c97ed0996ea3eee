"""Means and centred scalar products of the controls, with and without a few of the probes.

Belongs here: the sums that the normal equations of a regression are made of. Does not belong
here: which probes and which controls they are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """First and second moments of k controls over n probes.

    Attributes
    ----------
    n : int
        Number of probes.
    mean : float64[k]
        Mean of each control.
    gram : float64[k, k]
        Scalar products of the controls, each centred on its mean.
    """

    n: int
    mean: NDArray[np.float64]
    gram: NDArray[np.float64]

    def without(self, values: NDArray[np.float32]) -> Moments:
        """Return the moments over the probes that remain when some are taken away.

        Exact, not an approximation: with z the values centred on the mean over all probes, the
        remaining ones sum to -s if those taken away sum to s, and their centred products are
        gram - z z' - s s' / n_left. The cost is that of the few probes taken away.

        Parameters
        ----------
        values : float32[k, m]
            What the controls measure at the probes to take away, m < n.
        """
        if not values.shape[1]:
            return self
        left = self.n - values.shape[1]
        z = values - self.mean[:, None]
        s = np.add.reduce(z, axis=1)
        taken = np.stack([np.add.reduce(z * row, axis=1) for row in z])
        return Moments(left, self.mean - s / left, self.gram - taken - np.outer(s, s) / left)


def moments(values: NDArray[np.float32]) -> Moments:
    """Return the moments of controls over the given probes (float32[k, n], n > 0)."""
    k, n = values.shape
    mean = np.array([float(np.add.reduce(row, dtype=np.float64)) / n for row in values])
    gram = np.empty((k, k))
    for i in range(k):
        centred = values[i] - mean[i]
        for j in range(i + 1):
            # `centred` sums to zero, so the other factor needs no centring.
            gram[i, j] = gram[j, i] = dot(values[j], centred)
    return Moments(n, mean, gram)


def dot(values: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the scalar product in double precision.

    Not BLAS: its result would depend on the number of threads.
    """
    return float(np.add.reduce(values * weights))
