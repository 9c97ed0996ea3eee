"""Rows of the catalogue as parts of a case's report.

Belongs here: one function a part, on rows alone. Does not belong here: the queries (`case_rows`),
versions and which rows are of a case (`case_report`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence

from cup_assets.orchestration.case_rows import ALTERED, BatchRows, Row
from cup_assets.report.case_sections import (
    Anomaly,
    CopyNumber,
    Driver,
    Drivers,
    Limits,
    Neighbour,
    Opposed,
    Override,
    Prediction,
    Quality,
    Score,
)
from cup_assets.warehouse import AssetVersion

Hide = Callable[[str], str]

_MEASURES = (
    *("failed_fraction", "bisulfite_conversion", "median_m", "median_u"),
    *("signal_to_background", "median_beads"),
)


def hider(case: Row) -> Hide:
    """Return what takes the patient's own identifier out of remarks, which people may have typed.

    A pseudonym that is the identifier too has to stay.
    """
    patient = case["patient_id"]
    if not patient or patient == case["sample_id"]:
        return str
    pattern = re.compile(rf"(?<!\w){re.escape(patient)}(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub("…", text)


def _split(text: str | None, hide: Hide) -> list[str]:
    return [hide(part) for part in (text or "").split("; ") if part]


def quality_of(row: Row | None, hide: Hide) -> Quality | None:
    """Return what quality control found."""
    if row is None:
        return None
    measures = json.loads(row["measures"]) | {name: row[name] for name in _MEASURES if name in row}
    conflicts = [row["sex_conflict"], *_split(row["identity_conflict"], hide)]
    reasons = _split(row["measured_reasons"], hide) + [hide(one) for one in conflicts if one]
    override = None
    if row["overridden_by"] is not None:
        measured = row["measured_verdict"]
        if measured == "pass" and any(conflicts):
            measured = "warn"
        override = Override(
            row["verdict"], measured, row["overridden_by"], row["override_date"],
            hide(row["override_reason"]),
        )  # fmt: skip
    return Quality(
        row["verdict"],
        reasons,
        {name: measures.get(name) for name in _MEASURES},
        row["predicted_sex"],
        row["recorded_sex"],
        override,
    )


def limits_of(fitted: AssetVersion) -> Limits:
    """Return the thresholds that a release was made with."""
    own = fitted.parameters["evaluation"]
    return Limits(
        own["match_threshold"], own["family_threshold"], own["typicality_threshold"],
        own["max_missing"],
    )  # fmt: skip


def prediction_of(row: Row, rows: BatchRows, hide: Hide) -> Prediction:
    """Return what the release says."""
    scores = [
        Score(one["class"], rows.family_of.get(one["class"]), one["score"])
        for one in rows.scores.get(row["sample_id"], ())
    ]
    sums: dict[str, float] = {}
    for score in scores:
        if score.family is not None:
            sums[score.family] = sums.get(score.family, 0.0) + score.score
    # The sum that the call rests on, to the last bit.
    if row["family"] in sums:
        sums[row["family"]] = row["family_score"]
    families = [Score(name, None, value) for name, value in sums.items()]
    return Prediction(
        row["call"], row["class"], row["score"], row["family"], row["family_score"],
        row["typicality"], row["missing"], _split(row["note"], hide), scores,
        sorted(families, key=lambda one: (-one.score, one.name)),
    )  # fmt: skip


def neighbours_of(rows: BatchRows, name: str) -> list[Neighbour]:
    """Return the nearest reference samples."""
    return [
        Neighbour(
            one["place"], one["neighbour"], one["class"],
            rows.family_of.get(one["class"] or ""), one["distance"],
        )
        for one in rows.neighbours[name]
    ]  # fmt: skip


def copy_number_of(row: Row, rows: BatchRows, name: str) -> CopyNumber:
    """Return the profile with its anomalies, and which of them are typical of the class named."""
    typical = {_change(one): one for one in rows.typical.get(name, ())}
    calls = rows.calls.get(name, ())
    anomalies = []
    for one in calls:
        if one["call"] not in ALTERED:
            continue
        gained = one["call"] in ("gain", "amplification")
        found = typical.get((one["kind"], f"{'gain' if gained else 'loss'} of {one['region']}"), {})
        anomalies.append(
            Anomaly(
                one["kind"], one["region"], one["call"], one["log2"], one["confidence"],
                found.get("class_share"), found.get("other_share"),
            )
        )  # fmt: skip
    return CopyNumber(
        reason=row["reason"],
        build=row["build"],
        n_controls=row["n_controls"],
        noise=row["noise"],
        altered_fraction=row["altered_fraction"],
        purity=row["purity"],
        purity_low=row["purity_low"],
        purity_high=row["purity_high"],
        purity_reason=row["purity_reason"],
        warnings=(row["warnings"] or "").split("; ") if row["warnings"] else (),
        pool_version=row["pool_version"],
        anomalies=sorted(anomalies, key=_in_order),
        n_not_called=sum(one["call"] == "no_call" for one in calls),
    )


def _in_order(one: Anomaly) -> tuple[str, int, str]:
    """Arms, stretches and genes, along the genome where the name tells."""
    number = re.match(r"\d+", one.region) if one.kind != "gene" else None
    return one.kind, int(number[0]) if number else 99, one.region


def _change(one: Row) -> tuple[str, str]:
    return ("arm" if one["gene"] is None else "gene", one["feature"])


def drivers_of(rows: Sequence[Row]) -> Drivers | None:
    """Return the CpGs that the score is made of."""
    if not rows:
        return None
    first = rows[0]
    cpgs = [
        Driver(one["rank"], one["feature"], one["gene"], one["value"], one["contribution"])
        for one in rows
    ]
    return Drivers(first["quantity"], first["base"], first["output"], cpgs)


def differential_of(rows: Iterable[Row]) -> list[Opposed]:
    """Return the CpGs that tell the class named from the next best."""
    return [
        Opposed(
            one["rank"], one["feature"], one["gene"], one["value"], one["contribution"],
            one["contribution_against"], one["difference"],
        )
        for one in rows
    ]  # fmt: skip
