"""Checking a sample's cross-validated scores by what the bundle holds of their folds.

Belongs here: whether the sample was held out where it was scored, and whether its scores follow
from the raw ones. Does not belong here: fitting the models of the folds again, which are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cup_assets.audit.checks import Check, verdict
from cup_assets.audit.content import Account
from cup_assets.classify.calibrate import Calibrator
from cup_assets.cohort.schemes import HELD_OUT_BY

REFERENCE = "datasets/reference"
REPLACED = "its rows were replaced by those of a later version"

Row = Mapping[str, Any]
People = Mapping[str, Mapping[str, str]]
"""Version of ``datasets/reference`` -> sample -> person; empty without the warehouse."""

_PART = ("scheme", "repeat", "outer_fold")
_FOLD = ("study", "model", "strategy", "features", *_PART)
_HELD_OUT = "the sample was held out by every fold that scored it"
_PEOPLE = "no other sample of the same person was learnt from in these folds"
_CALIBRATED = (
    "calibrated scores follow from the raw ones by their folds' calibrators, to the last bit"
)


def check_cross_validated(account: Account, people: People) -> Iterator[Check]:
    """Hold the scores of a sample against folds, members and calibrators, where it has any."""
    scores = account.tables.get("cv_scores", ())
    if account.subject["kind"] != "sample" or not scores:
        return
    behind = {step["version"]: step["inputs"].get(REFERENCE) for step in account.steps}
    for version in sorted({str(behind.get(row["data_version"])) for row in scores}):
        own = [row for row in scores if str(behind.get(row["data_version"])) == version]
        yield from _check_folds(account, version, own, people)
    yield from _check_calibrated(account, scores)


def _check_folds(
    account: Account, version: str, scores: Sequence[Row], people: People
) -> Iterator[Check]:
    """Look at the folds of one version of the reference set."""
    sample = account.subject["id"]
    folds: dict[tuple[Any, ...], list[Row]] = {}
    for row in account.tables.get("folds", ()):
        if row["data_version"] == version:
            folds.setdefault(_key(row, _PART), []).append(row)
    members = {
        row["sample_id"]: row
        for row in account.tables.get("dataset_members", ())
        if row["data_version"] == version
    }
    if not folds or sample not in members:
        for what in (_HELD_OUT, _PEOPLE):
            yield Check(what, "not done", f"{REFERENCE} {version}: {REPLACED}")
        return
    parts = sorted({_key(row, _PART) for row in scores})
    faults = [f for part in parts for f in _fold_faults(sample, part, folds.get(part, ()), members)]
    schemes = ", ".join(sorted({part[0] for part in parts}))
    yield verdict(_HELD_OUT, faults, f"{len(parts)} folds: {schemes}")
    persons = people.get(version)
    if persons is None:
        yield Check(_PEOPLE, "not done", "a bundle does not tell who a sample belongs to, and the"
                    " warehouse that knew it is not here or has a later version")  # fmt: skip
        return
    shared = [
        f"{row['sample_id']} in {_said(part)}"
        for part in parts
        for row in folds.get(part, ())
        if row["inner_fold"] is not None
        and row["sample_id"] != sample
        and persons.get(row["sample_id"], row["sample_id"]) == persons.get(sample, sample)
    ]
    yield verdict(_PEOPLE, shared, f"{len(parts)} folds")


def _fold_faults(
    sample: str, part: tuple[Any, ...], rows: Sequence[Row], members: Mapping[str, Row]
) -> Iterator[str]:
    own = [row["inner_fold"] for row in rows if row["sample_id"] == sample]
    if own != [None]:
        yield f"{_said(part)} " + ("does not test it" if not own else "learnt from it")
    if not members[sample]["included"]:
        yield f"{_said(part)} scored it, and it is no member of the reference set"
    if column := HELD_OUT_BY.get(part[0]):
        value = members[sample][column]
        same = [
            row["sample_id"]
            for row in rows
            if row["inner_fold"] is not None
            and members.get(row["sample_id"], {column: value})[column] == value
        ]
        if same:
            yield f"{_said(part)} learnt from {len(same)} samples of its {column}, as {same[0]}"


def _check_calibrated(account: Account, scores: Sequence[Row]) -> Iterator[Check]:
    """Apply every fold's calibrator to the raw scores again."""
    key = ("data_version", *_FOLD)
    stored = {
        _key(row, key): row["calibrator"]
        for row in account.tables.get("cv_choices", ())
        if row["calibrator"] is not None
    }
    by_fold: dict[tuple[Any, ...], list[Row]] = {}
    for row in scores:
        by_fold.setdefault(_key(row, key), []).append(row)
    known = sorted((fold for fold in by_fold if fold in stored), key=str)
    faults = [
        f"{fold[2]}, {_said(fold[-3:])}: {fault}"
        for fold in known
        for fault in _calibration_faults(stored[fold], by_fold[fold])
    ]
    if known:
        yield verdict(_CALIBRATED, faults, f"{len(known)} folds of models")
    if lacking := len(by_fold) - len(known):
        yield Check(
            _CALIBRATED, "not done", f"the calibrators of {lacking} folds of models are not stored"
        )


def _calibration_faults(calibrator: str, rows: Sequence[Row]) -> Iterator[str]:
    try:
        classes, fitted = Calibrator.from_json(calibrator)
        told = {row["class"]: row for row in rows}
        raw = np.array([[float(told[name]["raw_score"]) for name in classes.tolist()]])
        found = dict(zip(classes.tolist(), fitted.scores(raw)[0].tolist(), strict=True))
    except (ValueError, KeyError) as error:
        yield f"calibrator and scores do not fit ({error!r})"
        return
    for name, row in told.items():
        # What the training part does not hold has no score.
        if row["score"] != found.get(name, 0.0):
            yield f"score of {name} is {found.get(name, 0.0).hex()}, told is {row['score']}"


def _key(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _said(part: Sequence[Any]) -> str:
    scheme, repeat, fold = part
    return f"{scheme}, repeat {repeat}, fold {fold}"
