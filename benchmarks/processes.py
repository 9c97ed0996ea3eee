"""What this process and all that it started take: memory and processor time, from Linux's /proc.

Belongs here: looking. Does not belong here: what is measured.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    resident: int  # bytes, pages of mapped files included
    own: int  # bytes of memory that is no file's
    processor: float  # seconds since it began, with those of children that ended


@dataclass(frozen=True)
class Look:
    """The processes at one moment; ``root`` is the one that looks, the others are below it."""

    at: float  # seconds since the epoch
    root: Process
    others: dict[int, Process]

    @property
    def resident(self) -> int:
        """Bytes of all processes; pages that they share count once for each."""
        return self.root.resident + sum(each.resident for each in self.others.values())

    @property
    def processor(self) -> float:
        """Seconds of all processes since they began."""
        return self.root.processor + sum(each.processor for each in self.others.values())


def look(root: int | None = None) -> Look:
    """Look at a process (this one) and all below it."""
    root = root or os.getpid()
    parents: dict[int, int] = {}
    seen: dict[int, Process] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command in parentheses may hold spaces: what follows the last one is regular.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pages = (entry / "statm").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(fields[1])
        resident, shared = int(pages[1]) * _PAGE, int(pages[2]) * _PAGE
        # Own user and system time, and that of children that were waited for.
        seen[int(entry.name)] = Process(
            resident, resident - shared, sum(map(int, fields[11:15])) / _TICKS
        )
    below, todo = {}, [root]
    while todo:
        process = todo.pop()
        children = [child for child, parent in parents.items() if parent == process]
        below.update((child, seen[child]) for child in children)
        todo += children
    return Look(time.time(), seen[root], below)


@contextmanager
def watched(every: float = 0.2) -> Iterator[list[Look]]:
    """Look at this process and those below it every so many seconds while the block runs."""
    looks: list[Look] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every):
            looks.append(look())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
