"""Explaining the held-out samples of a cross-validation, fold by fold.

Belongs here: which samples are explained, what is kept of each, and the sums over a fold. Does not
belong here: what the sums come to (`explain_summary`), how one sample is explained (`explain`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.explain import Explainer, explainer
from cup_assets.classify.explain_linear import CalibratedLogits
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.refit import JudgedFold, RefittedFold, refit_fold
from cup_assets.classify.study_parameters import ExplanationParameters
from cup_assets.classify.tuned import one_thread
from cup_assets.compute import Mapper, serial

CASE_SCHEMA = {
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "sample_id": pl.String,
    "true_class": pl.String,
    "class": pl.String,
    "part": pl.String,
    "score": pl.Float64,
    "quantity": pl.String,
    "base": pl.Float64,
    "output": pl.Float64,
    "feature": pl.String,
    "value": pl.Float64,
    "contribution": pl.Float64,
    "rank": pl.Int64,
}
# What is kept of every sample for the pictures: enough features that those of the largest mean
# over all folds are among those of every fold.
_POINTS = 200


@dataclass(frozen=True, eq=False)
class Points:
    """Contributions of single samples to one class, for the features that add most in a fold.

    Attributes
    ----------
    features : str[f]
    values, contributions : float32[n, f]
    """

    features: Strings
    values: Features
    contributions: Features


@dataclass(frozen=True, eq=False)
class FoldExplanation:
    """What the explained samples of an outer fold come to.

    Attributes
    ----------
    method, quantity
        Of the explainer.
    names : str[q]
        Features of the fold.
    classes : str[k]
        Classes of its training part.
    n
        Samples explained.
    absolute, total, square, product : float64[q, k]
        Sums over the samples of |contribution|, contribution, its square, and its product with the
        feature's value.
    value, value_square : float64[q]
        Sums of the values and of their squares.
    errors : float64[n]
        By how much the contributions of a sample miss its score, at most over classes.
    floor_gaps : float64[n]
        How much the calibrator's floor changes a logit of a sample; 0 where no raw score is below.
    cases
        Frame `CASE_SCHEMA`.
    points
        By class, for the classes asked for.
    """

    method: str
    quantity: str
    names: Strings
    classes: Strings
    n: int
    absolute: Floats
    total: Floats
    square: Floats
    product: Floats
    value: Floats
    value_square: Floats
    errors: Floats
    floor_gaps: Floats
    cases: pl.DataFrame
    points: dict[str, Points]


def choose_samples(data: TrainingData, folds: Sequence[JudgedFold], samples: int) -> list[Ints]:
    """Choose for each fold the positions in its test part that are explained.

    Every sample is explained once, in the first repeat. Where there are more than ``samples``
    (0: no limit) they are drawn from the classes in turn, a small class going in whole before a
    large one has more.
    """
    first = min((fold.split.repeat for fold in folds), default=0)
    held = [fold.split.test for fold in folds if fold.split.repeat == first]
    rows = np.sort(np.concatenate(held))
    if 0 < samples < len(rows):
        order = np.random.default_rng(0).permutation(rows)
        place = np.zeros(len(order), dtype=np.int64)
        for name in np.unique(data.y[order]):
            own = data.y[order] == name
            place[own] = np.arange(own.sum())
        rows = order[np.argsort(place, kind="stable")[:samples]]
    return [
        np.flatnonzero(np.isin(fold.split.test, rows))
        if fold.split.repeat == first
        else np.empty(0, dtype=np.int64)
        for fold in folds
    ]


def largest_classes(data: TrainingData, folds: Sequence[JudgedFold], most: int) -> list[str]:
    """Return the names of the classes of most held-out samples, largest first."""
    rows = np.unique(np.concatenate([fold.split.test for fold in folds]))
    names, counts = np.unique(data.y[rows], return_counts=True)
    return [str(names[i]) for i in np.argsort(-counts, kind="stable")[:most]]


def explain_folds(
    data: TrainingData,
    model: str,
    folds: Sequence[JudgedFold],
    parameters: EvaluationParameters,
    settings: ExplanationParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
    *,
    shown: Sequence[str] = (),
) -> list[FoldExplanation]:
    """Explain the test samples of each fold by the classifier that scored them, fitted again.

    Parameters
    ----------
    folds
        Of one model and one scheme.
    shown
        Classes of which single points are kept.

    Raises
    ------
    ClassifyError
        Where a fold cannot be refitted to the last bit (`refit_fold`).
    """
    chosen = choose_samples(data, folds, settings.samples)
    todo = [(fold, rows) for fold, rows in zip(folds, chosen, strict=True) if len(rows)]
    task = partial(_explain_fold, data, model, parameters, settings, tuple(shown))
    return mapper(task, todo, progress)


def _explain_fold(
    data: TrainingData,
    model: str,
    parameters: EvaluationParameters,
    settings: ExplanationParameters,
    shown: tuple[str, ...],
    task: tuple[JudgedFold, Ints],
) -> FoldExplanation:
    fold, rows = task
    fitted = refit_fold(data, model, parameters, fold)
    with one_thread():
        own = explainer(fitted.classifier, fitted.background)
        return explain_samples(data, fold, fitted, own, rows, settings.top, shown)


def explain_samples(
    data: TrainingData,
    fold: JudgedFold,
    fitted: RefittedFold,
    own: Explainer,
    rows: Ints,
    top: int,
    shown: Sequence[str],
) -> FoldExplanation:
    """Explain some test samples of a fold, one after the other, keeping little of each."""
    names, classes = fitted.classifier.pipeline.feature_names, fitted.classifier.classes
    q, k = len(names), len(classes)
    absolute, total, square, product = (np.zeros((q, k)) for _ in range(4))
    kept = [int(np.flatnonzero(classes == name)[0]) for name in shown if name in classes]
    single = np.zeros((len(kept), len(rows), q), dtype=np.float32)
    errors, gaps = np.zeros(len(rows)), np.zeros(len(rows))
    decision = getattr(own, "decision", None)
    cases = []
    for at, row in enumerate(rows):
        features = fitted.features[row]
        contributions = own.contributions(features)
        output = own.output(features)
        errors[at] = np.abs(own.base + contributions.sum(axis=0) - output).max()
        if isinstance(decision, CalibratedLogits):
            gaps[at] = decision.floor_gap(features)
        absolute += np.abs(contributions)
        total += contributions
        square += contributions**2
        product += features[:, None] * contributions
        single[:, at] = contributions[:, kept].T
        cases += _case(data, fold, fitted, own, int(row), contributions, output, top)
    values = fitted.features[rows].astype(np.float64)
    return FoldExplanation(
        own.method, own.quantity, names, classes, len(rows),
        absolute, total, square, product, values.sum(axis=0), (values**2).sum(axis=0), errors, gaps,
        pl.DataFrame(cases, schema=CASE_SCHEMA, orient="row"),
        {
            str(classes[code]): _points(names, fitted.features[rows], single[number])
            for number, code in enumerate(kept)
        },
    )  # fmt: skip


def _points(names: Strings, values: Features, contributions: Features) -> Points:
    largest = np.argsort(-np.abs(contributions).mean(axis=0), kind="stable")[:_POINTS]
    return Points(names[largest], values[:, largest], contributions[:, largest])


def _case(
    data: TrainingData,
    fold: JudgedFold,
    fitted: RefittedFold,
    own: Explainer,
    row: int,
    contributions: Floats,
    output: Floats,
    top: int,
) -> list[tuple[object, ...]]:
    """Return the features that add most to the class called and to the runner-up, or take most."""
    classes, names = fitted.classifier.classes, fitted.classifier.pipeline.feature_names
    sample = fold.split.test[row]
    score = fold.score[row, np.searchsorted(np.unique(data.y), classes)]
    found: list[tuple[object, ...]] = []
    for part, code in zip(("called", "runner_up"), np.argsort(-score, kind="stable"), strict=False):
        of_class = contributions[:, code]
        for rank, feature in enumerate(top_features(of_class, top), start=1):
            found.append(
                (
                    *(fold.split.repeat, fold.split.outer_fold, str(data.sample_ids[sample])),
                    *(str(data.y[sample]), str(classes[code]), part, float(score[code])),
                    *(own.quantity, float(own.base[code]), float(output[code])),
                    *(str(names[feature]), float(fitted.features[row, feature])),
                    *(float(of_class[feature]), rank),
                )
            )
    return found


def top_features(contributions: Floats, top: int) -> Ints:
    """Return the positions of the largest contributions of either sign, largest first."""
    order = np.argsort(-np.abs(contributions), kind="stable")[:top]
    return np.asarray(order[contributions[order] != 0])
