"""How long work tells where it is.

Belongs here: passing (done, total) on to the run's log and to whoever listens in this process.
Does not belong here: drawing (the ``cup`` command draws its own bars).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

Listener = Callable[[str, str, int, int], None]

_listeners: list[Listener] = []
_LOG_EVERY = 10.0  # seconds


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener(asset, unit, done, total)`` on all progress made in this process."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def progress_of(context: dg.AssetExecutionContext, unit: str) -> Callable[[int, int], None]:
    """Return a progress callback that logs every ten seconds and tells the listeners."""
    asset = context.asset_key.to_user_string()
    if context.has_partition_key:
        asset = f"{asset}[{context.partition_key}]"
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        for listener in _listeners:
            listener(asset, unit, done, total)
        if time.monotonic() - last > _LOG_EVERY:
            last = time.monotonic()
            context.log.info("%d of %d %s", done, total, unit)

    return progress
