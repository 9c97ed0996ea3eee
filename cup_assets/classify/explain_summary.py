"""What matters to a model, and whether the models agree on it.

Belongs here: tables over the explained samples of all folds. Does not belong here: explaining them
(`explain_folds`), drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from cup_assets.classify.data import Floats, Ints, Strings
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain_folds import FoldExplanation

IMPORTANCE_SCHEMA = {
    "class": pl.String,
    "feature": pl.String,
    "mean_absolute": pl.Float64,
    "share": pl.Float64,
    "direction": pl.String,
    "correlation": pl.Float64,
    "rank": pl.Int64,
    "folds": pl.Int64,
    "n_samples": pl.Int64,
}
AGREEMENT_SCHEMA = {
    "a": pl.String,
    "b": pl.String,
    "class": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "by_chance": pl.Float64,
    "n_features": pl.Int64,
}
CHECK_SCHEMA = {
    "method": pl.String,
    "quantity": pl.String,
    "n_samples": pl.Int64,
    "folds": pl.Int64,
    "additivity_max": pl.Float64,
    "additivity_median": pl.Float64,
    "floored": pl.Float64,
    "floor_gap": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Importance:
    """How much each feature matters to a model, over its held-out samples.

    Attributes
    ----------
    features : str[p]
        All features of any fold, sorted.
    classes : str[k]
    folds : int64[p]
        In how many folds the pipeline kept a feature; in the others it adds nothing.
    mean_absolute : float64[p, k]
        Mean |contribution| to each class.
    correlation : float64[p, k]
        Of a feature's values with its contributions, where the pipeline kept it: above 0, a high
        value speaks for the class. NaN where either is constant.
    n_samples : int64[k]
        Samples that were explained for a class.
    """

    features: Strings
    classes: Strings
    folds: Ints
    mean_absolute: Floats
    correlation: Floats
    n_samples: Ints

    @property
    def overall(self) -> Floats:
        """Mean over the classes, float64[p]."""
        return np.asarray(self.mean_absolute.mean(axis=1))


def importance_of(folds: Sequence[FoldExplanation]) -> Importance:
    """Join the sums of all folds of a model.

    Raises
    ------
    ClassifyError
        Where nothing was explained.
    """
    if not folds:
        raise ClassifyError("no held-out sample was explained")
    features = np.unique(np.concatenate([fold.names for fold in folds]))
    classes = np.unique(np.concatenate([fold.classes for fold in folds]))
    shape = (len(features), len(classes))
    absolute, total, square, product, value, value_square = (np.zeros(shape) for _ in range(6))
    kept, counted = np.zeros(shape), np.zeros(len(classes), dtype=np.int64)
    n_folds = np.zeros(len(features), dtype=np.int64)
    for fold in folds:
        rows = np.searchsorted(features, fold.names)
        columns = np.searchsorted(classes, fold.classes)
        at = np.ix_(rows, columns)
        absolute[at] += fold.absolute
        total[at] += fold.total
        square[at] += fold.square
        product[at] += fold.product
        value[at] += fold.value[:, None]
        value_square[at] += fold.value_square[:, None]
        kept[at] += fold.n
        counted[columns] += fold.n
        n_folds[rows] += 1
    known = np.maximum(kept, 1)
    together = product / known - total * value / known**2
    spread = np.sqrt(
        np.maximum(square / known - (total / known) ** 2, 0)
        * np.maximum(value_square / known - (value / known) ** 2, 0)
    )
    some = spread > 1e-12 * np.abs(product / known).max(initial=1e-300)
    correlation = np.where(some, together / np.where(some, spread, 1.0), np.nan)
    return Importance(
        features, classes, n_folds, absolute / np.maximum(counted, 1),
        np.clip(correlation, -1, 1), counted,
    )  # fmt: skip


def importance_table(found: Importance, top: int) -> pl.DataFrame:
    """Return the features that matter most, overall (class null) and to each class.

    ``share`` is a feature's part of all there is for that class; ``direction`` is ``hyper`` where a
    high value speaks for the class and ``hypo`` where a low one does.
    """
    parts = [(None, found.overall, np.full(len(found.features), np.nan))]
    for code, name in enumerate(found.classes.tolist()):
        parts.append((name, found.mean_absolute[:, code], found.correlation[:, code]))
    sizes = [int(found.n_samples.max()), *found.n_samples.tolist()]
    rows = []
    for (name, size, towards), n in zip(parts, sizes, strict=True):
        whole = float(size.sum()) or 1.0
        for rank, at in enumerate(best_features(size, top), start=1):
            correlation = None if np.isnan(towards[at]) else float(towards[at])
            direction = None if not correlation else "hyper" if correlation > 0 else "hypo"
            rows.append(
                (
                    *(name, str(found.features[at]), float(size[at]), float(size[at]) / whole),
                    *(direction, correlation, rank, int(found.folds[at]), n),
                )
            )
    return pl.DataFrame(rows, schema=IMPORTANCE_SCHEMA, orient="row")


def best_features(size: Floats, top: int) -> Ints:
    """Return the positions of the largest sizes, those of 0 left out; of equals the first."""
    order = np.argsort(-size, kind="stable")[:top]
    return np.asarray(order[size[order] > 0])


def agreement_table(models: Mapping[str, Importance], top: int) -> pl.DataFrame:
    """Compare what matters to each pair of models, overall (class null) and for each class.

    Returns
    -------
    pl.DataFrame
        `AGREEMENT_SCHEMA`. ``rank_correlation`` is Spearman's, of mean |contribution| over all
        features that either model's pipelines kept; ``overlap`` is the share of the ``top``
        features of one that are among those of the other, beside what two random choices share.
    """
    rows = []
    for a, b in combinations(sorted(models), 2):
        first, second = models[a], models[b]
        features = np.union1d(first.features, second.features)
        classes = [name for name in first.classes.tolist() if name in second.classes]
        for name in (None, *classes):
            one, other = (_sizes(found, features, name) for found in (first, second))
            mine, theirs = best_features(one, top), best_features(other, top)
            most = min(top, len(features))
            shared = len(np.intersect1d(mine, theirs)) / most
            rank = _spearman(one, other)
            rows.append((a, b, name, "rank_correlation", rank, 0.0, len(features)))
            rows.append((a, b, name, "overlap", shared, most / len(features), len(features)))
    return pl.DataFrame(rows, schema=AGREEMENT_SCHEMA, orient="row")


def _sizes(found: Importance, features: Strings, name: str | None) -> Floats:
    own = found.overall if name is None else found.mean_absolute[:, found.classes == name][:, 0]
    sizes = np.zeros(len(features))
    sizes[np.searchsorted(features, found.features)] = own
    return sizes


def _spearman(one: Floats, other: Floats) -> float | None:
    """Return Spearman's rank correlation, equals sharing their mean rank."""
    ranks = [pl.Series(sizes).rank("average").to_numpy() for sizes in (one, other)]
    if min(rank.std() for rank in ranks) == 0:
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def checks_of(folds: Sequence[FoldExplanation]) -> pl.DataFrame:
    """Return how a model was explained, and by how much contributions miss what they explain.

    Returns
    -------
    Frame of one row, `CHECK_SCHEMA`. ``additivity_max`` and ``additivity_median`` are over samples,
    each with its worst class; ``floored`` is the share of samples with a raw score below the
    calibrator's floor, ``floor_gap`` the most that this changes in a logit: null where raw scores
    are explained.
    """
    errors = np.concatenate([fold.errors for fold in folds])
    gaps = np.concatenate([fold.floor_gaps for fold in folds])
    calibrated = folds[0].quantity == "calibrated_logit"
    row = (
        # A support vector machine may be linear in one fold and not in another.
        " and ".join(sorted({fold.method for fold in folds})),
        *(folds[0].quantity, len(errors), len(folds)),
        *(float(errors.max()), float(np.median(errors))),
        *((float((gaps > 1e-9).mean()), float(gaps.max())) if calibrated else (None, None)),
    )
    return pl.DataFrame([row], schema=CHECK_SCHEMA, orient="row")


def swarm_points(
    folds: Sequence[FoldExplanation], found: Importance, most: int = 8
) -> pl.DataFrame:
    """Return the single contributions of the features that matter most to the classes kept.

    Returns
    -------
    Frame (class, place, feature, value, contribution), place 1 being the most important feature.
    """
    parts = [pl.DataFrame(schema=_POINTS)]
    for name in dict.fromkeys(name for fold in folds for name in fold.points):
        sizes = found.mean_absolute[:, found.classes == name][:, 0]
        for place, at in enumerate(best_features(sizes, most), start=1):
            feature = str(found.features[at])
            for points in (fold.points[name] for fold in folds if name in fold.points):
                column = np.flatnonzero(points.features == feature)
                if column.size:
                    parts.append(
                        pl.DataFrame(
                            {
                                "value": points.values[:, column[0]].astype(np.float64),
                                "contribution": points.contributions[:, column[0]].astype(float),
                            }
                        ).select(
                            pl.lit(name).alias("class"),
                            pl.lit(place, pl.Int64).alias("place"),
                            pl.lit(feature).alias("feature"),
                            "value",
                            "contribution",
                        )
                    )
    return pl.concat(parts)


_POINTS = {
    "class": pl.String,
    "place": pl.Int64,
    "feature": pl.String,
    "value": pl.Float64,
    "contribution": pl.Float64,
}


def telling_cases(cases: pl.DataFrame) -> pl.DataFrame:
    """Choose the samples to show: one called rightly as surely as most, and the surest mistake.

    Parameters
    ----------
    cases
        Rows of `cup_assets.classify.explain_folds.CASE_SCHEMA`.

    Returns
    -------
    The rows of these samples for the class called, with ``label``: a few words on each.
    """
    called = cases.filter(pl.col("part") == "called")
    each = called.filter(pl.col("rank") == 1).sort("sample_id")
    right = each.filter(pl.col("class") == pl.col("true_class"))
    wrong = each.filter(pl.col("class") != pl.col("true_class"))
    from_middle = (pl.col("score") - right["score"].median()).abs()
    chosen = pl.concat(
        [
            right.sort(from_middle, "sample_id").head(1).with_columns(kind=pl.lit("typical")),
            wrong.sort("score", descending=True, maintain_order=True)
            .head(1)
            .with_columns(kind=pl.lit("surest mistake")),
        ]
    )
    label = pl.format("{} ({}), truly {}", "sample_id", "kind", "true_class")
    return chosen.select("sample_id", label=label).join(
        called, on="sample_id", maintain_order="left_right"
    )
