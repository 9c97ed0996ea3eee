"""What a bundle holds, entry by entry.

Belongs here: names, formats and the page for the reader. Does not belong here: the file
(`container`), its description as an RO-Crate (`crate`), checking (`checks`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cup_assets.audit.container import Source
from cup_assets.audit.crate import METADATA, crate_metadata
from cup_assets.audit.errors import BundleError
from cup_assets.audit.origins import Origin, origin_entry

FORMAT = 2
# Tables that bundles of earlier formats lack, and the format that brought them.
SINCE = {
    ("sample", "cv_choices"): 2,
    ("release", "cv_scores"): 2,
}
SUBJECT, STEPS, FILES, ENVIRONMENT = (
    "subject.json",
    "provenance.json",
    "files.json",
    "environment.json",
)
README = "README.md"

_README = """\
# Evidence behind {kind} {id}

Made by `cup audit {id} --bundle FILE` of cup_assets. Research use only.

{answer}
- `subject.json`: what this is about, the versions of its results, what is withheld, and what is
  not stored any more.
- `provenance.json`: every step from the results back to the raw files: code version, parameters,
  run, start and end, inputs, packages (null where start or packages were not recorded).
- `files.json`: every raw file behind them, with its SHA-256.
- `tables/`: rows of the warehouse: samples, quality, scores, metrics, members and folds of the
  reference set, pool of controls.
- `betas.json`: SHA-256 of the sample's betas and detection p-values (float32, in the array's
  order), if this is about a sample.
- `releases/`: the classifiers: record, model card, model.
- `origins/*/`: where each public batch behind it came from: source, licence, citation, addresses,
  hashes; of the bundle's own sample the source's words that its labels were taken from.
- `environment.json`: code and packages when this file was made.
- `idats/`: raw files, named by their SHA-256{idats}.
- `ro-crate-metadata.json`: all of this as an RO-Crate 1.1, in terms of Process Run Crate 0.5.
- `manifest-sha256.txt`: SHA-256 of every entry, for `sha256sum --check` once unpacked.

Withheld: {withheld}. Samples stand under their pseudonyms.

`cup audit --verify FILE` checks all of it, against the warehouse and the raw files where they are.
The hashes in this file show damage and careless edits; who changes an entry and mends all hashes is
found out by the warehouse only, or by the digest that was noted when the file was made.
"""


@dataclass(frozen=True)
class Account:
    """What is told about a subject, in JSON-able values.

    Attributes
    ----------
    subject
        ``kind``, ``id``, ``results`` ((name, version) pairs), ``withheld`` (table -> columns) and
        ``gone`` (lines about what is no longer stored).
    steps, tables, files
        As `cup_assets.warehouse.evidence` gives them; files as (batch, name) -> SHA-256.
    betas
        Hashes of the sample's stored values, a row an array; empty where it is not about a sample.
    environment
        Name -> version of what made the bundle.
    releases
        Release -> its files by name.
    idats
        SHA-256 -> raw file that goes along.
    format
        Of the bundle that it was read from.
    origins
        Where fetched batches came from (`cup_assets.audit.origins`).
    """

    subject: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    files: Mapping[tuple[str, str], str]
    betas: Sequence[Mapping[str, Any]]
    environment: Mapping[str, str]
    releases: Mapping[str, Mapping[str, bytes]]
    idats: Mapping[str, Path] = field(default_factory=dict)
    format: int = FORMAT
    origins: Sequence[Origin] = ()


def entries_of(account: Account) -> dict[str, Source]:
    """Return entry -> content; the same account gives the same bytes."""
    listed = [
        {"batch": batch, "name": name, "sha256": sha256}
        for (batch, name), sha256 in account.files.items()
    ]
    subject = {"format": account.format, **account.subject, "with_idats": sorted(account.idats)}
    entries: dict[str, Source] = {
        SUBJECT: rendered(subject),
        STEPS: rendered(list(account.steps)),
        FILES: rendered(listed),
        ENVIRONMENT: rendered(dict(account.environment)),
        "betas.json": rendered(list(account.betas)),
        README: _readme(account).encode(),
        **{f"tables/{name}.json": rendered(list(rows)) for name, rows in account.tables.items()},
        **{
            f"releases/{release}/{name}": content
            for release, files in account.releases.items()
            for name, content in files.items()
        },
    }
    entries |= {origin_entry(origin): rendered(origin) for origin in account.origins}
    for sha256, path in account.idats.items():
        entries[idat_entry(path.name, sha256)] = path
    return entries | {METADATA: rendered(crate_metadata(account, entries))}


def idat_entry(name: str, sha256: str) -> str:
    """Return the entry of a raw file: its own name may be anything."""
    return f"idats/{sha256}.idat{'.gz' if name.lower().endswith('.gz') else ''}"


def rendered(value: Any) -> bytes:
    """Return the one form in which a value is written."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def parsed(content: bytes, name: str) -> Any:
    """Read a value back.

    Raises
    ------
    BundleError
        If it is not JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} in the bundle is not JSON: it was changed") from error


def _readme(account: Account) -> str:
    hidden = [
        f"`{column}` of `{table}`"
        for table, columns in sorted(account.subject["withheld"].items())
        for column in columns
    ]
    return _README.format(
        kind=account.subject["kind"],
        id=account.subject["id"],
        answer=_answer(account),
        idats="" if account.idats else " (none: made without `--with-idats`)",
        withheld=", ".join(hidden) + ", and the sample sheets and records of origin themselves",
    )


def _answer(account: Account) -> str:
    """Return what was said of a case, a line a release."""
    lines = [
        f"Release {row['release']}: {row['call']}"
        + (f", {row['class']} {row['score']:.6f} (`{row['score_hex']}`)" if row["class"] else "")
        + (f"; {row['note']}" if row["note"] else "")
        for row in account.tables.get("predictions", ())
    ]
    return "".join(f"{line}\n\n" for line in lines)
