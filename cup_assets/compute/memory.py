"""How a process keeps its memory.

Belongs here: settings of the allocator. Does not belong here: what the memory holds.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h
_KEPT = 64 << 20
_FROM_HEAP = 32 << 20  # the largest that glibc allows


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Let this process keep up to 64 MiB of freed memory, for the next arrays of the same sizes.

    By default glibc returns the arrays of one sample to the system and fetches them anew for the
    next: thousands of pages to clear, a third of the time that the sample takes. Does nothing
    where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, _FROM_HEAP)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
