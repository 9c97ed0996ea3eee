"""Checking a bundle by itself, and against an account of the same subject.

Belongs here: checks that need nothing but values. Does not belong here: reading the warehouse and
recomputing (`cup_assets.console`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

from cup_assets.audit.container import Bundle, wrong_entries
from cup_assets.audit.content import (
    ENVIRONMENT,
    FILES,
    FORMAT,
    SINCE,
    STEPS,
    SUBJECT,
    Account,
    entries_of,
    parsed,
)
from cup_assets.audit.crate import METADATA, faults_of
from cup_assets.audit.errors import BundleError
from cup_assets.audit.origins import is_origin, origin_faults, recorded_origins

Outcome = Literal["right", "wrong", "not done"]
# Inputs whose version is a hash of their own content: no step made them.
_OWN_CONTENT = ("manifest/", "cnv/controls/")
# What a version that was made again of the same differs in.
_OF_THE_RUN = ("run_id", "started_at", "materialised_at", "environment")
# Not in bundles of format 1.
_LATER_KEYS = {"started_at"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    outcome
        ``not done`` says in its detail why it could not be.
    """

    what: str
    outcome: Outcome
    detail: str = ""


def verdict(what: str, faults: Sequence[str], detail: str = "") -> Check:
    """Return a check that is right without faults."""
    return Check(what, "wrong", "; ".join(faults)) if faults else Check(what, "right", detail)


def check_entries(bundle: Bundle) -> Check:
    """Hold every entry against the manifest of hashes."""
    return verdict(
        "every entry has the hash that the manifest gives",
        wrong_entries(bundle),
        f"{len(bundle.sizes)} entries, digest {bundle.digest}",
    )


def read_account(bundle: Bundle) -> Account:
    """Read what a bundle tells; raw files in it are left where they are.

    Raises
    ------
    BundleError
        If it has not the form that bundles have.
    """
    subject = parsed(bundle.read(SUBJECT), SUBJECT)
    steps = parsed(bundle.read(STEPS), STEPS)
    tables = {
        name.removeprefix("tables/").removesuffix(".json"): parsed(bundle.read(name), name)
        for name in bundle.sizes
        if name.startswith("tables/")
    }
    releases: dict[str, dict[str, bytes]] = {}
    for name in bundle.sizes:
        if name.startswith("releases/"):
            _, release, file = name.split("/")
            releases.setdefault(release, {})[file] = bundle.read(name)
    try:
        if subject["format"] not in range(1, FORMAT + 1):
            raise BundleError(
                f"the bundle has format {subject['format']}, this version reads 1 to {FORMAT}: use"
                " the version of cup_assets that made it"
            )
        known = {"name", "asset", "partition", "version", "parameters", "inputs", *_OF_THE_RUN}
        known -= _LATER_KEYS if subject["format"] == 1 else set()
        for step in steps:
            if not known <= step.keys() or not isinstance(step["inputs"], dict):
                raise TypeError
        listed = parsed(bundle.read(FILES), FILES)
        return Account(
            {key: value for key, value in subject.items() if key not in ("format", "with_idats")},
            steps,
            {name: _rows(rows) for name, rows in tables.items()},
            {(row["batch"], row["name"]): row["sha256"] for row in listed},
            _rows(parsed(bundle.read("betas.json"), "betas.json")),
            parsed(bundle.read(ENVIRONMENT), ENVIRONMENT),
            releases,
            format=subject["format"],
            origins=_rows([parsed(bundle.read(n), n) for n in bundle.sizes if is_origin(n)]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError("an entry has not the form that bundles have: it was changed") from error


def _rows(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError
    return value


def check_inside(bundle: Bundle, account: Account) -> Iterator[Check]:
    """Hold the parts of a bundle against each other."""
    hashes = {}
    for name in bundle.sizes:
        with bundle.stream(name) as stream:
            hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    metadata = parsed(bundle.read(METADATA), METADATA)
    faults = faults_of(metadata, bundle.sizes, hashes)
    yield verdict("the metadata is an RO-Crate 1.1 of these entries", faults)
    yield verdict("the chain of steps has no gap", list(_gaps(account)))
    if account.origins or recorded_origins(account.steps):
        origins = origin_faults(account.origins, bundle.sizes, account.steps, account.subject)
        yield verdict("where public batches came from is told, of nobody else", list(origins))
    yield verdict(
        "scores agree with each other and with their hexadecimal form", list(_inexact(account))
    )
    named = [n for n in bundle.sizes if n.startswith("idats/") and hashes[n] not in n]
    yield verdict("raw files in the bundle have the hashes that they are named by", named)


def check_form(bundle: Bundle, account: Account, here: Mapping[str, str]) -> Check:
    """Hold the page for the reader and the metadata against the values that they were made of."""
    what = "the page for the reader says what the values say"
    code = "source of cup_assets"
    if account.environment.get(code) != here.get(code):
        return Check(what, "not done", "the bundle was made by another version of cup_assets")
    if any(name.startswith("idats/") for name in bundle.sizes):
        return Check(what, "not done", "only for bundles without raw files")
    again = entries_of(account)
    wrong = [n for n, content in again.items() if n in bundle.sizes and bundle.read(n) != content]
    return verdict(what, [f"{name} is not what the values give" for name in sorted(wrong)])


def compare_steps(told: Account, stored: Account) -> Iterator[Check]:
    """Hold steps against those that the warehouse has recorded of the same results."""
    of = {(step["name"], step["version"]): step for step in stored.steps}
    wrong, again = [], []
    for step in told.steps:
        name = f"{step['name']} {step['version']}"
        known = of.pop((step["name"], step["version"]), None)
        if known is None:
            wrong.append(f"{name} is not recorded")
            continue
        differing = sorted(
            key for key in step.keys() | known.keys() if step.get(key) != known.get(key)
        )
        if not differing:
            continue
        if (
            set(differing) <= set(_OF_THE_RUN)
            and known["materialised_at"] > step["materialised_at"]
        ):
            again.append(f"{name} was computed again on {known['materialised_at']}")
        else:
            wrong.append(f"{name} differs in {', '.join(differing)}")
    wrong += [f"{name} {version} is left out" for name, version in sorted(of)]
    yield verdict("every step is as recorded", wrong, f"{len(told.steps)} steps")
    if again:
        yield Check("runs and times of these steps", "not done", "; ".join(again))
    if told.files != stored.files:
        yield Check("raw files are those of the recorded steps", "wrong")
    if told.subject["withheld"] != stored.subject["withheld"]:
        yield Check("what is withheld", "wrong", "the bundle says otherwise")


def compare_tables(told: Account, stored: Account, current: Set[str]) -> Iterator[Check]:
    """Hold rows against those of the warehouse, where it should still have them.

    Parameters
    ----------
    told, stored
        The bundle's account, and the warehouse's of the same results.
    current
        Versions that are current: their rows are stored.
    """
    right = []
    for table in sorted(told.tables.keys() | stored.tables.keys()):
        since = SINCE.get((told.subject["kind"], table), 1)
        if table not in told.tables and since > told.format:
            continue  # bundles of that format do not hold it
        what = f"rows of {table} are as stored"
        ours, theirs = told.tables.get(table, []), stored.tables.get(table, [])
        if ours == theirs:
            right.append(f"{table} {len(ours)}")
            continue
        lacking = [row for row in ours if row not in theirs]
        added = [row for row in theirs if row not in ours]
        if _replaced(lacking, theirs, current):
            yield Check(what, "not done", _LATER)
        else:
            yield Check(what, "wrong", _first(lacking, added))
    yield Check("rows are as stored", "right", ", ".join(right))
    what = "betas and detection p-values are as stored"
    if told.betas == stored.betas:
        if told.betas:
            yield Check(what, "right")
    elif _replaced(told.betas, stored.betas, current):
        yield Check(what, "not done", _LATER)
    else:
        yield Check(what, "wrong")


_LATER = "they were replaced by those of a later version"


def _replaced(
    lacking: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]], current: Set[str]
) -> bool:
    """Tell whether rows that are not stored need not be: their version is neither there nor new."""
    versions = {row.get("data_version") for row in lacking}
    return bool(lacking) and not versions & (current | {row.get("data_version") for row in stored})


def _first(lacking: Sequence[Mapping[str, Any]], added: Sequence[Mapping[str, Any]]) -> str:
    if lacking and added:
        row, other = lacking[0], added[0]
        columns = sorted(key for key in row.keys() | other.keys() if row.get(key) != other.get(key))
        return f"{len(lacking)} rows differ, the first in {', '.join(columns)}"
    return f"{len(lacking)} rows are not stored, {len(added)} stored ones are left out"


def _gaps(account: Account) -> Iterator[str]:
    there = {(step["name"], step["version"]) for step in account.steps}
    for name, version in account.subject["results"]:
        if (name, version) not in there:
            yield f"{name} {version} is missing"
    files = {}
    for step in account.steps:
        for name, version in step["inputs"].items():
            if name.startswith("file/"):
                files[step["partition"], name.removeprefix("file/")] = version
            elif not name.startswith(_OWN_CONTENT) and (name, version) not in there:
                yield f"{name} {version}, from which {step['name']} was made, is missing"
    if files != dict(account.files):
        yield "files.json does not list the raw files of the steps"
    recorded = {version for _, version in there}
    for row in account.tables.get("samples", ()):
        if row["data_version"] not in recorded:
            continue  # the sheet was changed since, which subject.json says
        for colour in ("grn", "red"):
            if files.get((row["batch"], row[colour])) != row[f"{colour}_sha256"]:
                yield f"{row[colour]} has another hash in its batch"


def _inexact(account: Account) -> Iterator[str]:
    of_class = {
        (row["sample_id"], row["batch"], row["release"], row["class"]): row["score"]
        for row in account.tables.get("prediction_scores", ())
    }
    for row in account.tables.get("predictions", ()):
        key = (row["sample_id"], row["batch"], row["release"], row["class"])
        if row["score"] != of_class.get(key):
            yield f"predictions: the score of {row['class']} is not that of prediction_scores"
    for table, rows in account.tables.items():
        for row in rows:
            for name, value in row.items():
                exact = row.get(f"{name}_hex")
                if exact is not None and (value is None or float(value).hex() != exact):
                    yield f"{table}: {name} {value} is not {exact}"
