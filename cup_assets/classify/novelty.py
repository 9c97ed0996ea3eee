"""What a classifier says about tumours of a class it has never seen.

Belongs here: leaving each class out in turn, and what its samples are then called. Does not belong
here: the thresholds of a call (`families`), rejection among known classes (`reliability`).

The honest answer to a tumour of an unknown class is no_match, or family_only with its family. A
match is always wrong, however high its score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import patient_weights, share_interval
from cup_assets.classify.data import Floats, Ints, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.families import CALL_SCHEMA, call_samples
from cup_assets.classify.learners import Learner
from cup_assets.classify.measures import Rows, ratio
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.reliability import THRESHOLDS
from cup_assets.compute import Mapper, serial

OUTCOMES = ("match", "family_right", "family_wrong", "no_match")
NOVEL_SCHEMA = {
    "left_out": pl.String,
    "true_family": pl.String,
    "family_known": pl.Boolean,
    "patient_id": pl.String,
    **CALL_SCHEMA,
    "top_score": pl.Float64,
    "outcome": pl.String,
}
OUTCOME_SCHEMA = {
    "class": pl.String,
    "family": pl.String,
    "family_known": pl.Boolean,
    "n_samples": pl.Int64,
    "n_patients": pl.Int64,
    "outcome": pl.String,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
FALSE_MATCH_SCHEMA = {
    "threshold": pl.Float64,
    "false_match": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


@dataclass(frozen=True)
class Novelty:
    """The samples of each class, as called by a classifier that never saw the class.

    Attributes
    ----------
    calls
        Frame of `NOVEL_SCHEMA`, a row for each sample of a class that was left out: whether other
        classes of its family were learnt from, its call, the class and family named, its highest
        score of any class, and what that amounts to:
        ``match`` (wrongly), ``family_right`` (family_only, of its own family), ``family_wrong``
        (family_only, of another) or ``no_match``.
    not_tested
        Frame (class, reason) of the classes that could not be left out.
    """

    calls: pl.DataFrame
    not_tested: pl.DataFrame


def leave_classes_out(
    data: TrainingData,
    folds: pl.DataFrame,
    learner: Learner,
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
    learner
        Such as `cup_assets.classify.learners.tuned_learner` gives.
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
    parts = mapper(partial(_call, data, groups, learner, parameters), tasks, progress)
    calls = pl.concat(parts) if parts else pl.DataFrame(schema=NOVEL_SCHEMA)
    schema = {"class": pl.String, "reason": pl.String}
    return Novelty(calls, pl.DataFrame(reasons, schema=schema, orient="row"))


def novelty_outcomes(calls: pl.DataFrame, seed: int, bootstraps: int = 500) -> pl.DataFrame:
    """Count what the samples of unseen classes were called.

    Parameters
    ----------
    calls
        Of `Novelty`.
    seed, bootstraps
        Of the intervals.

    Returns
    -------
    Frame of `OUTCOME_SCHEMA`, a row for each class and outcome, and four with null class over all
    samples. The share is of the samples, with its 95 % interval over patients. Where no other
    class of the family was known (``family_known`` false), ``family_right`` is impossible and its
    share null.
    """
    rows: list[tuple[object, ...]] = []
    parts = [*calls.sort("left_out").partition_by("left_out", maintain_order=True), calls]
    for part in parts if calls.height else []:
        own = None if part is calls else part.row(0, named=True)
        names = (
            (None, None, None)
            if own is None
            else (own["left_out"], own["true_family"], own["family_known"])
        )
        patients = part["patient_id"].to_list()
        (weights,) = patient_weights([patients], bootstraps, seed)
        n_patients = len(set(patients))
        for outcome in OUTCOMES:
            share = _share((part["outcome"] == outcome).to_numpy(), weights, n_patients)
            possible = outcome != "family_right" or part["family_known"].any()
            told = share if possible else (None, None, None)
            rows.append((*names, part.height, n_patients, outcome, *told))
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")


def false_matches(
    calls: pl.DataFrame,
    seed: int,
    bootstraps: int = 500,
    thresholds: Sequence[float] = THRESHOLDS,
) -> pl.DataFrame:
    """Sweep the threshold of a match over samples of unseen classes.

    The counterpart of `cup_assets.classify.reliability.reject_curve`: what a threshold costs there
    in coverage, it saves here in false matches.

    Returns
    -------
    Frame of `FALSE_MATCH_SCHEMA`: the share of the samples of unseen classes whose highest score
    reaches the threshold, with its 95 % interval over patients; empty without samples.
    """
    if calls.is_empty():
        return pl.DataFrame(schema=FALSE_MATCH_SCHEMA)
    patients = calls["patient_id"].to_list()
    (weights,) = patient_weights([patients], bootstraps, seed)
    top, n_patients = calls["top_score"].to_numpy(), len(set(patients))
    rows = [(float(t), *_share(top >= t, weights, n_patients)) for t in thresholds]
    return pl.DataFrame(rows, schema=FALSE_MATCH_SCHEMA, orient="row")


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
    learner: Learner,
    parameters: EvaluationParameters,
    task: _Task,
) -> pl.DataFrame:
    classes, scores = learner(task.train, groups[task.train], task.test, task.seed)
    family_of = data.family_of()
    own = family_of[task.name]
    calls = call_samples(
        data.sample_ids[task.test].tolist(),
        scores,
        classes.tolist(),
        family_of,
        parameters.match_threshold,
        parameters.family_threshold,
    )
    only = pl.when(pl.col("family") == own).then(pl.lit("family_right"))
    outcome = (
        pl.when(pl.col("call") == "family_only")
        .then(only.otherwise(pl.lit("family_wrong")))
        .otherwise("call")
    )
    return calls.with_columns(
        left_out=pl.lit(task.name),
        true_family=pl.lit(own),
        family_known=pl.lit(own in {family_of[str(name)] for name in classes}),
        patient_id=pl.Series(data.patient[task.test].tolist(), dtype=pl.String),
        top_score=pl.Series(scores.max(axis=1)),
        outcome=outcome,
    ).select(*NOVEL_SCHEMA)


def _share(
    hits: Rows, weights: Floats, n_patients: int
) -> tuple[float, float | None, float | None]:
    values = ratio(weights @ hits.astype(np.float64), weights.sum(axis=1))
    return float(values[0]), *share_interval(float(values[0]), values[1:], n_patients)
