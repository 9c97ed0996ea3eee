"""A job of Spark, watched while it runs.

Belongs here: starting, waiting and cancelling. Does not belong here: what the job does.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cup_assets.compute.errors import SparkError

_TICK = 0.05
_UNHEARD = 60.0  # seconds without a worker after which that is said
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """A job of Spark that runs in a thread of its own."""

    context: Any
    group: str
    thread: threading.Thread
    failures: list[Exception]
    heard: float
    patience: float | None

    def wait(self) -> bool:
        """Wait a moment; return whether the job still runs."""
        self.thread.join(_TICK)
        if time.monotonic() - self.heard > (self.patience or _UNHEARD):
            self.heard = time.monotonic()
            self._look()
        return self.thread.is_alive()

    def _look(self) -> None:
        """Say so when the cluster gives no worker: Spark waits for one for ever, in silence."""
        tracker = self.context.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(self.group)]
        stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
        if not any(stage and stage.numActiveTasks + stage.numCompletedTasks for stage in stages):
            message = (
                f"Spark on {self.context.master} has had no worker free for"
                f" {self.patience or _UNHEARD:.0f} s: are workers registered, and have they the"
                " cores and the memory that an executor asks for (spark.executor.memory)?"
            )
            if self.patience is not None:
                raise SparkError(message)
            _log.warning(message)


@contextmanager
def spark_job(
    context: Any, action: Callable[[], object], patience: float | None = None
) -> Iterator[Job]:
    """Start a job; one that still runs at the end, for an error or Ctrl-C, is cancelled.

    Parameters
    ----------
    patience
        Seconds without any worker after which waiting for it is a `SparkError`; None: there is a
        warning every minute.
    """
    from pyspark import InheritableThread

    group = f"{context.appName}-{uuid.uuid4().hex}"
    failures: list[Exception] = []

    def run() -> None:
        context.setJobGroup(group, "independent items", interruptOnCancel=True)
        try:
            action()
        except Exception as error:  # noqa: BLE001 -- raised by the thread that waits
            failures.append(error)

    thread = InheritableThread(target=run, daemon=True)
    job = Job(context, group, thread, failures, time.monotonic(), patience)
    thread.start()
    try:
        yield job
    finally:
        if thread.is_alive():
            context.cancelJobGroup(group)
            thread.join(_UNHEARD)
