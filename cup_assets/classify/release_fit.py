"""Making a release: the champion, refitted on all reference samples.

Belongs here: choosing the model, fitting it, and the record of how. Does not belong here: applying
it (release), its files (release_files).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain import draw_background, kept_background
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release import Release, probe_list_sha256
from cup_assets.classify.tuned import TunedClassifier, fit_tuned
from cup_assets.classify.typicality import Typicality, fit_typicality
from cup_assets.compute import Mapper, serial


def champion(cv_metrics: pl.DataFrame, pinned: str | None = None) -> str:
    """Return the model with the lowest calibrated log loss, or the pinned one.

    Parameters
    ----------
    cv_metrics
        Frame (model, metric, value) of one scheme, strategy and feature set.

    Raises
    ------
    ClassifyError
        Where no model has a log loss, or the pinned one was not evaluated.
    """
    losses = cv_metrics.filter((pl.col("metric") == "log_loss") & pl.col("value").is_not_null())
    if losses["model"].is_duplicated().any():
        raise ClassifyError("several log losses for a model: give those of one scheme and strategy")
    if pinned is not None:
        if pinned not in losses["model"]:
            raise ClassifyError(f"pinned model {pinned!r} was not evaluated")
        return pinned
    if losses.is_empty():
        raise ClassifyError("no model has a log loss to choose a champion by")
    return str(losses.sort("value", "model")["model"][0])


def fit_release(
    data: TrainingData,
    model: str,
    folds: pl.DataFrame,
    parameters: EvaluationParameters,
    *,
    version: str,
    normalisation: Mapping[str, Any],
    replicates: str,
    cv_metrics: pl.DataFrame,
    input_manifest: Sequence[Mapping[str, Any]],
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Release:
    """Refit a model on all reference samples.

    The outer folds of the first repeat play the part that the inner folds play in an outer
    training part: hyperparameters are chosen and the calibrator is fitted on scores of samples
    held out by outer fold, then pipeline and model are refitted on all samples. So the release is
    made exactly as the classifiers were that the metrics describe. The same folds tell how far
    samples usually lie from their class.

    Parameters
    ----------
    folds
        As for `nested_cv`; every sample of the data must be an outer test sample once.
    normalisation
        Parameters that the betas were made with.
    replicates
        What replicates of a probe (EPIC v2) came to: ``best_detection`` or ``mean``.
    cv_metrics
        Frame (metric, class, value, low, high) of this model, for the record.
    input_manifest
        Rows naming the inputs and their versions.

    Raises
    ------
    ClassifyError
        As `nested_cv`, where the folds do not hold out every sample exactly once, and where the
        data hold copy number: cases are classified by their betas.
    """
    if len(data.cnv_names):
        raise ClassifyError(
            f"a release is made of betas, these data hold {data.features}: cases come without copy"
            " number; give data.with_features('betas')"
        )
    splits = outer_folds(data, folds)
    fold_of = np.full(len(data.sample_ids), -1, dtype=np.int64)
    for split in splits:
        if split.repeat == splits[0].repeat:
            if (fold_of[split.test] >= 0).any():
                raise ClassifyError("a sample is held out by two outer folds")
            fold_of[split.test] = split.outer_fold
    if (fold_of < 0).any():
        name = data.sample_ids[fold_of < 0][0]
        raise ClassifyError(
            f"sample {str(name)!r} is held out by no outer fold: calibration needs it"
        )
    rows = np.arange(len(data.sample_ids))
    classifier, typicality = fit_parts(
        data, rows, fold_of, model, parameters, parameters.seed, mapper, progress
    )
    features = classifier.pipeline.features_of(data, rows)
    background = kept_background(classifier.model, draw_background(features, parameters.seed))
    record = {
        "version": version,
        "model": model,
        "candidate": dict(classifier.candidate),
        "parameters": asdict(parameters),
        "normalisation": dict(normalisation),
        "replicates": replicates,
        "classes": _sizes(data.y),
        "families": data.family_of(),
        "factors": {
            name: _sizes(getattr(data, name)) for name in classifier.pipeline.factors.tolist()
        },
        "n_samples": len(data.sample_ids),
        "n_patients": len(np.unique(data.patient)),
        "n_probes": len(classifier.pipeline.probe_ids),
        "probe_list_sha256": probe_list_sha256(classifier.pipeline.probe_ids),
        "calibration": {
            "penalty": classifier.calibrator.penalty,
            "log_loss": classifier.calibrator.log_loss,
        },
        "metrics": cv_metrics.select("metric", "class", "value", "low", "high").to_dicts(),
        "input_manifest": [dict(row) for row in input_manifest],
    }
    # As it will be read back from disk, so that a release is the same before and after.
    record = json.loads(json.dumps(record, sort_keys=True, allow_nan=False))
    return Release(version, model, classifier, typicality, data.family_of(), record, background)


def fit_parts(
    data: TrainingData,
    rows: Ints,
    groups: Ints,
    model: str,
    parameters: EvaluationParameters,
    seed: int,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TunedClassifier, Typicality]:
    """Learn all that decides the calls of a release from the rows of a training part.

    Parameters and errors as for `cup_assets.classify.tuned.fit_tuned`; what is usual for a sample
    is told by the same groups.
    """
    classifier = fit_tuned(data, rows, groups, model, parameters, seed, mapper, progress)
    codes = np.searchsorted(classifier.classes, data.y[rows]).astype(np.int64)
    features = classifier.pipeline.features_of(data, rows)
    return classifier, fit_typicality(features, codes, groups, parameters, mapper)


def _sizes(names: Strings) -> dict[str, int]:
    found, counts = np.unique(names, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
