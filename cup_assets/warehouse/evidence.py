"""Everything that the catalogue holds behind a sample's scores, a panel or a release.

Belongs here: which tables and versions are behind what, as plain values. Does not belong here: the
file that they go into (`cup_assets.audit`), recomputing.

Who a sample belongs to leaves the catalogue under the sample's own name, its pseudonym: patient
names, what joins the samples of a patient, and further columns of the sheet are withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cup_assets.warehouse.audit import Trace, history, results_of_sample, trace
from cup_assets.warehouse.behind import (
    ABOUT,
    AS_THEY_ARE,
    EXACT,
    LEARNT_FROM,
    TABLES_OF,
    WITHHELD,
)
from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.errors import WarehouseError

Result = tuple[str, str]

_RELEASE = "diagnosis/classifier"
_PANEL_RELEASE = "panels/release"


@dataclass(frozen=True)
class Subject:
    """What a bundle is about.

    Attributes
    ----------
    kind
        ``sample``, ``panel``, ``release`` (of the classifier) or ``released panel``.
    results
        The asset versions that are walked back, (name, data version).
    """

    kind: str
    id: str
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Evidence:
    """What is behind a subject, in JSON-able values of a fixed order.

    Attributes
    ----------
    steps
        Every asset version behind the results: name, version, fingerprint, code version,
        parameters, run, start and end, inputs, and the packages it was computed with (start and
        packages are null where an earlier version of the platform did not record them).
    tables
        Table -> rows, each with its run and data version.
    gone
        What is behind the results and no longer stored, a line each.
    """

    subject: Subject
    steps: list[dict[str, Any]]
    tables: dict[str, list[dict[str, Any]]]
    gone: list[str]


def find_subject(catalogue: Catalogue, name: str) -> Subject:
    """Tell what a name stands for, and which versions its current results are.

    Raises
    ------
    WarehouseError
        If nothing of that name has results, or a name is two things.
    """
    found = [subject for subject in _candidates(catalogue, name) if subject.results]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = " and a ".join(subject.kind for subject in found)
        raise WarehouseError(f"{name} is a {kinds}: rename the sample")
    raise WarehouseError(
        f"{name} is no sample with a prediction or cross-validated scores, no panel and no release"
        f" of {catalogue.path}: check the name, or run `cup materialize` first"
    )


def gather(catalogue: Catalogue, subject: Subject) -> Evidence:
    """Read everything behind the subject's results."""
    steps = steps_behind(catalogue, subject.results)
    about = {**ABOUT[subject.kind], **dict.fromkeys(LEARNT_FROM, "$1 <> ''")}
    versions = sorted({step["version"] for step in steps})
    tables = {
        table: _rows(catalogue, table, where, subject.id, versions)
        for table, where in sorted(about.items())
    }
    return Evidence(subject, steps, tables, sorted(_gone(catalogue, steps)))


def steps_behind(catalogue: Catalogue, results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return every recorded step behind some results, themselves included, sorted by name."""
    steps: dict[Result, dict[str, Any]] = {}

    def keep(found: Trace, _: int) -> None:
        if found.record:
            steps.setdefault((found.name, found.version), _step(found))

    recorded = history(catalogue)
    for result in results:
        trace(catalogue, *result, recorded).walk(keep)
    return [step for _, step in sorted(steps.items())]


def raw_files(steps: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Return (batch, file name) -> SHA-256 of every raw file behind the steps, sorted."""
    found = {
        (step["partition"], name.removeprefix("file/")): sha256
        for step in steps
        if step["asset"] == "raw/idats"
        for name, sha256 in step["inputs"].items()
        if name.startswith("file/")
    }
    return dict(sorted(found.items()))


def _candidates(catalogue: Catalogue, name: str) -> Iterator[Subject]:
    yield Subject("sample", name, tuple(_of_sample(catalogue, name)))
    panels = catalogue.query(
        "SELECT DISTINCT 'panels/cpg', data_version FROM panels WHERE panel_id = ?", [name]
    )
    yield Subject("panel", name, tuple(sorted(panels.iter_rows())))
    releases = catalogue.query(
        # The rows of earlier releases are written anew with each release; the name is the
        # beginning of the fingerprint of the version that made it.
        "SELECT asset, v.data_version FROM releases r JOIN asset_versions v"
        " ON v.asset = ? AND starts_with('r' || v.fingerprint, r.release) WHERE r.release = ?",
        [_RELEASE, name],
    )
    yield Subject("release", name, tuple(sorted(releases.iter_rows())))
    panels = catalogue.query(
        "SELECT asset, v.data_version FROM panel_releases r JOIN asset_versions v ON v.asset = ?"
        " AND starts_with(r.release, 'p' || left(v.fingerprint, 12) || '-') WHERE r.release = ?",
        [_PANEL_RELEASE, name],
    )
    yield Subject("released panel", name, tuple(sorted(panels.iter_rows())))


def _of_sample(catalogue: Catalogue, sample_id: str) -> list[Result]:
    """Return the versions of a sample's scores, and of its profile for the pool of controls."""
    scores = results_of_sample(catalogue, sample_id)
    if not scores:
        return []
    profiles = catalogue.query(
        "SELECT DISTINCT 'cnv/profiles[' || batch || ']', data_version FROM cnv_profiles"
        " WHERE sample_id = ?",
        [sample_id],
    )
    return sorted({*scores, *profiles.iter_rows()})


def _step(found: Trace) -> dict[str, Any]:
    record = found.record
    assert record is not None
    return {
        "name": found.name,
        "asset": record.asset,
        "partition": record.partition,
        "version": found.version,
        "fingerprint": record.fingerprint,
        "code_version": record.code_version,
        "parameters": record.parameters,
        "run_id": record.run_id,
        "started_at": _plain(record.started_at),
        "materialised_at": _plain(record.materialised_at),
        "inputs": dict(sorted(record.inputs.items())),
        "environment": record.summary.get("environment"),
    }


def _rows(
    catalogue: Catalogue, table: str, where: str, name: str, versions: list[str]
) -> list[dict[str, Any]]:
    """Return the rows of a table (a constant of this module) that are of the versions."""
    hidden = WITHHELD.get(table, ())
    columns = f"* EXCLUDE ({', '.join(hidden)})" if hidden else "*"
    of_version = "" if table in AS_THEY_ARE else " AND list_contains($2, data_version)"
    bound = [name, versions] if of_version else [name]
    rows = catalogue.query(
        f'SELECT {columns} FROM "{table}" WHERE {where}{of_version} ORDER BY ALL', bound
    )
    return [_row(table, row) for row in rows.iter_rows(named=True)]


def _row(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: _plain(value) for name, value in row.items()}
    for column in EXACT.get(table, ()):
        value = row[column]
        plain[f"{column}_hex"] = None if value is None else float(value).hex()
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    return value


def _gone(catalogue: Catalogue, steps: list[dict[str, Any]]) -> Iterator[str]:
    """Say which rows were replaced by those of a later version."""
    current = {(r["asset"], r["partition"]): r["data_version"] for r in _current(catalogue)}
    for step in steps:
        is_model = step["asset"].startswith("evaluation/cv/")
        tables = "cv_scores, cv_choices" if is_model else TABLES_OF.get(step["asset"])
        now = current.get((step["asset"], step["partition"]), step["version"])
        if tables and now != step["version"]:
            yield (
                f"{step['name']} {step['version']} was replaced by {now}: its rows in {tables} are"
                " not stored any more; samples and their quality are shown as they are now"
            )


def _current(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    found = catalogue.query("SELECT * FROM asset_versions WHERE is_current")
    return found.select("asset", "partition", "data_version").iter_rows(named=True)
