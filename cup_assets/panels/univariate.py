"""One CpG at a time: whether it differs between the classes, in which, and by how much.

Belongs here: tests with false-discovery rates, effect sizes by class. Does not belong here: scores
that look at CpGs together (`importance`, `boruta`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.panels.parameters import PanelError

TEST_SCHEMA = {
    "probe_id": pl.String,
    "method": pl.String,
    "statistic": pl.Float64,
    "p": pl.Float64,
    "fdr": pl.Float64,
}
EFFECT_SCHEMA = {
    "probe_id": pl.String,
    "class": pl.String,
    "n": pl.Int64,
    "mean": pl.Float64,
    "mean_others": pl.Float64,
    "difference": pl.Float64,
    "separation": pl.Float64,
    "direction": pl.String,
}
# Columns at a time, so that the tables of ranks stay small.
_BLOCK = 2048


def class_tests(features: Features, codes: Ints, probe_ids: Sequence[str]) -> pl.DataFrame:
    """Test every CpG for differences between the classes.

    Parameters
    ----------
    features : float32[n, q]
        Betas without missing values.
    codes : int64[n]
        Classes.
    probe_ids : q str

    Returns
    -------
    pl.DataFrame
        (probe_id, method, statistic, p, fdr): ``anova`` (F of the one-way analysis of variance)
        and ``kruskal`` (H of Kruskal and Wallis, corrected for ties). The false-discovery rate is
        that of Benjamini and Hochberg over the CpGs given, for each method by itself; on CpGs that
        were chosen by these very tests it would mean nothing. A constant CpG has no statistic.

    Raises
    ------
    PanelError
        With fewer than two classes, or no more samples than classes.
    """
    from scipy import stats

    classes, codes = np.unique(codes, return_inverse=True)
    n, k = len(codes), len(classes)
    if k < 2 or n <= k:
        raise PanelError(f"{n} samples of {k} classes: differences cannot be tested")
    member = np.eye(k)[codes]
    f, h = np.empty(features.shape[1]), np.empty(features.shape[1])
    for start in range(0, features.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        betas = features[:, block].astype(np.float64)
        f[block] = _f_statistic(betas, member)
        h[block] = _h_statistic(betas, member)
    frames = []
    for method, statistic, p in (
        ("anova", f, stats.f.sf(f, k - 1, n - k)),
        ("kruskal", h, stats.chi2.sf(h, k - 1)),
    ):
        known = ~np.isnan(statistic)
        fdr = np.full(len(p), np.nan)
        fdr[known] = stats.false_discovery_control(p[known]) if known.any() else fdr[known]
        columns = {"statistic": statistic, "p": p, "fdr": fdr}
        frames.append(
            pl.DataFrame({"probe_id": list(probe_ids), "method": [method] * len(p)}).with_columns(
                pl.Series(name, values).fill_nan(None) for name, values in columns.items()
            )
        )
    return pl.concat(frames).cast(TEST_SCHEMA)  # type: ignore[arg-type]


def _f_statistic(betas: Floats, member: Floats) -> Floats:
    n, k = member.shape
    centred = betas - betas.mean(axis=0)
    between = ((member.T @ centred) ** 2 / member.sum(axis=0)[:, None]).sum(axis=0)
    within = (centred**2).sum(axis=0) - between
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(between / (k - 1) / (np.maximum(within, 0) / (n - k)))


def _h_statistic(betas: Floats, member: Floats) -> Floats:
    from scipy.stats import rankdata

    n = len(member)
    ranks = rankdata(betas, axis=0)
    sums = (member.T @ ranks) ** 2 / member.sum(axis=0)[:, None]
    h = 12 / (n * (n + 1)) * sums.sum(axis=0) - 3 * (n + 1)
    # Ties: the ranks vary less than those of distinct values, whose variance is (n^2 - 1) / 12.
    ties = ranks.var(axis=0) / ((n**2 - 1) / 12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ties > 0, h / ties, np.nan)


def class_effects(
    features: Features, codes: Ints, classes: Sequence[str], probe_ids: Sequence[str]
) -> pl.DataFrame:
    """Say how each class differs from all others together, at every CpG.

    Parameters
    ----------
    features : float32[n, q]
        Betas without missing values.
    codes : int64[n]
        Position of each sample's class in ``classes``.
    classes : k str
    probe_ids : q str

    Returns
    -------
    pl.DataFrame
        (probe_id, class, n, mean, mean_others, difference, separation, direction). The others'
        mean is the mean of the other classes' means, so that a large class does not speak for all.
        ``separation`` is the area under the curve of class against others: the chance that a sample
        of the class has a higher beta than one of the others. ``direction`` is ``hyper`` or
        ``hypo`` (methylated more or less than the others).
    """
    from scipy.stats import rankdata

    k = len(classes)
    member = np.eye(k)[codes]
    sizes = member.sum(axis=0)
    frames = []
    for start in range(0, len(probe_ids), _BLOCK):
        names = list(probe_ids[start : start + _BLOCK])
        betas = features[:, start : start + _BLOCK].astype(np.float64)
        means = (member.T @ betas) / sizes[:, None]
        others = (means.sum(axis=0) - means) / (k - 1)
        sums = member.T @ rankdata(betas, axis=0)
        above = sums - (sizes * (sizes + 1) / 2)[:, None]
        separation = above / (sizes * (len(codes) - sizes))[:, None]
        frames.append(
            pl.DataFrame(
                {
                    "probe_id": names * k,
                    "class": np.repeat(list(classes), len(names)).tolist(),
                    "n": np.repeat(sizes.astype(np.int64), len(names)),
                    "mean": means.ravel(),
                    "mean_others": others.ravel(),
                    "difference": (means - others).ravel(),
                    "separation": separation.ravel(),
                    "direction": np.where(means >= others, "hyper", "hypo").ravel().tolist(),
                },
                schema=EFFECT_SCHEMA,
            )
        )
    return pl.concat(frames).sort("probe_id", "class")


def strongest(effects: pl.DataFrame) -> pl.DataFrame:
    """Return of each CpG the class that differs most: probe_id, class, direction and sizes."""
    return (
        effects.with_columns(pl.col("difference").abs().alias("size"))
        .sort("probe_id", "size", "class", descending=[False, True, False])
        .group_by("probe_id", maintain_order=True)
        .first()
        .select("probe_id", "class", "direction", "difference", "separation")
    )
