"""Room on this machine's disk that the workers of one computation share.

Belongs here: temporary folders. Does not belong here: what is put into them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "scratch-"
# A killed run leaves its folder behind. No computation that uses one takes days.
_LEFT_BEHIND = 2 * 24 * 3600.0


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder of its own below ``parent`` and remove it with all its content at the end.

    What a killed process left there more than two days ago is removed, too.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{_PREFIX}*"):
        if time.time() - old.stat().st_mtime > _LEFT_BEHIND:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
