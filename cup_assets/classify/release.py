"""The classifier that patients' samples meet, and applying it.

Belongs here: what a release is, and predictions from it. Does not belong here: making one
(release_fit), its files (release_files) and reading arrays (methylome).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Strings
from cup_assets.classify.errors import ReleaseError
from cup_assets.classify.explain import Background
from cup_assets.classify.families import CALL_SCHEMA, call_samples
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.tuned import TunedClassifier
from cup_assets.classify.typicality import Typicality


@dataclass(frozen=True)
class Predictions:
    """What a release says about samples.

    Attributes
    ----------
    scores
        Frame (sample_id, release, class, raw_score, score), a row for each scored sample and
        class.
    calls
        Frame (sample_id, release, class, score, family, family_score, call, typicality, missing,
        note), a row for each sample. ``typicality`` is the share of held-out reference samples that
        lie at least as far from their class as the sample from the class named; below the limit
        there is no match, whatever the score, and the note says so. ``missing`` is the share of the
        release's probes that it lacks, masked or not on its array; they count as the mean of the
        reference. A sample that lacks too many is not scored: its class, family, scores and
        typicality are null, its call is no_match and the note says why. The note is null where
        there is nothing to say.
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
    typicality
        What is usual for a sample of a class.
    family_of
        Family of each class.
    record
        What the release knows about itself, JSON values only: parameters, normalisation, sizes of
        classes and of the levels adjusted for, metrics, input manifest, probe list hash.
    background
        What the contributions of features to a score are relative to; none where a study only
        counts calls. What is saved has one.
    """

    version: str
    model: str
    classifier: TunedClassifier
    typicality: Typicality
    family_of: Mapping[str, str]
    record: Mapping[str, Any]
    background: Background | None = None

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
        factors: Mapping[str, Sequence[str | None]],
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
        factors : mapping of name to str[n]
            What betas may be adjusted for, such as ``material`` (``FFPE``, ``frozen``). Where one
            that the release adjusts for is absent, null or empty, or a level that the reference
            did not hold, betas are not adjusted for it and the note says so. Of ``array`` the note
            on a sample that lacks too many probes says which it was.
        sample_ids : str[n]
            Names for the result.

        Raises
        ------
        ReleaseError
            Where the shapes disagree, a probe is named twice or a value is no beta.
        """
        betas, levels = self._prepared(X, probe_ids, factors, len(sample_ids))
        missing = np.isnan(betas).mean(axis=1) if len(betas) else np.empty(0)
        scored = np.flatnonzero(missing <= self._parameters.max_missing)
        names = [str(name) for name in sample_ids]
        features = self.classifier.pipeline.features(betas[scored], levels[scored])
        raw, score = self.classifier.scores(features)
        classes = self.classifier.classes.tolist()
        called = self._called([names[row] for row in scored], features, score)
        arrays = factors.get("array") or [None] * len(names)
        notes = [self._note(*of_sample) for of_sample in zip(levels, missing, arrays, strict=True)]
        order = pl.DataFrame(
            {"sample_id": names, "missing": missing, "note": notes}, schema_overrides=_NOTE
        )
        calls = (
            order.join(called, on="sample_id", how="left", maintain_order="left")
            .with_columns(
                pl.col("call").fill_null("no_match"),
                pl.lit(self.version).alias("release"),
                pl.concat_str("unlike", "note", separator="; ", ignore_nulls=True)
                .replace("", None)
                .alias("note"),
            )
            .select("sample_id", "release", *list(CALL_SCHEMA)[1:], "typicality", "missing", "note")
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

    def features(
        self,
        X: Features,
        probe_ids: Sequence[str] | Strings,
        factors: Mapping[str, Sequence[str | None]],
    ) -> tuple[Features, NDArray[np.bool_]]:
        """Return what the model sees of samples, float32[n, q], and what was measured, bool[n, q].

        The arguments are those of `predict`; what was not measured counts as the mean of the
        reference.
        """
        betas, levels = self._prepared(X, probe_ids, factors, len(X))
        return self.classifier.pipeline.features(betas, levels), ~np.isnan(betas)

    def _prepared(
        self,
        X: Features,
        probe_ids: Sequence[str] | Strings,
        factors: Mapping[str, Sequence[str | None]],
        n: int,
    ) -> tuple[Features, Strings]:
        """Return the betas of the release's probes and the levels of its factors, checked."""
        sizes = {name: len(levels) for name, levels in factors.items()}
        if X.shape != (n, len(probe_ids)) or set(sizes.values()) - {n}:
            raise ReleaseError(
                f"betas of shape {X.shape} do not fit {n} samples, {len(probe_ids)} "
                f"probes and {', '.join(f'{n} values of {name}' for name, n in sizes.items())}"
            )
        names = self.classifier.pipeline.factors
        levels = np.array(
            [[factors.get(name, [None] * n)[row] or "" for name in names] for row in range(n)],
            dtype=np.str_,
        ).reshape(n, len(names))
        betas = _align(X, probe_ids, self.probe_ids)
        if (np.nan_to_num(betas) < 0).any() or (np.nan_to_num(betas) > 1).any():
            raise ReleaseError("betas must lie in 0..1: give normalised betas, not M-values")
        return betas, levels

    def _called(self, names: Sequence[str], features: Features, score: Floats) -> pl.DataFrame:
        """Call by the scores, and take back matches with classes that a sample is unlike."""
        parameters, classes = self._parameters, self.classifier.classes.tolist()
        called = call_samples(
            names, score, classes, self.family_of,
            parameters.match_threshold, parameters.family_threshold,
        )  # fmt: skip
        codes = np.array([classes.index(name) for name in called["class"]], dtype=np.int64)
        called = called.with_columns(
            typicality=pl.Series(self.typicality.shares(features, codes), dtype=pl.Float64)
        )
        unlike = pl.col("typicality") < parameters.typicality_threshold
        family = pl.col("family_score") >= parameters.family_threshold
        return called.with_columns(
            call=pl.when(unlike & (pl.col("call") == "match"))
            .then(pl.when(family).then(pl.lit("family_only")).otherwise(pl.lit("no_match")))
            .otherwise("call"),
            unlike=pl.when(unlike).then(
                pl.format(
                    "unlike its class: only {} % of the reference samples lie as far from theirs"
                    f" (limit {parameters.typicality_threshold:.0%})",
                    (pl.col("typicality") * 100).round(1),
                )
            ),
        )

    @property
    def _parameters(self) -> EvaluationParameters:
        return parameters_from_json(self.record["parameters"])

    def _note(self, levels: Strings, missing: float, array: str | None) -> str | None:
        notes = []
        if missing > self._parameters.max_missing:
            limit = self._parameters.max_missing
            where = f", on array {array}" if array else ""
            notes.append(
                f"not scored: {missing:.0%} of the probes missing{where} (limit {limit:.0%})"
            )
        pipeline = self.classifier.pipeline
        for name, level in zip(pipeline.factors.tolist(), levels.tolist(), strict=True):
            if level not in (known := pipeline.known(name)):
                notes.append(
                    f"{name} {level or 'unknown'!r} not adjusted (known: {', '.join(known)})"
                )
        return "; ".join(notes) or None


_NOTE = {"sample_id": pl.String, "missing": pl.Float64, "note": pl.String}


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
    for needed in ("match_threshold", "family_threshold", "typicality_threshold", "max_missing"):
        if needed not in values:
            raise ReleaseError(f"the release does not say its {needed}: make a new release")
    known = {field.name for field in fields(EvaluationParameters)}
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in known
    }
    return EvaluationParameters(**plain)


def _align(X: Features, probe_ids: Sequence[str] | Strings, wanted: Strings) -> Features:
    """Return the columns of the wanted probes, NaN for those that are absent."""
    position = {str(name): column for column, name in enumerate(probe_ids)}
    if len(position) != len(probe_ids):
        raise ReleaseError("a probe is named twice: collapse replicate probes first")
    columns = np.array([position.get(name, -1) for name in wanted.tolist()])
    betas = np.full((len(X), len(wanted)), np.nan, dtype=np.float32)
    betas[:, columns >= 0] = X[:, columns[columns >= 0]]
    return betas
