"""What to do about the landing folder: a pure decision from what was seen.

Belongs here: when a batch is complete, changed or gone, and the sensor's cursor. Does not belong
here: looking at the disk (`batch_files`), and carrying the plan out (the sensor).

A batch is taken when its marker vouches for it or two looks in a row show the same files. A batch
is removed when two looks in a row do not show it. What was decided is remembered in the cursor, so
that every state of a batch is requested once: a failed run is retried by Dagster, not from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import TypeGuard

from cup_assets.cohort.batch_files import Observation, batch_key
from cup_assets.cohort.problems import IntakeError, printable

_CURSOR_VERSION = 2
_READABLE = (1, 2)
_LOOKS = 2


@dataclass(frozen=True)
class LandingRequest:
    """One thing to run.

    Attributes
    ----------
    batch
        Key of the batch.
    signature
        State of its files; empty for a removal.
    run_key
        Never used before for another request, and the same if the same look is evaluated again.
    """

    batch: str
    signature: str
    run_key: str


@dataclass(frozen=True)
class LandingPlan:
    """What follows from one look at the landing folder.

    Attributes
    ----------
    register
        Batches to add as partitions, all of them also in ``run``.
    run
        Batches to take in: new, or changed since they were last taken in.
    remove
        Batches to retract by a tombstone; repeated, with the same run key, until a batch is no
        longer among the known ones.
    ignored
        Batch (or stray file) -> why nothing is done about it.
    notes
        What else a person should know.
    cursor
        To be handed to the next look.
    """

    register: tuple[str, ...]
    run: tuple[LandingRequest, ...]
    remove: tuple[LandingRequest, ...]
    ignored: Mapping[str, str]
    notes: tuple[str, ...]
    cursor: str


@dataclass(frozen=True)
class _Memory:
    """What the cursor holds of one batch: last seen, last requested, how often, looks missed."""

    seen: str = ""
    requested: str | None = None
    requests: int = 0
    missed: int = 0


@dataclass
class _Draft:
    register: list[str] = field(default_factory=list)
    run: list[LandingRequest] = field(default_factory=list)
    remove: list[LandingRequest] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    memory: dict[str, _Memory] = field(default_factory=dict)


def plan_landings(
    observed: Iterable[Observation], cursor: str | None, known: Mapping[str, str | None]
) -> LandingPlan:
    """Decide what to register, run and remove.

    Parameters
    ----------
    observed : iterable of Observation
        What `observe_batches` saw.
    cursor : str, optional
        Cursor of the previous plan. One that cannot be read is replaced, with a note; batches then
        wait one more look, and ``known`` keeps them from being run a second time.
    known : mapping
        Every registered batch that is not retracted -> the signature with which it was last taken
        in (None if that is not known).
    """
    draft = _Draft()
    before = _read_cursor(cursor, draft)
    seen = {observation.name: observation for observation in observed}
    for name in sorted(seen):
        _plan_present(seen[name], before.get(name, _Memory()), known, draft)
    gone = sorted((set(known) | set(before)) - set(seen))
    if not seen and len(known) > 1:
        draft.notes.append(
            f"all {len(known)} batches are gone at once: nothing is removed; mount the landing"
            " folder, or retract the batches one by one"
        )
        draft.memory |= {name: before[name] for name in gone if name in before}
    else:
        for name in gone:
            _plan_gone(name, before.get(name, _Memory()), name in known, draft)
    return LandingPlan(
        tuple(draft.register),
        tuple(draft.run),
        tuple(draft.remove),
        draft.ignored,
        tuple(draft.notes),
        _write_cursor(draft.memory),
    )


def _plan_present(
    seen: Observation, memory: _Memory, known: Mapping[str, str | None], draft: _Draft
) -> None:
    name = seen.name
    obstacle = _obstacle(seen)
    settled = seen.marked or memory.seen == seen.signature
    taken = memory.requested if memory.requested is not None else known.get(name)
    # An obstacle also clears what was seen, so that the two equal looks come after it.
    memory = replace(memory, seen="" if obstacle else seen.signature, missed=0)
    if obstacle:
        draft.ignored[printable(name)] = obstacle
    elif seen.signature != taken and not settled:
        draft.ignored[name] = "is new or changing: taken when it stays the same until the next look"
    elif seen.signature != taken:
        # The count makes the key new when files return to a state that was requested before.
        key = f"{name}:{seen.signature}:{memory.requests}"
        draft.run.append(LandingRequest(name, seen.signature, key))
        if name not in known:
            draft.register.append(name)
        memory = replace(memory, requested=seen.signature, requests=memory.requests + 1)
    if obstacle is None or memory != _Memory():
        draft.memory[name] = memory


def _obstacle(seen: Observation) -> str | None:
    if seen.fault:
        return seen.fault
    try:
        batch_key(seen.name)
    except IntakeError as error:
        return str(error)
    if seen.n_files == 0:
        return "is empty: copy the IDAT files and samplesheet.csv into it"
    if seen.partial and not seen.marked:
        return f"is being copied ({seen.partial}): delete that file if it was left over"
    return None


def _plan_gone(name: str, memory: _Memory, is_known: bool, draft: _Draft) -> None:
    if is_known:
        memory = replace(memory, seen="", missed=min(memory.missed + 1, _LOOKS))
        if memory.missed < _LOOKS:
            draft.ignored[name] = "is gone: retracted if it is not back at the next look"
        else:
            key = f"{name}:removed:{memory.requests}"
            draft.remove.append(LandingRequest(name, "", key))
            memory = replace(memory, requested=None)
    else:
        memory = _Memory(requests=memory.requests)
    # The count outlives the batch: if it comes back unchanged, its run key must still be new.
    if memory != _Memory():
        draft.memory[name] = memory


def _read_cursor(cursor: str | None, draft: _Draft) -> dict[str, _Memory]:
    if not cursor:
        return {}
    try:
        content = json.loads(cursor)
        if content["version"] not in _READABLE:
            raise ValueError("version")
        return {name: _memory(entry) for name, entry in content["batches"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        draft.notes.append("the cursor could not be read and was started afresh")
        return {}


def _memory(entry: Mapping[str, object] | Sequence[object]) -> _Memory:
    if isinstance(entry, Mapping):  # version 1
        entry = [entry[name] for name in ("seen", "requested", "requests", "missed")]
    seen, requested, requests, missed = entry
    seen = requested if seen is True else seen
    if not isinstance(seen, str) or not isinstance(requested, str | None):
        raise TypeError("not a cursor entry")
    if not _is_count(requests) or not _is_count(missed):
        raise TypeError("not a cursor entry")
    return _Memory(seen, requested, requests, missed)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int


def _write_cursor(memory: Mapping[str, _Memory]) -> str:
    # Dagster keeps a copy with every tick, thousands a day: 60 bytes a batch, not 150.
    batches = {}
    for name in sorted(memory):
        seen, *rest = astuple(memory[name])
        batches[name] = [True if seen == memory[name].requested else seen, *rest]
    content = {"version": _CURSOR_VERSION, "batches": batches}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
