"""What a classifier says about tumours of a class it has never seen.

Belongs here: the shares of right and wrong answers. Does not belong here: leaving the classes out
(`leave_class_out`), rejection among known classes (`reliability`).

The honest answer to a tumour of an unknown class is no_match, or family_only with its family. A
match is always wrong, however high its score.

Samples are called by two rules: ``release``, as a release made of the other classes calls them,
which takes no sample for a match that is unlike the reference samples of its class (`typicality`);
and ``scores``, by the thresholds of the scores alone, to see what that adds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import patient_weights, share_interval
from cup_assets.classify.data import Floats
from cup_assets.classify.measures import Rows, ratio
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.reliability import THRESHOLDS

# Rule of a call -> the column of its outcomes.
RULES = {"release": "outcome", "scores": "outcome_by_scores"}
OUTCOMES = ("match", "family_right", "family_wrong", "no_match")
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


def novelty_outcomes(
    calls: pl.DataFrame, seed: int, bootstraps: int = 500, *, rule: str = "release"
) -> pl.DataFrame:
    """Count what the samples of unseen classes were called.

    Parameters
    ----------
    calls
        Of `cup_assets.classify.leave_class_out.leave_classes_out`.
    seed, bootstraps
        Of the intervals.
    rule
        A name in `RULES`.

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
            share = _share((part[RULES[rule]] == outcome).to_numpy(), weights, n_patients)
            possible = outcome != "family_right" or part["family_known"].any()
            told = share if possible else (None, None, None)
            rows.append((*names, part.height, n_patients, outcome, *told))
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")


def false_matches(
    calls: pl.DataFrame,
    parameters: EvaluationParameters,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    rule: str = "release",
) -> pl.DataFrame:
    """Sweep the threshold of a match over samples of unseen classes.

    The counterpart of `cup_assets.classify.reliability.reject_curve`: what a threshold costs there
    in coverage, it saves here in false matches.

    Parameters
    ----------
    calls
        Of `cup_assets.classify.leave_class_out.leave_classes_out`.
    parameters
        Gives the limit of typicality, and seed and number of the draws behind the intervals.
    rule
        A name in `RULES`.

    Returns
    -------
    Frame of `FALSE_MATCH_SCHEMA`: the share of the samples of unseen classes whose highest score
    reaches the threshold (and that, by the rule of a release, are not unlike that class), with its
    95 % interval over patients; empty without samples.
    """
    if calls.is_empty():
        return pl.DataFrame(schema=FALSE_MATCH_SCHEMA)
    patients = calls["patient_id"].to_list()
    (weights,) = patient_weights([patients], parameters.bootstraps, parameters.seed)
    unlike = pl.col("typicality") < parameters.typicality_threshold
    taken = pl.lit(value=True) if rule == "scores" else ~unlike.fill_null(value=False)
    rows = []
    for t in thresholds:
        high = (pl.col("top_score") >= t).fill_null(value=False)
        hits = calls.select(high & taken).to_series().to_numpy()
        rows.append((float(t), *_share(hits, weights, len(set(patients)))))
    return pl.DataFrame(rows, schema=FALSE_MATCH_SCHEMA, orient="row")


def _share(
    hits: Rows, weights: Floats, n_patients: int
) -> tuple[float, float | None, float | None]:
    values = ratio(weights @ hits.astype(np.float64), weights.sum(axis=1))
    return float(values[0]), *share_interval(float(values[0]), values[1:], n_patients)
