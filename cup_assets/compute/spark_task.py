"""What a worker of Spark does with an item.

Belongs here: everything that runs on the workers. Does not belong here: the driver's side
(`spark`).
"""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cup_assets.compute.environment import differences, environment
from cup_assets.compute.errors import ComputeError, SparkError
from cup_assets.compute.parcel import Block, Buffer, frozen, thawed, unpack

_LANDED = "cup-part-"


class Part(Protocol):
    """The bytes of a large array, wherever they are."""

    def open(self) -> Buffer: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Outcome:
    """A result or an error, and where it came about."""

    index: int
    host: str
    frozen: bytes
    trace: str = ""

    def result(self) -> Any:
        """Return the result; raise the error, with the worker's traceback as a note."""
        value = thawed(self.frozen)
        if not self.trace:
            return value
        value.add_note(f"raised for item {self.index} on Spark worker {self.host}:\n{self.trace}")
        raise value


class Arrivals:
    """Spark's accumulator of index -> outcome: brings each to the driver when its task is done."""

    def zero(self, _: dict[int, Outcome]) -> dict[int, Outcome]:  # noqa: D102
        return {}

    def addInPlace(self, one: dict[int, Outcome], other: dict[int, Outcome]) -> dict[int, Outcome]:  # noqa: D102, N802
        one.update(other)
        return one


@dataclass(frozen=True, eq=False)
class Task:
    """The function on its way to one item.

    Attributes
    ----------
    head
        Broadcast of the function's pickle.
    parts
        Where its large arrays are.
    arrivals
        Takes the outcomes to the driver.
    expected
        The environment that the worker must have; None: known to be the driver's.
    """

    head: Any
    parts: tuple[Part, ...]
    arrivals: Any
    expected: Mapping[str, str] | None

    def __call__(self, task: tuple[int, Any]) -> None:
        """Compute an item. Its error is a result, too: Spark would compute it three times more."""
        index, item = task
        try:
            if self.expected is not None and (differs := _differs(self.expected)):
                raise SparkError(f"Spark worker {platform.node()} {differs}")
            function = unpack(self.head.value, [part.open() for part in self.parts])
            outcome = Outcome(index, platform.node(), frozen(function(item)))
        except Exception as error:  # noqa: BLE001 -- raised again by the driver
            outcome = Outcome(index, platform.node(), _portable(error), traceback.format_exc())
        self.arrivals.add({index: outcome})


def _portable(error: Exception) -> bytes:
    """Return the pickle of an error; of one that cannot be put together again, its text."""
    try:
        data = frozen(error)
        thawed(data)
    except Exception:  # noqa: BLE001 -- whatever its class does
        return frozen(ComputeError(f"{type(error).__name__}: {error}"))
    return data


@dataclass(frozen=True, eq=False)
class SentPart:
    """Bytes that came with Spark, laid into a file once a worker's machine.

    Each Python process of the machine maps that file, so that it holds the bytes once, not once a
    process. The folder goes with Spark's executor.
    """

    name: str
    broadcast: Any

    def open(self) -> Buffer:
        """Return the bytes, memory-mapped and read-only."""
        path = _landing() / f"{_LANDED}{self.name}"
        if not path.exists():
            path = Path(self.broadcast.value)
        return np.memmap(path, np.uint8, "r")


@dataclass(frozen=True, eq=False)
class InMemory:
    """What is broadcast for a `SentPart`: bytes that become a file where they are unpickled."""

    name: str
    buffer: Block

    def __reduce_ex__(self, _: Any) -> tuple[Callable[..., str], tuple[Any, ...]]:
        return _land, (self.name, self.buffer)


def _land(name: str, data: bytes) -> str:
    folder = _landing()
    of_this_map = f"{_LANDED}{name.split('-')[0]}-"
    for old in folder.glob(f"{_LANDED}*"):
        if not old.name.startswith(of_this_map):
            old.unlink(missing_ok=True)
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        temporary.write_bytes(data)
        temporary.replace(path := folder / f"{_LANDED}{name}")
    finally:
        temporary.unlink(missing_ok=True)
    return str(path)


def _landing() -> Path:
    """Return the executor's own folder: Spark names it to its Python processes."""
    return Path(os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")[0])


@dataclass(frozen=True, order=True)
class Worker:
    """A worker as it describes itself."""

    host: str
    sees_folder: bool
    differs: str


@dataclass(frozen=True)
class Look:
    """Lets a worker look for a file of the driver's, and at itself."""

    path: str
    content: str
    expected: Mapping[str, str]

    def __call__(self, _: int) -> Worker:
        """Return what the worker sees."""
        try:
            sees = Path(self.path).read_text() == self.content
        except OSError:
            sees = False
        return Worker(platform.node(), sees, _differs(self.expected))


def _differs(expected: Mapping[str, str]) -> str:
    """Return what makes this process another one than expected; empty: nothing."""
    found = differences(dict(expected), environment())
    if not found:
        return ""
    return (
        f"would compute something else, it has {', '.join(found[:3])}"
        f"{' ...' if len(found) > 3 else ''}: install the same versions on all workers"
        " (constraints.txt)"
    )
