"""How much of a copy-number ratio an array shows, measured on the normal controls themselves.

Belongs here: the response of a pool's array. Does not belong here: what is made of it (`purity`,
`states`).

An array shows less than the DNA's log2 ratio: background and cross-hybridisation add to every
probe. Men have one X chromosome and women two, so that the controls of both sexes show on X what
a log2 ratio of 1 comes to.
"""

from __future__ import annotations

import numpy as np

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.reference import ControlPool

_LEAST_OF_A_SEX = 2
_LEAST_PROBES = 50
# The pseudoautosomal regions, which are on Y, too, end within these distances from X's tips.
_PSEUDOAUTOSOMAL = (2_800_000, 500_000)
_RANGE = (0.4, 1.0)


def array_response(pool: ControlPool, bins: Bins) -> float:
    """Return the log2 ratio that the pool's array shows where the DNA's is 1.

    Parameters
    ----------
    pool : ControlPool
    bins : Bins
        The bins that the pool was made with.

    Returns
    -------
    float
        Median over the probes of X of the difference between women and men, within .4 and 1; 1 if
        the pool has fewer than two controls of a sex or X has fewer than 50 probes.
    """
    of_sex = [[i for i, sex in enumerate(pool.sexes) if sex == which] for which in ("F", "M")]
    rows = _unpaired(bins)
    rows = rows[~pool.lacks[rows]]
    if min(map(len, of_sex)) < _LEAST_OF_A_SEX or rows.size < _LEAST_PROBES:
        return 1.0
    # Against each control's own brightness.
    level = pool.log2[:, rows].astype(np.float64) - pool.moments.mean[:, None]
    women, men = (level[members].mean(axis=0) for members in of_sex)
    return float(np.clip(np.median(women - men), *_RANGE))


def _unpaired(bins: Bins) -> np.ndarray:
    """Return the manifest rows of the binned probes of X outside the pseudoautosomal regions."""
    frame = bins.frame
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    on_x = (frame["chrom"] == "X").to_numpy()
    last = int(end[on_x].max(initial=0))
    low, high = _PSEUDOAUTOSOMAL
    inside = on_x & (start >= low) & (end <= last - high)
    return bins.probes[np.repeat(inside, np.diff(bins.offsets))]
