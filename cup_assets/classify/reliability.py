"""Whether a score means what it says, and which classes are taken for which.

Belongs here: the tables behind reliability diagrams, confusion matrices and reject curves. Does not
belong here: pictures of them (`cup_assets.report`), single figures (`metrics`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import patient_weights, share_interval
from cup_assets.classify.data import Floats, Strings
from cup_assets.classify.measures import BINS, Rows, bins_of, ratio
from cup_assets.classify.metrics import ScoreTable, scored_tables, to_families

RELIABILITY_SCHEMA = {
    "kind": pl.String,
    "bin_low": pl.Float64,
    "bin_high": pl.Float64,
    "n": pl.Int64,
    "predicted": pl.Float64,
    "observed": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
CONFUSION_SCHEMA = {
    "level": pl.String,
    "true": pl.String,
    "predicted": pl.String,
    "n": pl.Int64,
    "share": pl.Float64,
}
REJECT_SCHEMA = {
    "threshold": pl.Float64,
    "n_kept": pl.Int64,
    "coverage": pl.Float64,
    "coverage_low": pl.Float64,
    "coverage_high": pl.Float64,
    "accuracy": pl.Float64,
    "accuracy_low": pl.Float64,
    "accuracy_high": pl.Float64,
}
THRESHOLDS = tuple(round(step / 100, 2) for step in range(101))


def reliability_table(
    scores: pl.DataFrame, truth: pl.DataFrame, seed: int, bootstraps: int = 500
) -> pl.DataFrame:
    """Compare the highest score of each prediction with how often such predictions are right.

    Parameters
    ----------
    scores, truth, seed, bootstraps
        As for `cup_assets.classify.metrics.metrics`. Each repeat of a sample is one prediction.

    Returns
    -------
    Frame (kind, bin_low, bin_high, n, predicted, observed, low, high): for kind ``raw`` and
    ``calibrated`` ten bins of equal width, the upper edge of the last one included; n
    predictions; ``predicted`` their mean score, ``observed`` the share that is right with its 95 %
    interval over patients. Empty bins are listed with n = 0 and nulls. The expected calibration
    error of `metrics` is the mean of |predicted - observed| weighted by n.
    """
    _, tables = scored_tables(scores, truth)
    weights = _joined_weights(tables, bootstraps, seed)
    patients = np.array([name for table in tables for name in table.patients])
    rows: list[tuple[object, ...]] = []
    edges = np.linspace(0, 1, BINS + 1)
    for kind, which in (("raw", 0), ("calibrated", 1)):
        top, right = _top(tables, which)
        bins = bins_of(top)
        for number, (lower, upper) in enumerate(pairwise(edges.tolist())):
            inside = bins == number
            if not inside.any():
                rows.append((kind, lower, upper, 0, None, None, None, None))
                continue
            observed = _share(right, inside, weights, patients)
            mean = float(top[inside].mean())
            rows.append((kind, lower, upper, int(inside.sum()), mean, *observed))
    return pl.DataFrame(rows, schema=RELIABILITY_SCHEMA, orient="row")


def confusion_table(
    scores: pl.DataFrame, truth: pl.DataFrame, family_of: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Count which class (and family) is taken for which by the highest calibrated score.

    Parameters
    ----------
    scores, truth
        As for `cup_assets.classify.metrics.metrics`. Each repeat of a sample is one prediction.
    family_of
        Family of each class; with it, the families are counted too, by the sums of the scores of
        their classes.

    Returns
    -------
    Frame (level, true, predicted, n, share): level ``class`` or ``family``; every pair, with n = 0
    where it does not occur; share of the predictions for the true class, null where it has none.
    """
    levels = [("class", scores, truth)]
    if family_of is not None:
        levels.append(("family", *to_families(scores, truth, family_of)))
    rows = []
    for level, some, known in levels:
        names, tables = scored_tables(some, known)
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for table in tables:
            np.add.at(counts, (table.codes, table.scores[1].argmax(axis=1)), 1)
        totals = counts.sum(axis=1)
        for i, true in enumerate(names):
            for j, predicted in enumerate(names):
                share = float(counts[i, j] / totals[i]) if totals[i] else None
                rows.append((level, true, predicted, int(counts[i, j]), share))
    return pl.DataFrame(rows, schema=CONFUSION_SCHEMA, orient="row")


def reject_curve(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    seed: int,
    bootstraps: int = 500,
    thresholds: Sequence[float] = THRESHOLDS,
) -> pl.DataFrame:
    """Sweep the threshold below which a case is not called.

    Parameters
    ----------
    scores, truth, seed, bootstraps
        As for `cup_assets.classify.metrics.metrics`. Each repeat of a sample is one prediction.
    thresholds
        Least calibrated score of the highest-scoring class to call it.

    Returns
    -------
    Frame (threshold, n_kept, coverage, coverage_low, coverage_high, accuracy, accuracy_low,
    accuracy_high): the share of predictions that are called, the share of those that are right,
    and their 95 % intervals over patients; accuracy is null where nothing is called.
    """
    _, tables = scored_tables(scores, truth)
    weights = _joined_weights(tables, bootstraps, seed)
    patients = np.array([name for table in tables for name in table.patients])
    top, right = _top(tables, 1)
    everyone = np.ones_like(right)
    rows = []
    for threshold in thresholds:
        kept = top >= threshold
        coverage = _share(kept, everyone, weights, patients)
        accuracy = _share(right, kept, weights, patients) if kept.any() else (None, None, None)
        rows.append((float(threshold), int(kept.sum()), *coverage, *accuracy))
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def _joined_weights(tables: list[ScoreTable], bootstraps: int, seed: int) -> Floats:
    return np.hstack(patient_weights([table.patients for table in tables], bootstraps, seed))


def _top(tables: list[ScoreTable], which: int) -> tuple[Floats, Rows]:
    """Return the highest score float64[n] of each prediction and whether its class is right."""
    top = np.concatenate([table.scores[which].max(axis=1) for table in tables])
    right = [table.scores[which].argmax(axis=1) == table.codes for table in tables]
    return top, np.concatenate(right)


def _share(
    part: Rows, among: Rows, weights: Floats, patients: Strings
) -> tuple[float, float | None, float | None]:
    values = ratio(weights @ (part & among).astype(np.float64), weights @ among.astype(np.float64))
    n_patients = len(np.unique(patients[among]))
    return float(values[0]), *share_interval(float(values[0]), values[1:], n_patients)
