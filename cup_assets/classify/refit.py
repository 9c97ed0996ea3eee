"""The classifier of an outer fold once more, without its inner loop.

Belongs here: refitting with what the cross-validation chose, and the proof that the result is the
classifier that was judged. Does not belong here: the choice itself (`tuned`), what is then asked of
the classifier.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.calibrate import Calibrator
from cup_assets.classify.data import Features, Floats, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain import Background, draw_background
from cup_assets.classify.models import MODELS, Candidate, TrainingSet
from cup_assets.classify.nested import OuterFold, fold_seed, outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.classify.tuned import TunedClassifier, one_thread


@dataclass(frozen=True, eq=False)
class JudgedFold:
    """An outer fold of a model as the cross-validation left it.

    Attributes
    ----------
    split
        Its samples.
    candidate
        Hyperparameters chosen in its inner loop.
    calibrator
        As `Calibrator.to_json` wrote it.
    raw, score : float64[n, k]
        Scores of its test samples and all classes of the data, sorted.
    """

    split: OuterFold
    candidate: Candidate
    calibrator: str
    raw: Floats
    score: Floats


@dataclass(frozen=True, eq=False)
class RefittedFold:
    """The classifier of an outer fold.

    Attributes
    ----------
    classifier
    features : float32[n, q]
        Its test samples.
    background
        Of its training part.
    """

    classifier: TunedClassifier
    features: Features
    background: Background


def judged_folds(
    data: TrainingData, folds: pl.DataFrame, choices: pl.DataFrame, scores: pl.DataFrame
) -> list[JudgedFold]:
    """Read the outer folds of a model from its tables.

    Parameters
    ----------
    folds
        As for `cup_assets.classify.nested.nested_cv`.
    choices, scores
        As `nested_cv` returned them for this model, in any order.

    Raises
    ------
    ClassifyError
        Where a fold lacks its choice or one of its scores.
    """
    chosen = {(row["repeat"], row["outer_fold"]): row for row in choices.iter_rows(named=True)}
    classes = np.unique(data.y)
    parts = {
        (int(str(repeat)), int(str(fold))): part
        for (repeat, fold), part in scores.group_by("repeat", "outer_fold")
    }
    found = []
    for split in outer_folds(data, folds):
        where = (split.repeat, split.outer_fold)
        if where not in chosen or where not in parts or not chosen[where]["calibrator"]:
            raise ClassifyError(f"{_name(split)} was not evaluated: run the cross-validation first")
        row = chosen[where]
        raw, score = _matrices(data, split, classes.tolist(), parts[where])
        found.append(JudgedFold(split, json.loads(row["candidate"]), row["calibrator"], raw, score))
    return found


def _matrices(
    data: TrainingData, split: OuterFold, classes: list[str], scores: pl.DataFrame
) -> tuple[Floats, Floats]:
    names = data.sample_ids[split.test].tolist()
    wanted = pl.DataFrame(
        {
            "sample_id": [name for name in names for _ in classes],
            "class": classes * len(names),
        }
    )
    own = wanted.join(scores, on=["sample_id", "class"], how="left", maintain_order="left")
    if own.height != wanted.height or own["raw_score"].null_count():
        raise ClassifyError(f"{_name(split)} lacks scores: run the cross-validation first")
    shape = (len(names), len(classes))
    return own["raw_score"].to_numpy().reshape(shape), own["score"].to_numpy().reshape(shape)


def refit_fold(
    data: TrainingData, model: str, parameters: EvaluationParameters, fold: JudgedFold
) -> RefittedFold:
    """Fit pipeline and model of an outer fold again, and hold its scores to those judged.

    Raises
    ------
    ClassifyError
        Where a score differs from that of the cross-validation in a single bit: it would be
        another classifier that is explained.
    """
    split, spec = fold.split, MODELS[model]
    seed = fold_seed(parameters, split)
    classes, codes = np.unique(data.y[split.train], return_inverse=True)
    patients = np.unique(data.patient[split.train], return_inverse=True)[1].astype(np.int64)
    with one_thread():
        pipeline = fit_pipeline(data, split.train, parameters)
        features = pipeline.features_of(data, split.train)
        training = TrainingSet(features, codes.astype(np.int64), len(classes), patients)
        (fitted,) = spec.fit(training, [fold.candidate], parameters, seed)
        held_out = pipeline.features_of(data, split.test)
        known, calibrator = Calibrator.from_json(fold.calibrator)
        classifier = TunedClassifier(classes, pipeline, fitted, calibrator, fold.candidate)
        if known.tolist() != classes.tolist():
            raise ClassifyError(f"{_name(split)} was calibrated for other classes")
        _check_scores(data, model, fold, classifier, held_out)
    return RefittedFold(classifier, held_out, draw_background(features, seed))


def _check_scores(
    data: TrainingData,
    model: str,
    fold: JudgedFold,
    classifier: TunedClassifier,
    features: Features,
) -> None:
    classes = np.unique(data.y)
    present = np.searchsorted(classes, classifier.classes)
    stored: Mapping[str, Floats] = {"raw": fold.raw, "calibrated": fold.score}
    for (what, judged), own in zip(stored.items(), classifier.scores(features), strict=True):
        full = np.zeros_like(judged)
        full[:, present] = own
        rows, columns = np.nonzero(full != judged)
        if len(rows):
            row, column = rows[0], columns[0]
            raise ClassifyError(
                f"{model}, {_name(fold.split)}: sample"
                f" {str(data.sample_ids[fold.split.test[row]])!r} has the {what} score"
                f" {full[row, column]!r} for {str(classes[column])!r} where"
                f" {judged[row, column]!r} was judged: run the cross-validation again with these"
                " parameters and this code, on this kind of machine"
            )


def _name(split: OuterFold) -> str:
    return f"repeat {split.repeat}, outer fold {split.outer_fold}"
