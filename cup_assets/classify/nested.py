"""Nested cross-validation: every sample scored by a classifier that never saw its patient.

Belongs here: reading the folds, the outer loop, the tables of scores and choices. Does not belong
here: how folds are assigned (cohort), what happens inside a training part (tuned), metrics.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.data import Floats, Ints, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.prepared import Prepared, narrow, prepare
from cup_assets.classify.tuned import TunedClassifier, fit_tuned
from cup_assets.compute import Mapper, serial

SCORE_SCHEMA = {
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "sample_id": pl.String,
    "class": pl.String,
    "raw_score": pl.Float64,
    "score": pl.Float64,
}
CALIBRATION_SCHEMA = {
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "sample_id": pl.String,
    "class": pl.String,
    "calibrator": pl.String,
    "score": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class OuterFold:
    """One outer split, as positions in the data: test rows, training rows and their inner folds."""

    repeat: int
    outer_fold: int
    test: Ints
    train: Ints
    inner: Ints


@dataclass(frozen=True)
class FoldResult:
    """What one outer fold gave.

    Attributes
    ----------
    repeat, outer_fold
        Which fold.
    scores
        Frame (repeat, outer_fold, sample_id, class, raw_score, score), a row for each test sample
        and class of the data; a class absent from the training part scores 0.
    choices
        Frame of one row: repeat, outer_fold, candidate (JSON), inner_log_loss, calibration_c,
        n_probes, n_train, n_test, calibrator (JSON, `Calibrator.from_json`).
    calibrations
        Frame (repeat, outer_fold, sample_id, class, calibrator, score): as ``scores``, but by each
        of `cup_assets.classify.calibration_variants.VARIANTS`.
    """

    repeat: int
    outer_fold: int
    scores: pl.DataFrame
    choices: pl.DataFrame
    calibrations: pl.DataFrame


@dataclass(frozen=True)
class CvResult:
    """The frames of all outer folds of one model (see `FoldResult`), in the order of the folds."""

    model: str
    scores: pl.DataFrame
    choices: pl.DataFrame
    calibrations: pl.DataFrame


def nested_cv(
    data: TrainingData,
    model: str,
    folds: pl.DataFrame,
    parameters: EvaluationParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
    *,
    completed: Mapping[tuple[int, int], FoldResult] | None = None,
    on_fold: Callable[[FoldResult], None] | None = None,
) -> CvResult:
    """Score each outer test sample by a classifier tuned and calibrated on its training part.

    Parameters
    ----------
    folds
        Frame (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme. Within an outer
        fold, rows without inner fold are its test samples, the others its training part; a sample
        that is not listed takes no part in it.
    mapper, progress
        Run and report the outer folds.
    completed
        Results of earlier runs by (repeat, outer_fold); these folds are not computed again.
    on_fold
        Called with each new result as it finishes, so that it can be stored before the others are
        done: in the process that computed it where that sees this machine's disk (it must be
        picklable then), otherwise in this process as results arrive.

    Raises
    ------
    ClassifyError
        Where folds and data do not fit, a patient lies on both sides of a split, or a training
        part holds fewer than two classes.
    """
    splits = outer_folds(data, folds)
    done = dict(completed or {})
    todo = [split for split in splits if (split.repeat, split.outer_fold) not in done]
    there, here = (on_fold, None) if mapper.shares_disk else (None, on_fold)
    # One walk over the matrix for the training parts of all folds, of which each takes its own
    # along; what the folds share are the few probes that any of them keeps.
    prepared = prepare(data, [(split.train, split.inner) for split in todo], parameters, mapper)
    few, own = narrow(data, prepared)
    task = partial(_run_fold, few, model, parameters, there)
    for result in mapper(task, list(zip(todo, own, strict=True)), progress, here):
        done[result.repeat, result.outer_fold] = result
    ordered = [done[split.repeat, split.outer_fold] for split in splits]
    return CvResult(
        model,
        pl.concat([result.scores for result in ordered]),
        pl.concat([result.choices for result in ordered]),
        pl.concat([result.calibrations for result in ordered]),
    )


def outer_folds(data: TrainingData, folds: pl.DataFrame) -> list[OuterFold]:
    """Read the outer splits of a folds frame, checked against the data; ordered by name."""
    if "scheme" in folds.columns and folds["scheme"].n_unique() != 1:
        schemes = ", ".join(map(str, sorted(folds["scheme"].unique().to_list())))
        raise ClassifyError(f"folds hold the schemes [{schemes}]: give those of exactly one")
    position = {name: row for row, name in enumerate(data.sample_ids.tolist())}
    unknown = sorted(set(folds["sample_id"].to_list()) - set(position))
    if unknown:
        raise ClassifyError(
            f"{len(unknown)} samples of the folds are not in the data: {unknown[0]!r}"
        )
    splits = []
    parts = folds.sort("repeat", "outer_fold", "sample_id").group_by(
        "repeat", "outer_fold", maintain_order=True
    )
    for (repeat, outer_fold), part in parts:
        rows = np.array([position[name] for name in part["sample_id"]], dtype=np.int64)
        test = part["inner_fold"].is_null().to_numpy()
        inner = part["inner_fold"].drop_nulls().cast(pl.Int64).to_numpy()
        split = OuterFold(
            int(str(repeat)), int(str(outer_fold)), rows[test], rows[~test], inner.copy()
        )
        _check_split(data, split)
        splits.append(split)
    return splits


def _check_split(data: TrainingData, split: OuterFold) -> None:
    where = f"repeat {split.repeat}, outer fold {split.outer_fold}"
    rows = np.concatenate([split.test, split.train])
    if len(np.unique(rows)) != len(rows):
        raise ClassifyError(f"{where}: a sample is listed twice; list each once per outer fold")
    if not len(split.test):
        raise ClassifyError(f"{where}: no test sample (no row without inner fold)")
    if len(np.unique(data.y[split.train])) < 2:
        raise ClassifyError(f"{where}: its training part holds fewer than two classes")
    _check_patients(data, split.test, split.train, where)
    for name in np.unique(split.inner):
        held = split.inner == name
        _check_patients(data, split.train[held], split.train[~held], f"{where}, inner fold {name}")


def _check_patients(
    data: TrainingData, one: NDArray[np.int64], other: NDArray[np.int64], where: str
) -> None:
    shared = np.intersect1d(data.patient[one], data.patient[other])
    if shared.size:
        raise ClassifyError(f"{where}: patient {str(shared[0])!r} is on both sides of the split")


def fold_seed(parameters: EvaluationParameters, split: OuterFold) -> int:
    """Return the seed of what is random in an outer fold."""
    entropy = (parameters.seed, split.repeat, split.outer_fold)
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _run_fold(
    data: TrainingData,
    model: str,
    parameters: EvaluationParameters,
    on_fold: Callable[[FoldResult], None] | None,
    fold: tuple[OuterFold, Prepared],
) -> FoldResult:
    split, prepared = fold
    seed = fold_seed(parameters, split)
    fitted = fit_tuned(data, split.train, split.inner, model, parameters, seed, prepared=prepared)
    features = fitted.pipeline.features_of(data, split.test)
    raw, score = fitted.scores(features)
    variants = [
        _frame(data, split, fitted, {"score": variant.scores(raw)}).with_columns(
            calibrator=pl.lit(name)
        )
        for name, variant in fitted.variants.items()
    ]
    result = FoldResult(
        split.repeat,
        split.outer_fold,
        _frame(data, split, fitted, {"raw_score": raw, "score": score}).select(*SCORE_SCHEMA),
        _choices_frame(split, fitted),
        pl.concat(variants).select(*CALIBRATION_SCHEMA),
    )
    if on_fold:
        on_fold(result)
    return result


def _frame(
    data: TrainingData, split: OuterFold, fitted: TunedClassifier, scores: Mapping[str, Floats]
) -> pl.DataFrame:
    """Return a row for each test sample and class of the data; absent classes score 0."""
    classes = np.unique(data.y)
    present = np.searchsorted(classes, fitted.classes)
    columns: dict[str, Any] = {}
    for name, values in scores.items():
        full = np.zeros((len(split.test), len(classes)))
        full[:, present] = values
        columns[name] = full.ravel()
    return pl.DataFrame(columns).with_columns(
        repeat=pl.lit(split.repeat, pl.Int64),
        outer_fold=pl.lit(split.outer_fold, pl.Int64),
        sample_id=pl.Series(np.repeat(data.sample_ids[split.test], len(classes)).tolist()),
        **{"class": pl.Series(np.tile(classes, len(split.test)).tolist())},
    )


def _choices_frame(split: OuterFold, fitted: TunedClassifier) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "repeat": [split.repeat],
            "outer_fold": [split.outer_fold],
            "candidate": [json.dumps(dict(fitted.candidate), sort_keys=True)],
            "inner_log_loss": [fitted.calibrator.log_loss],
            "calibration_c": [fitted.calibrator.penalty],
            "n_probes": [len(fitted.pipeline.columns)],
            "n_train": [len(split.train)],
            "n_test": [len(split.test)],
            "calibrator": [fitted.calibrator.to_json(fitted.classes)],
        }
    )
