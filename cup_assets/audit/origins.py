"""Where fetched batches came from, in a bundle.

Belongs here: the entries' names and form, and whether they are those of the recorded steps. Does
not belong here: what may be told (`cup_assets.public.record`), reading the landing folder and the
warehouse (`cup_assets.console.origins`).

An origin is a mapping: ``batch``; ``sha256`` of the batch's ``provenance.json`` as ``raw/idats``
recorded it; ``taken_from``, ``file``, ``warehouse`` or ``nothing``; ``head``, what is said of the
batch as a whole (None with ``nothing``); ``samples``, what is said of the bundle's own sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cup_assets.cohort.batch_files import PROVENANCE

Origin = Mapping[str, Any]
_FOLDER = "origins/"
_INVENTORY = "raw/idats"
_KEYS = {"batch", "sha256", "taken_from", "head", "samples"}


def origin_entry(origin: Origin) -> str:
    """Return the entry of an origin."""
    return f"{_FOLDER}{origin['batch']}/{origin['sha256']}.json"


def is_origin(entry: str) -> bool:
    """Tell whether an entry is an origin, by its name."""
    return entry.startswith(_FOLDER)


def recorded_origins(steps: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Return (batch, SHA-256 of its record) -> version of the inventory that recorded it."""
    return {
        (step["partition"], step["inputs"][f"file/{PROVENANCE}"]): step["version"]
        for step in steps
        if step["asset"] == _INVENTORY and f"file/{PROVENANCE}" in step["inputs"]
    }


def origin_faults(
    origins: Sequence[Origin],
    entries: Iterable[str],
    steps: Iterable[Mapping[str, Any]],
    subject: Mapping[str, Any],
) -> Iterator[str]:
    """Say what keeps origins from being those of the steps, about nobody but the subject."""
    recorded = recorded_origins(steps)
    told = {(origin["batch"], origin["sha256"]) for origin in origins}
    for batch, sha256 in sorted(recorded.keys() - told):
        yield f"where {batch} came from ({sha256[:12]}) is recorded, and not inside"
    for batch, sha256 in sorted(told - recorded.keys()):
        yield f"where {batch} came from ({sha256[:12]}) is inside, and not recorded"
    if {origin_entry(origin) for origin in origins} != {n for n in entries if is_origin(n)}:
        yield f"an entry in {_FOLDER} is not named by its batch and hash"
    own = {subject["id"]} if subject["kind"] == "sample" else set()
    for origin in origins:
        if origin.keys() != _KEYS:
            yield f"what is said of {origin['batch']} has not the form that bundles have"
        elif strangers := sorted(origin["samples"].keys() - own):
            yield f"what is said of {origin['batch']} tells of {strangers[0]}, too"
