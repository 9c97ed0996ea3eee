"""Large tables kept as memory-mapped files, made once and shared by all who read them.

Belongs here: the files, and when they go. Does not belong here: what is in a table.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]

_KEPT = 2  # a run that began before the newest may still read the one before
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


def mapped_table(
    folder: Path, key: str, shape: tuple[int, int], fill: Callable[[Table], None]
) -> Table:
    """Return the table of a key, made by ``fill`` if it is not there.

    Processes that read it share one copy in the system's file cache, and joblib sends its workers
    the name of the file. Everything here can be deleted when nothing runs. The two tables used last
    are kept.

    Parameters
    ----------
    folder
        Where the files are.
    key
        A name that stands for the content: whatever the content depends on must change it.
    shape
        Of the table.
    fill
        Writes every value of the table given to it.

    Returns
    -------
    float32[shape]
        Read-only; an ordinary array in memory where the disk has no room.
    """
    path = folder / f"{key}.npy"
    if not path.exists():
        try:
            _make_room(temporary := folder / f".{key}.{os.getpid()}.part", shape)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            table: Table = np.empty(shape, dtype=np.float32)
            fill(table)
            table.setflags(write=False)
            return table
        _write(temporary, path, fill)
    os.utime(path)
    _evict(folder)
    found: Table = np.load(path, mmap_mode="r")
    if found.shape != shape or found.dtype != np.float32:
        raise ValueError(f"{path} holds another table ({found.dtype} {found.shape}): delete it")
    return found


def _mapped(path: Path, **how: Any) -> Any:
    return np.lib.format.open_memmap(path, **how)  # type: ignore[no-untyped-call]


def _make_room(path: Path, shape: tuple[int, int]) -> None:
    """Take the disk space now: a mapped file for which there is none kills the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _mapped(path, mode="w+", dtype=np.float32, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(temporary: Path, path: Path, fill: Callable[[Table], None]) -> None:
    try:
        table = _mapped(temporary, mode="r+")
        fill(table)
        table.flush()
        del table
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _evict(folder: Path) -> None:
    """Remove all but the tables used last, and what killed processes left half-written."""
    tables = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in tables[_KEPT:]:
        file.unlink(missing_ok=True)
    newest = tables[0].stat().st_mtime
    for file in folder.glob(".*.part"):
        if newest - file.stat().st_mtime > 24 * 3600:
            file.unlink(missing_ok=True)
