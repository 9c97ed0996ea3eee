"""Which reference samples the classifier learns from, and why the others are left out.

Belongs here: the rules of eligibility, each with its reason. Does not belong here: quality itself
(`cup_assets.methylome`), folds and weights.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from cup_assets.cohort.groups import components
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import CohortError

MEMBER_SCHEMA = {
    "sample_id": pl.String,
    "included": pl.Boolean,
    "reason": pl.String,
    "class": pl.String,
    "patient_id": pl.String,
    "group": pl.String,
}

Row = Mapping[str, str | None]


def select_members(
    samples: pl.DataFrame,
    quality: pl.DataFrame,
    identity: pl.DataFrame,
    parameters: CohortParameters,
    *,
    retracted: Collection[str] = (),
    arrays_left_out: Mapping[str, str] | None = None,
    strangers: Sequence[tuple[str, str]] = (),
) -> pl.DataFrame:
    """Decide for every sample whether it is a member of the reference set.

    Parameters
    ----------
    samples : pl.DataFrame
        ``sample_id``, ``batch``, ``patient_id``, ``role``, ``diagnosis``, ``class``; ``array``
        where arrays are left out.
    quality : pl.DataFrame
        ``sample_id``, ``verdict`` (pass, warn, fail), ``reasons``.
    identity : pl.DataFrame
        ``sample_id``, ``same_as``: pairs of samples with the same genotypes.
    parameters : CohortParameters
        Sets how many patients a class needs.
    retracted : collection of str
        Batches that were withdrawn.
    arrays_left_out : mapping, optional
        Array -> why no sample on it is used, as `cup_assets.cohort.choose_arrays` says.
    strangers : sequence of (sample_id, sample_id), optional
        Pairs of samples of one patient that have different genotypes.

    Returns
    -------
    pl.DataFrame
        Columns `MEMBER_SCHEMA`, every sample once, by ``sample_id``. ``reason`` is null for members
        and names everything that speaks against a sample otherwise. ``group`` joins the samples
        of one patient, and of one person under several patient names: samples of one group may
        never be divided between training and test. Groups are numbered by their smallest name.

    Raises
    ------
    CohortError
        If a sample_id occurs twice.

    Notes
    -----
    Equal genotypes under two patient names: if the classes agree, the samples of the first name are
    kept (the others are the same tumour again, not new evidence); if they differ, one label at
    least is wrong and nobody knows which, so that all are left out.

    Different genotypes under one patient name: the samples that agree with most others of the
    patient are kept, the others are somebody else's; where no such majority is, all are left out.
    """
    rows = samples.sort("sample_id").to_dicts()
    if len({row["sample_id"] for row in rows}) != len(rows):
        raise CohortError("samples: a sample_id occurs twice: retract one of the two batches")
    verdicts = {
        name: (verdict, reasons)
        for name, verdict, reasons in quality.select("sample_id", "verdict", "reasons").iter_rows()
    }
    arrays = arrays_left_out or {}
    reasons = {
        str(row["sample_id"]): "; ".join(_reasons(row, verdicts, retracted, arrays)) for row in rows
    }
    candidates = {str(row["sample_id"]): row for row in rows if not reasons[str(row["sample_id"])]}
    pairs = [
        (one, other)
        for one, other in identity.select("sample_id", "same_as").iter_rows()
        if one in candidates and other in candidates
    ]
    reasons |= _swaps(candidates, pairs, strangers)
    reasons |= _identity_conflicts(candidates, pairs)
    groups = _groups(candidates, pairs)
    reasons |= _small_classes(
        {name: row for name, row in candidates.items() if not reasons[name]}, groups, parameters
    )
    return pl.DataFrame(
        [
            (name, not reasons[name], reasons[name] or None, row["class"], row["patient_id"], group)
            for row in rows
            for name in [str(row["sample_id"])]
            for group in [groups.get(name, row["patient_id"])]
        ],
        schema=MEMBER_SCHEMA,
        orient="row",
    )


def _reasons(
    row: Row,
    verdicts: Mapping[str, tuple[str, str | None]],
    retracted: Collection[str],
    arrays_left_out: Mapping[str, str],
) -> list[str]:
    """Return what speaks against one sample taken by itself."""
    found = []
    if row["batch"] in retracted:
        found.append(f"batch {row['batch']} was retracted")
    if row["role"] != "reference":
        return [*found, f"role is {row['role']}, not reference"]
    verdict, why = verdicts.get(str(row["sample_id"]), (None, None))
    if verdict is None:
        found.append("no quality verdict: the batch is not normalised")
    elif verdict == "fail":
        found.append(f"quality: {why or 'failed'}")
    if row["diagnosis"] is None:
        found.append("no diagnosis")
    elif row["class"] is None:
        found.append(f"diagnosis {row['diagnosis']!r} is not in the taxonomy")
    if (array := row.get("array")) in arrays_left_out:
        found.append(arrays_left_out[str(array)])
    return found


def _identity_conflicts(
    candidates: Mapping[str, Row], pairs: list[tuple[str, str]]
) -> dict[str, str]:
    people: dict[str, list[str]] = defaultdict(list)
    for name, person in components(sorted(candidates), pairs).items():
        people[person].append(name)
    reasons = {}
    for first, names in people.items():
        patients = {candidates[name]["patient_id"] for name in names}
        if len(patients) == 1:
            continue
        differ = len({candidates[name]["class"] for name in names}) > 1
        for name in names:
            patient = candidates[name]["patient_id"]
            other = next(n for n in names if candidates[n]["patient_id"] != patient)
            who = f"same genotypes as {other}, filed as another patient"
            if differ:
                reasons[name] = f"identity: {who}, with different classes: one is swapped"
            elif patient != candidates[first]["patient_id"]:
                reasons[name] = f"identity: {who}: one person under two patient names"
    return reasons


def _swaps(
    candidates: Mapping[str, Row],
    pairs: list[tuple[str, str]],
    strangers: Sequence[tuple[str, str]],
) -> dict[str, str]:
    """Return why samples that are not of the same person as the others of their patient go."""
    person = components(sorted(candidates), pairs)
    odd: dict[str, dict[str, str]] = defaultdict(dict)  # patient -> sample -> one it contradicts
    for one, other in sorted(strangers):
        if one in candidates and other in candidates:
            odd[str(candidates[one]["patient_id"])].setdefault(one, other)
    reasons = {}
    for patient, contradicted in odd.items():
        sizes = Counter(
            person[name] for name, row in candidates.items() if row["patient_id"] == patient
        )
        (first, most), *rest = sizes.most_common()
        majority = first if all(n < most for _, n in rest) else None
        for name, other in contradicted.items():
            if person[name] != majority:
                reasons[name] = (
                    f"identity: other genotypes than {other} of the same patient: one is swapped"
                )
    return reasons


def _groups(candidates: Mapping[str, Row], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the group of each candidate: its patient's name, the smallest one of the person's."""
    patient = {name: str(row["patient_id"]) for name, row in candidates.items()}
    joined = components(
        sorted(set(patient.values())), [(patient[one], patient[other]) for one, other in pairs]
    )
    return {name: joined[patient[name]] for name in candidates}


def _small_classes(
    members: Mapping[str, Row], groups: Mapping[str, str], parameters: CohortParameters
) -> dict[str, str]:
    patients: dict[str, set[str]] = defaultdict(set)
    for name, row in members.items():
        patients[str(row["class"])].add(groups[name])
    need = parameters.patients_needed
    return {
        name: f"class {row['class']} has {n} patients, needs {need}"
        for name, row in members.items()
        if (n := len(patients[str(row["class"])])) < need
    }
