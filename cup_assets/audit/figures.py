"""Checking what a released classifier says of itself, by the rows that it was said from.

Belongs here: the record and the card of a release against the reference set, the stored metrics
and the cross-validated scores. Does not belong here: the release's files (`load_release` checks
them), fitting it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose
from typing import Any

from cup_assets.audit.checks import Check, verdict
from cup_assets.audit.content import Account, parsed
from cup_assets.audit.held_out import REFERENCE, REPLACED, People, Row
from cup_assets.audit.panels import vote_faults
from cup_assets.classify.model_card import figure_lines

_LEADERBOARD = "evaluation/leaderboard"
_ASSAYS = "panels/assays"
_SCHEME = "stratified"
# Sums in another order differ in the last digits; nothing that is shown does.
_CLOSE = 1e-9
# What a parameter says that was forged must not keep the machine busy for days.
_MOST_DRAWS = 100_000

Figures = dict[tuple[str, str | None], tuple[float | None, float | None, float | None]]


def check_figures(account: Account, people: People) -> Iterator[Check]:
    """Hold every release in a bundle against the rows behind it."""
    for release, files in sorted(account.releases.items()):
        record = parsed(files["release.json"], f"releases/{release}/release.json")
        inputs = {row["input"]: row["input_version"] for row in record["input_manifest"]}
        yield _check_reference(release, record, inputs, account, people)
        yield _check_card(release, record, files["model_card.md"].decode("utf-8", "replace"))
        if "panel" in record:
            yield from _check_assay(release, record, inputs, account)
            continue
        yield _check_metrics(release, record, inputs, account)
        yield from _check_scores(release, record, inputs, account, people)


def _check_reference(
    release: str, record: Row, inputs: Mapping[str, str], account: Account, people: People
) -> Check:
    what = f"release {release} was learnt from as many samples, patients and classes as it says"
    version = inputs.get(REFERENCE, "")
    members = _of(account, "dataset_members", version)
    if not members:
        return Check(what, "not done", f"{REFERENCE} {version}: {REPLACED}")
    included = [row for row in members if row["included"]]
    sizes = Counter(row["class"] for row in included)
    told: dict[str, Any] = {
        "samples": (record["n_samples"], len(included)),
        "classes": (record["classes"], dict(sizes)),
        "families": (record["families"], {row["class"]: row["family"] for row in included}),
    }
    detail = f"{len(included)} samples, {len(sizes)} classes"
    if persons := people.get(version):
        names = {persons.get(row["sample_id"], row["sample_id"]) for row in included}
        told["patients"] = (record["n_patients"], len(names))
        detail += f", {len(names)} patients"
    faults = [f"{name}: {said}, there are {there}" for name, (said, there) in told.items()
              if said != there]  # fmt: skip
    return verdict(what, faults, detail)


def _check_card(release: str, record: Row, card: str) -> Check:
    what = f"the model card of release {release} shows the figures of its record"
    heads, lines = figure_lines(record)
    shown = set(card.splitlines())
    if not set(heads) <= shown:
        return Check(what, "not done", "another version of cup_assets wrote the card")
    lacking = [f"no line {line!r}" for line in lines if line not in shown]
    return verdict(what, lacking[:3], f"{len(lines)} lines")


def _check_metrics(release: str, record: Row, inputs: Mapping[str, str], account: Account) -> Check:
    what = f"the metrics of release {release} are those of {_LEADERBOARD}"
    rows = [
        row
        for row in _of(account, "cv_metrics", inputs.get(_LEADERBOARD, ""))
        if (row["model"], row["scheme"]) == (record["model"], _SCHEME)
    ]
    if not rows:
        return Check(what, "not done", f"{_LEADERBOARD} {inputs.get(_LEADERBOARD)}: {REPLACED}")
    told, stored = _figures(record["metrics"]), _figures(rows)
    return verdict(what, list(_differences(told, stored, 0.0)), f"{len(told)} figures")


def _check_scores(
    release: str, record: Row, inputs: Mapping[str, str], account: Account, people: People
) -> Iterator[Check]:
    """Judge the stored cross-validated scores anew."""
    what = f"the metrics of release {release}, computed anew from the scores of all samples"
    if account.subject["kind"] != "release":
        yield Check(what, "not done", "only in the release's own bundle: a case's holds no other"
                    " samples' scores")  # fmt: skip
        return
    made = {(step["name"], step["version"]): step for step in account.steps}
    board = made.get((_LEADERBOARD, inputs.get(_LEADERBOARD, "")))
    behind: Mapping[str, str] = board["inputs"] if board else {}
    scores = _of(account, "cv_scores", behind.get(f"evaluation/cv/{record['model']}", ""))
    version = behind.get(REFERENCE, "")
    members = [row for row in _of(account, "dataset_members", version) if row["included"]]
    if board is None or not scores or not members:
        lacking = "the bundle is of format 1" if account.format == 1 else REPLACED
        yield Check(what, "not done", lacking)
        return
    persons = people.get(version)
    found = _judged(scores, members, persons or {}, board["parameters"])
    told = _figures(record["metrics"])
    if persons:
        faults = list(_differences(told, found, _CLOSE))
        yield verdict(f"{what}, are the same, with their intervals", faults, f"{len(told)} figures")
        return
    faults = list(_differences(_values(told), _values(found), _CLOSE))
    yield verdict(f"{what}, are the same", faults, f"{len(told)} figures")
    yield Check(f"intervals of the metrics of release {release}", "not done",
                "they are drawn over patients: a bundle does not tell who a sample belongs to, and"
                " the warehouse that knew it is not here or has a later version")  # fmt: skip


def _judged(
    scores: Sequence[Row],
    members: Sequence[Row],
    persons: Mapping[str, str],
    parameters: Row,
) -> Figures:
    """Return the figures; without persons each sample counts as one, and there are no intervals."""
    import polars as pl

    from cup_assets.classify.errors import ClassifyError
    from cup_assets.classify.metrics import metrics

    kept = ("repeat", "sample_id", "class", "raw_score", "score")
    truth = pl.DataFrame(
        {
            "sample_id": [row["sample_id"] for row in members],
            "class": [row["class"] for row in members],
            "patient_id": [persons.get(row["sample_id"], row["sample_id"]) for row in members],
        }
    )
    draws = parameters["bootstraps"] if persons else 0
    if not isinstance(draws, int) or draws > _MOST_DRAWS:
        return {}
    try:
        table = pl.DataFrame({name: [row[name] for row in scores] for name in kept})
        return _figures(metrics(table, truth, parameters["seed"], draws).iter_rows(named=True))
    except (ClassifyError, pl.exceptions.PolarsError, ValueError):
        return {}  # what cannot be judged has none of the figures


def _check_assay(
    release: str, record: Row, inputs: Mapping[str, str], account: Account
) -> Iterator[Check]:
    """Hold a released panel against the rows of ``panels/assays``."""
    technology, version = record["panel"]["technology"], inputs.get(_ASSAYS, "")
    whats = (
        f"the figures of release {release} are those of {_ASSAYS}",
        f"the CpGs of release {release} are those of {_ASSAYS}",
        f"how often the folds chose each CpG of release {release}, counted anew, is the same",
    )
    panels = _of_technology(account, "assay_panels", version, technology)
    if not panels:
        yield from (Check(what, "not done", f"{_ASSAYS} {version}: {REPLACED}") for what in whats)
        return
    measured = panels[0]["measured"]
    accuracy = [
        row
        for row in _of_technology(account, "assay_accuracy", version, technology)
        if (row["measured_by"], row["measured"]) == (technology, measured)
    ]
    told = _figures(record["metrics"])
    faults = list(_differences(told, _figures(accuracy), 0.0))
    yield verdict(whats[0], faults, f"{len(told)} figures")
    rows = _of_technology(account, "assay_targets", version, technology)
    targets = sorted(rows, key=lambda row: row["order"])
    named = record["panel"]["targets"]
    same = [
        {key: row.get(key) for key in one} == one for row, one in zip(targets, named, strict=False)
    ]
    faults = [] if len(targets) == len(named) and all(same) else ["other CpGs, places or classes"]
    yield verdict(whats[1], faults, f"{len(named)} CpGs")
    choices = _of_technology(account, "assay_choices", version, technology)
    votes = [row for row in choices if row["inner_fold"] is None]
    folds = len({(row["repeat"], row["outer_fold"]) for row in votes})
    yield verdict(whats[2], list(vote_faults(targets, votes, folds)), f"{len(targets)} CpGs")
    yield Check(f"the figures of release {release}, computed anew", "not done",
                "the scores of simulated measurements are not stored; `cup materialize --force`"
                " makes them again")  # fmt: skip


def _of(account: Account, table: str, version: str) -> list[Row]:
    return [row for row in account.tables.get(table, ()) if row["data_version"] == version]


def _of_technology(account: Account, table: str, version: str, technology: str) -> list[Row]:
    return [row for row in _of(account, table, version) if row["technology"] == technology]


def _figures(rows: Iterable[Row]) -> Figures:
    return {(row["metric"], row["class"]): (row["value"], row["low"], row["high"]) for row in rows}


def _values(figures: Figures) -> Figures:
    return {key: (value, None, None) for key, (value, _, _) in figures.items()}


def _differences(told: Figures, found: Figures, tolerance: float) -> Iterator[str]:
    for key in sorted(told.keys() | found.keys(), key=str):
        ours, theirs = told.get(key), found.get(key)
        if ours is None or theirs is None or not all(
            one == other
            or (one is not None and other is not None
                and isclose(one, other, rel_tol=tolerance, abs_tol=tolerance))
            for one, other in zip(ours, theirs, strict=True)
        ):  # fmt: skip
            yield f"{key[0]}{f' of {key[1]}' if key[1] else ''}: told {ours}, found {theirs}"
