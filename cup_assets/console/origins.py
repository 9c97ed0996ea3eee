"""Where the batches behind a result came from: for a bundle, and when one is checked.

Belongs here: looking the records up, in the landing folder and in the warehouse. Does not belong
here: what may be told of them (`cup_assets.public.record`), their form in a bundle
(`cup_assets.audit.origins`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cup_assets.audit.checks import Check, verdict
from cup_assets.audit.content import Account, rendered
from cup_assets.audit.origins import Origin, recorded_origins
from cup_assets.cohort.array_files import file_digest
from cup_assets.cohort.batch_files import PROVENANCE
from cup_assets.public.record import from_note, head_of, parts_of, read_record
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.bundles import note_of

_INVENTORY = "raw/idats"
NOTE = "provenance"


def origins_of(
    settings: Settings, steps: Iterable[Mapping[str, Any]], subject: Mapping[str, Any]
) -> list[Origin]:
    """Return where every fetched batch behind some steps came from, sorted.

    A record that lies in the landing folder as it was recorded is told from; otherwise what the
    warehouse keeps of it, which is its head.
    """
    own = [subject["id"]] if subject["kind"] == "sample" else []
    catalogue = Catalogue(settings.catalogue)
    found = []
    for (batch, sha256), version in sorted(recorded_origins(steps).items()):
        head, samples, source = None, {}, "nothing"
        if record := read_record(settings.landing / batch / PROVENANCE, sha256):
            head, samples, source = head_of(record), parts_of(record, own), "file"
        elif note := note_of(catalogue, _INVENTORY, batch, version, NOTE):
            head = from_note(note)
            source = "warehouse" if head else "nothing"
        origin = {"batch": batch, "sha256": sha256, "taken_from": source}
        found.append(json.loads(rendered(origin | {"head": head, "samples": samples})))
    return found


def check_origins(settings: Settings, account: Account) -> Iterator[Check]:
    """Hold each origin in a bundle against the batch's record, and the warehouse's note of it."""
    versions = recorded_origins(account.steps)
    for origin in account.origins:
        batch, sha256 = origin["batch"], origin["sha256"]
        if settings.catalogue.is_file():
            yield from _against_the_note(settings, origin, versions.get((batch, sha256), ""))
        yield _against_the_file(settings, account, origin)


def _against_the_note(settings: Settings, origin: Origin, version: str) -> Iterator[Check]:
    what = f"where {origin['batch']} came from is as the warehouse noted it"
    note = note_of(Catalogue(settings.catalogue), _INVENTORY, origin["batch"], version, NOTE)
    if (head := from_note(note)) is not None:
        wrong = [] if origin["head"] == json.loads(rendered(head)) else ["the bundle differs"]
        yield verdict(what, wrong)
    elif origin["head"] is not None:
        yield Check(what, "wrong", "the warehouse noted nothing")


def _against_the_file(settings: Settings, account: Account, origin: Origin) -> Check:
    batch, sha256 = origin["batch"], origin["sha256"]
    what = f"{batch}/{PROVENANCE} has the recorded hash and says what the bundle tells"
    path = settings.landing / batch / PROVENANCE
    if (batch, sha256) not in recorded_origins(account.steps):
        return Check(what, "wrong", "no step recorded it")
    try:
        now = file_digest(path)[1]
    except OSError as error:
        return Check(what, "not done", f"{path} cannot be read: {error.strerror}")
    if now != sha256:
        if now == _current(settings, batch):
            return Check(what, "not done", "it was corrected since, which the warehouse recorded")
        return Check(what, "wrong", f"its hash is {now}, recorded is {sha256}")
    if origin["taken_from"] != "file":
        return Check(what, "right", "the hash; the bundle was made without the file")
    record = read_record(path, sha256)
    if record is None:
        return Check(what, "wrong", "it is no record of `cup fetch`")
    own = [account.subject["id"]] if account.subject["kind"] == "sample" else []
    again = json.loads(rendered({"head": head_of(record), "samples": parts_of(record, own)}))
    return verdict(what, [f"{name} differs" for name in again if again[name] != origin[name]])


def _current(settings: Settings, batch: str) -> str | None:
    """Return the hash of the batch's record as its latest inventory has it."""
    if not settings.catalogue.is_file():
        return None
    inventory = Catalogue(settings.catalogue).current(_INVENTORY, batch)
    return inventory.inputs.get(f"file/{PROVENANCE}") if inventory else None
