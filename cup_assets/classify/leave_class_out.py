"""Calling the samples of each class by a classifier that never saw the class.

Belongs here: leaving each class out in turn, and what its samples are then called. Does not belong
here: the shares of these calls (`novelty`), the thresholds of a call (`families`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.families import CALL_SCHEMA, call_samples
from cup_assets.classify.learners import Called, Caller
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.novelty import RULES
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import Mapper, serial

NOVEL_SCHEMA = {
    "left_out": pl.String,
    "true_family": pl.String,
    "family_known": pl.Boolean,
    "patient_id": pl.String,
    **CALL_SCHEMA,
    "top_score": pl.Float64,
    "typicality": pl.Float64,
    "note": pl.String,
    **dict.fromkeys(RULES.values(), pl.String),
}


@dataclass(frozen=True)
class Novelty:
    """The samples of each class, as called by a classifier that never saw the class.

    Attributes
    ----------
    calls
        Frame of `NOVEL_SCHEMA`, a row for each sample of a class that was left out: whether other
        classes of its family were learnt from, its call by a release, the class and family named,
        its highest score of any class, how usual it is for that class, the release's note, and
        what the call, and that by the scores alone, amounts to: ``match`` (wrongly),
        ``family_right`` (family_only, of its own family), ``family_wrong`` (family_only, of
        another) or ``no_match``.
    not_tested
        Frame (class, reason) of the classes that could not be left out.
    """

    calls: pl.DataFrame
    not_tested: pl.DataFrame


def leave_classes_out(
    data: TrainingData,
    folds: pl.DataFrame,
    caller: Caller,
    parameters: EvaluationParameters,
    *,
    classes: Sequence[str] | None = None,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Novelty:
    """Leave each class out in turn, learn from all others and call its samples.

    Patients with a sample of the class are left out of the training with all their samples.

    Parameters
    ----------
    data
    folds
        Frame (scheme, repeat, outer_fold, inner_fold, sample_id); the outer folds of its first
        repeat are the inner folds of each fit, as in the fit of a release.
    caller
        Such as `cup_assets.classify.learners.released_caller` gives.
    parameters
        Gives the thresholds of a call and the seed.
    classes
        Those to leave out; all by default.
    mapper, progress
        Run and report the fits, one a class.

    Raises
    ------
    ClassifyError
        Where a class is unknown, a sample is in no fold, or folds and data do not fit.
    """
    known = np.unique(data.y).tolist()
    wanted = known if classes is None else sorted(set(classes))
    if unknown := sorted(set(wanted) - set(known)):
        raise ClassifyError(f"class {unknown[0]!r} is not in the data and cannot be left out")
    groups = _groups(data, folds)
    tasks, reasons = [], []
    for number, name in enumerate(wanted):
        task = _Task(name, *_sides(data, name), parameters.seed + number)
        if why := _impossible(data, groups, task):
            reasons.append((name, why))
        else:
            tasks.append(task)
    parts = mapper(partial(_call, data, groups, caller, parameters), tasks, progress)
    calls = pl.concat(parts) if parts else pl.DataFrame(schema=NOVEL_SCHEMA)
    schema = {"class": pl.String, "reason": pl.String}
    return Novelty(calls, pl.DataFrame(reasons, schema=schema, orient="row"))


@dataclass(frozen=True, eq=False)
class _Task:
    """A class that is left out: its rows, those to learn from, and the seed."""

    name: str
    test: Ints
    train: Ints
    seed: int


def _sides(data: TrainingData, name: str) -> tuple[Ints, Ints]:
    own = data.y == name
    barred = np.isin(data.patient, data.patient[own])
    return np.flatnonzero(own).astype(np.int64), np.flatnonzero(~barred).astype(np.int64)


def _groups(data: TrainingData, folds: pl.DataFrame) -> Ints:
    """Return the outer fold, of the first repeat, that tests each sample."""
    splits = outer_folds(data, folds)
    groups = np.full(len(data.y), -1, dtype=np.int64)
    for split in splits:
        if split.repeat == splits[0].repeat:
            groups[split.test] = split.outer_fold
    if (missing := np.flatnonzero(groups < 0)).size:
        name = str(data.sample_ids[missing[0]])
        raise ClassifyError(f"sample {name!r} is tested in no outer fold of the first repeat")
    return groups


def _impossible(data: TrainingData, groups: Ints, task: _Task) -> str | None:
    if len(np.unique(data.y[task.train])) < 2:
        return "fewer than two other classes are left to learn from"
    for fold in np.unique(groups[task.train]):
        rest = task.train[groups[task.train] != fold]
        if len(np.unique(data.y[rest])) < 2:
            return "the other classes are too small to be divided into inner folds"
    return None


def _call(
    data: TrainingData,
    groups: Ints,
    caller: Caller,
    parameters: EvaluationParameters,
    task: _Task,
) -> pl.DataFrame:
    called = caller(task.train, groups[task.train], task.test, task.seed)
    family_of = data.family_of()
    own = family_of[task.name]
    by_scores = _by_scores(called, family_of, parameters)
    return (
        called.predictions.calls.with_columns(typicality=called.typicality)
        .join(by_scores, on="sample_id", how="left", maintain_order="left")
        .with_columns(
            left_out=pl.lit(task.name),
            true_family=pl.lit(own),
            family_known=pl.lit(own in {family_of[name] for name in data.y[task.train].tolist()}),
            patient_id=pl.Series(data.patient[task.test].tolist(), dtype=pl.String),
            outcome=_outcome("call", "family", own),
            outcome_by_scores=_outcome("call_by_scores", "family_by_scores", own),
        )
        .select(*NOVEL_SCHEMA)
    )


def _by_scores(
    called: Called, family_of: Mapping[str, str], parameters: EvaluationParameters
) -> pl.DataFrame:
    """Return sample_id, highest score, and call and family by the scores alone."""
    scores = called.predictions.scores
    if scores.is_empty():  # all of them lack too many probes
        names = ("sample_id", "call_by_scores", "family_by_scores")
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {"top_score": pl.Float64})
    wide = scores.pivot("class", index="sample_id", values="score", maintain_order=True)
    classes = wide.columns[1:]
    calls = call_samples(
        wide["sample_id"].to_list(),
        wide.select(classes).to_numpy(),
        classes,
        family_of,
        parameters.match_threshold,
        parameters.family_threshold,
    )
    return calls.select(
        "sample_id",
        top_score=wide.select(pl.max_horizontal(classes)).to_series(),
        call_by_scores="call",
        family_by_scores="family",
    )


def _outcome(call: str, family: str, own: str) -> pl.Expr:
    """Say what a call amounts to; a sample that was not scored has none, and is no match."""
    only = pl.when(pl.col(family) == own).then(pl.lit("family_right"))
    return (
        pl.when(pl.col(call) == "family_only")
        .then(only.otherwise(pl.lit("family_wrong")))
        .otherwise(pl.col(call).fill_null("no_match"))
    )
