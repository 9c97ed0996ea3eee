"""Room on this machine's disk that the workers of one computation share.

Belongs here: temporary folders. Does not belong here: what is put into them.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "scratch-"
_LOCK = ".in-use"
_JUST_MADE = 60.0  # seconds that a folder may be there before it is locked


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder of its own below ``parent`` and remove it with all its content at the end.

    What killed processes left there is removed, too. Each folder holds a lock for as long as its
    process, or a child of it, lives: the system gives it back whatever a process dies of.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{_PREFIX}*"):
        if _is_left_behind(old):
            shutil.rmtree(old, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(
            prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True
        ) as folder,
        (Path(folder) / _LOCK).open("w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(folder)


def _is_left_behind(folder: Path) -> bool:
    """Return whether nobody uses a scratch folder any more."""
    with suppress(FileNotFoundError):  # another process may be quicker
        if time.time() - folder.stat().st_mtime < _JUST_MADE:
            return False
        with (folder / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True
    return folder.is_dir()  # killed before it held a lock
