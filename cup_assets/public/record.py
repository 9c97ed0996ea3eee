"""What may be told of a fetched batch's ``provenance.json``, and to whom.

Belongs here: reading the record back, its head, its part about one sample. Does not belong here:
writing it (`fetch`, `landing`), keeping it (`cup_assets.orchestration`, `cup_assets.console`).

The record holds all that the source says of every sample, in its own words: whose a sample is may
be among them (a title, a donor's number, the name that a submitter gave a file). The file itself
therefore stays in the landing folder. What leaves it is the head, in which no sample is named, and
of a sample that is asked for the words that its labels were taken from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]

_MOST = 2**27  # bytes
_HEAD = (
    *("batch", "number", "of", "source", "landed_at", "package", "registry"),
    *("described_by", "licence", "citation", "batch_size", "warnings"),
)
_DOWNLOAD = ("name", "url", "size", "sha256", "md5", "validator", "fetched_at")
_OF_NOBODY = frozenset({"platform_id", "platform", "project"})


def read_record(path: Path, sha256: str) -> Record | None:
    """Return a batch's record, or None where it is gone, has another hash, or is no such record."""
    try:
        if path.stat().st_size > _MOST:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return record if _can_be_told_of(record) else None


def head_of(record: Record) -> dict[str, Any]:
    """Return what is said of the batch as a whole: no sample is named in it.

    Files that are those of single samples, and what the source's words leave unmapped, are counted.
    """
    own = {name for said in record["samples"].values() for name in _files(said).values()}
    downloads = _downloads(record, "downloads")
    return {
        **{name: record[name] for name in _HEAD if name in record},
        "downloads": [file for file in downloads if file.get("name") not in own],
        "changed_since": [
            file for file in _downloads(record, "changed_since") if file.get("name") not in own
        ],
        "accession": record["accession"],
        "n_downloads": len(downloads),
        "n_samples": len(record["samples"]),
        "n_left_out": len(record.get("left_out") or ()),
        "n_unmapped": len(record.get("unmapped") or ()),
    }


def parts_of(record: Record, samples: Collection[str]) -> dict[str, Any]:
    """Return what is said of these samples, as far as it may be told.

    Returns
    -------
    dict
        Sample -> ``source``, the words that its labels were taken from; ``unmapped``, those that
        the label map does not know; ``n_withheld``, of how many columns the words are not told;
        ``downloads``, its files where the source has them one by one.
    """
    told = {*_OF_NOBODY, *(record.get("label_columns") or ())}
    downloads = {file.get("name"): file for file in _downloads(record, "downloads")}
    found = {}
    for name in sorted(set(samples) & record["samples"].keys()):
        said = record["samples"][name]
        source, unmapped = said.get("source") or {}, said.get("unmapped") or {}
        found[name] = {
            "source": {column: text for column, text in source.items() if column in told},
            "n_withheld": len(source.keys() - told),
            "unmapped": {c: text for c, text in unmapped.items() if c != "patient_id"},
            "downloads": {
                colour: downloads[file]
                for colour, file in sorted(_files(said).items())
                if file in downloads
            },
        }
    return found


def as_note(head: Mapping[str, Any]) -> str:
    """Return a head as markdown, from which `from_note` reads it back."""
    return f"```json\n{json.dumps(head, indent=1, sort_keys=True, ensure_ascii=False)}\n```"


def from_note(note: str) -> dict[str, Any] | None:
    """Return the head that `as_note` wrote, or None where the text is something else."""
    try:
        head = json.loads(note.removeprefix("```json\n").removesuffix("\n```"))
    except ValueError:
        return None
    return head if isinstance(head, dict) else None


def _can_be_told_of(record: Any) -> bool:
    """Tell whether a record has the form that is relied on: people correct such files by hand."""
    try:
        head_of(record)
        parts_of(record, record["samples"])
    except (AttributeError, KeyError, TypeError):
        return False
    return isinstance(record["accession"], str)


def _files(said: Mapping[str, Any]) -> Mapping[str, str]:
    return said.get("files") or {}


def _downloads(record: Record, name: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in file.items() if k in _DOWNLOAD} for file in record.get(name) or ()]
