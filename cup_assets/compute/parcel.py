"""A function on its way to workers of other processes and machines, its large arrays apart.

Belongs here: taking a function apart into a small pickle and the buffers of its arrays, the files
that hold such buffers, and putting it together again. Does not belong here: who carries the parts.

Pickle's protocol 5 hands the buffers of contiguous arrays out instead of copying them. A buffer
that is already part of a file (a memory-mapped matrix) is named, not copied; any other can be laid
into a file, and is mapped from there by all processes of a machine.

This is the one module that uses pickle: between the processes of one run, as joblib does, and never
from a file, which somebody else could have written.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleBuffer, dumps, loads  # noqa: TID251 -- see the module's docstring
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.compute.errors import ComputeError

LARGE = 1 << 20
"""Bytes from which on an array does not travel in the pickle."""

Buffer = NDArray[np.uint8]

Block = PickleBuffer
"""Memory of an array, not copied."""


class NotThereError(ComputeError):
    """A part's file is not what it was where the parcel was made: the disk is not shared."""


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file.

    Attributes
    ----------
    path, offset, nbytes
        Where they are.
    size, mtime_ns
        Of the whole file, so that another file at the same path is not taken for it.
    """

    path: str
    offset: int
    nbytes: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, offset: int, nbytes: int) -> FilePart:
        """Describe bytes of a file that is there."""
        state = path.stat()
        return cls(str(path.absolute()), offset, nbytes, state.st_size, state.st_mtime_ns)

    def open(self) -> Buffer:
        """Return the bytes, memory-mapped and read-only.

        Raises
        ------
        NotThereError
            If the file is not there, or is another one.
        """
        try:
            state = Path(self.path).stat()
        except OSError as error:
            raise NotThereError(f"{self.path} cannot be seen ({error.strerror})") from error
        if (state.st_size, state.st_mtime_ns) != (self.size, self.mtime_ns):
            raise NotThereError(f"{self.path} is another file than the one that was sent")
        return np.memmap(self.path, np.uint8, "r", self.offset, (self.nbytes,))


@dataclass(frozen=True, eq=False)
class Parcel:
    """A function taken apart.

    Attributes
    ----------
    head
        The pickle, without its large arrays.
    buffers
        The memory of each, in the order that the pickle asks for them; not copied.
    """

    head: bytes
    buffers: tuple[PickleBuffer, ...]


def pack(function: Callable[..., Any]) -> Parcel:
    """Take a function apart; what has no name in a module (a lambda) is sent whole."""
    from pyspark.cloudpickle import CloudPickler

    class Pickler(CloudPickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            # Of the array classes only the base class hands its buffer out.
            if type(obj) is np.memmap:
                return np.asarray(obj).__reduce_ex__(5)
            return super().reducer_override(obj)

    buffers: list[PickleBuffer] = []

    def stays_in_pickle(buffer: PickleBuffer) -> bool:
        if buffer.raw().nbytes < LARGE:
            return True
        buffers.append(buffer)
        return False

    head = io.BytesIO()
    Pickler(head, protocol=5, buffer_callback=stays_in_pickle).dump(function)
    return Parcel(head.getvalue(), tuple(buffers))


def unpack(head: bytes, buffers: Sequence[Buffer]) -> Callable[..., Any]:
    """Put a function together; its large arrays are read-only views of the buffers."""
    function: Callable[..., Any] = loads(head, buffers=buffers)  # noqa: S301 -- not from disk
    return function


def frozen(value: object) -> bytes:
    """Return a result or an error as bytes."""
    return dumps(value, protocol=5)


def thawed(data: bytes) -> Any:
    """Return what a process of this run has frozen."""
    return loads(data)  # noqa: S301 -- not from disk


def file_of(buffer: PickleBuffer) -> FilePart | None:
    """Return the part of a file that a buffer is mapped from; None if it lies in memory."""
    raw = buffer.raw()
    array = raw.obj
    mapped: Any = array
    while mapped is not None and not (
        isinstance(mapped, np.memmap) and not isinstance(mapped.base, np.ndarray)
    ):
        mapped = getattr(mapped, "base", None)
    # A table that is being written, or whose changes are private, is not what its file holds.
    if (
        mapped is None
        or mapped.mode != "r"
        or not mapped.filename
        or not isinstance(array, np.ndarray)
    ):
        return None
    path = Path(mapped.filename)
    offset = mapped.offset + _address(array) - _address(mapped)
    if not path.exists() or path.stat().st_size < offset + raw.nbytes:
        return None
    return FilePart.of(path, offset, raw.nbytes)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def to_file(buffer: PickleBuffer, path: Path) -> FilePart:
    """Write a buffer into a file of its own."""
    raw = buffer.raw()
    with path.open("xb") as file:
        file.write(raw)
    return FilePart.of(path, 0, raw.nbytes)
