"""The classifier that patients' samples meet: fitting it and applying it.

Belongs here: the champion, its refit on all reference samples, predictions from a release. Does
not belong here: its files (release_files) and reading arrays (methylome).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError, ReleaseError
from cup_assets.classify.families import CALL_SCHEMA, call_samples
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.tuned import TunedClassifier, fit_tuned
from cup_assets.compute import Mapper, serial


@dataclass(frozen=True)
class Predictions:
    """What a release says about samples.

    Attributes
    ----------
    scores
        Frame (sample_id, release, class, raw_score, score), a row for each scored sample and
        class.
    calls
        Frame (sample_id, release, class, score, family, family_score, call, note), a row for each
        sample. A sample that lacks too many probes is not scored: its class, family and scores
        are null, its call is no_match and the note says why. The note is null where there is
        nothing to say.
    """

    scores: pl.DataFrame
    calls: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Release:
    """A classifier with all that decides its scores.

    Attributes
    ----------
    version
        Name of the release.
    model
        Name in ``MODELS``.
    classifier
        Pipeline, model and calibrator.
    family_of
        Family of each class.
    record
        What the release knows about itself, JSON values only: parameters, normalisation, sizes of
        classes and materials, metrics, input manifest, probe list hash.
    """

    version: str
    model: str
    classifier: TunedClassifier
    family_of: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def probe_ids(self) -> Strings:
        """Probes that a score depends on, str[q]."""
        return self.classifier.pipeline.probe_ids

    @property
    def replicates(self) -> str:
        """What replicates of a probe came to in the reference, and must in a case."""
        return str(self.record["replicates"])

    def predict(
        self,
        X: Features,
        probe_ids: Sequence[str] | Strings,
        material: Sequence[str | None] | Strings,
        sample_ids: Sequence[str] | Strings,
    ) -> Predictions:
        """Score and call samples; the same bits for a sample by itself or in any batch.

        Parameters
        ----------
        X : float32[n, p]
            Betas, normalised as the release's record says; NaN is missing.
        probe_ids : str[p]
            Names of its columns, in any order; a probe of the release that is absent counts as
            missing.
        material : str[n]
            ``FFPE``, ``frozen``; null or empty where unknown: then, as for a material that the
            reference did not hold, betas are not adjusted and the note says so.
        sample_ids : str[n]
            Names for the result.

        Raises
        ------
        ReleaseError
            Where the shapes disagree, a probe is named twice or a value is no beta.
        """
        kinds = np.array([kind or "" for kind in material], dtype=np.str_)
        if X.shape != (len(sample_ids), len(probe_ids)) or len(kinds) != len(sample_ids):
            raise ReleaseError(
                f"betas of shape {X.shape} do not fit {len(sample_ids)} samples, "
                f"{len(kinds)} materials and {len(probe_ids)} probes"
            )
        betas = _align(X, probe_ids, self.probe_ids)
        if (np.nan_to_num(betas) < 0).any() or (np.nan_to_num(betas) > 1).any():
            raise ReleaseError("betas must lie in 0..1: give normalised betas, not M-values")
        missing = np.isnan(betas).mean(axis=1) if len(betas) else np.empty(0)
        scored = np.flatnonzero(missing <= self._parameters.max_missing)
        names = [str(name) for name in sample_ids]
        raw, score = self.classifier.scores(betas[scored], kinds[scored])
        classes = self.classifier.classes.tolist()
        called = call_samples(
            [names[row] for row in scored],
            score,
            classes,
            self.family_of,
            self._parameters.match_threshold,
            self._parameters.family_threshold,
        )
        notes = [self._note(kind, share) for kind, share in zip(kinds, missing, strict=True)]
        order = pl.DataFrame({"sample_id": names, "note": notes}, schema_overrides=_NOTE)
        calls = (
            order.join(called, on="sample_id", how="left", maintain_order="left")
            .with_columns(
                pl.col("call").fill_null("no_match"), pl.lit(self.version).alias("release")
            )
            .select("sample_id", "release", *list(CALL_SCHEMA)[1:], "note")
        )
        scores = pl.DataFrame(
            {
                "sample_id": [names[row] for row in scored for _ in classes],
                "release": [self.version] * score.size,
                "class": classes * len(scored),
                "raw_score": raw.ravel(),
                "score": score.ravel(),
            },
            schema_overrides={"sample_id": pl.String, "release": pl.String, "class": pl.String},
        )
        return Predictions(scores, calls)

    @property
    def _parameters(self) -> EvaluationParameters:
        return parameters_from_json(self.record["parameters"])

    def _note(self, material: str, missing: float) -> str | None:
        notes = []
        if missing > self._parameters.max_missing:
            limit = self._parameters.max_missing
            notes.append(f"not scored: {missing:.0%} of the probes missing (limit {limit:.0%})")
        pipeline = self.classifier.pipeline
        if len(pipeline.materials) and not pipeline.adjusts(material):
            known = ", ".join(pipeline.materials.tolist())
            notes.append(f"material {str(material) or 'unknown'!r} not adjusted (known: {known})")
        return "; ".join(notes) or None


_NOTE = {"sample_id": pl.String, "note": pl.String}


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
    made exactly as the classifiers were that the metrics describe.

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
        As `nested_cv`, and where the folds do not hold out every sample exactly once.
    """
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
    classifier = fit_tuned(
        data, rows, fold_of, model, parameters, parameters.seed, mapper, progress
    )
    record = {
        "version": version,
        "model": model,
        "candidate": dict(classifier.candidate),
        "parameters": asdict(parameters),
        "normalisation": dict(normalisation),
        "replicates": replicates,
        "classes": _sizes(data.y),
        "families": data.family_of(),
        "materials": _sizes(data.material),
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
    return Release(version, model, classifier, data.family_of(), record)


def probe_list_sha256(probe_ids: Strings) -> str:
    """Return the SHA-256 of the probe names in order, one a line."""
    return hashlib.sha256("\n".join(probe_ids.tolist()).encode()).hexdigest()


def parameters_from_json(values: Mapping[str, Any]) -> EvaluationParameters:
    """Rebuild parameters from their JSON form, where tuples became lists.

    A release outlives the code that made it: parameters of training that no longer exist are
    passed over, because only thresholds and limits matter to a prediction, and those must be
    there.

    Raises
    ------
    ReleaseError
        If a threshold or limit is missing.
    """
    for needed in ("match_threshold", "family_threshold", "max_missing"):
        if needed not in values:
            raise ReleaseError(f"the release does not say its {needed}: make a new release")
    known = {field.name for field in fields(EvaluationParameters)}
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in known
    }
    return EvaluationParameters(**plain)


def _sizes(names: Strings) -> dict[str, int]:
    found, counts = np.unique(names, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _align(X: Features, probe_ids: Sequence[str] | Strings, wanted: Strings) -> Features:
    """Return the columns of the wanted probes, NaN for those that are absent."""
    position = {str(name): column for column, name in enumerate(probe_ids)}
    if len(position) != len(probe_ids):
        raise ReleaseError("a probe is named twice: collapse replicate probes first")
    columns = np.array([position.get(name, -1) for name in wanted.tolist()])
    betas = np.full((len(X), len(wanted)), np.nan, dtype=np.float32)
    betas[:, columns >= 0] = X[:, columns[columns >= 0]]
    return betas
