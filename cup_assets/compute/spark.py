"""The same map on Spark.

Belongs here: sending items to Spark and bringing results back in order. Does not belong here: what
is computed, the session (`spark_session`), and what a worker does with an item (`spark_task`).
"""

from __future__ import annotations

import logging
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cup_assets.compute.environment import environment
from cup_assets.compute.errors import SparkError
from cup_assets.compute.java import find_java
from cup_assets.compute.mapping import Item, Mapper, Result, serial
from cup_assets.compute.parcel import Block, FilePart, NotThereError, Parcel, file_of, pack, to_file
from cup_assets.compute.scratch import scratch_folder
from cup_assets.compute.spark_job import Job, spark_job
from cup_assets.compute.spark_look import look_at_workers
from cup_assets.compute.spark_session import explained, is_local, spark_context
from cup_assets.compute.spark_task import (
    Arrivals,
    InMemory,
    Part,
    SentPart,
    Task,
)

__all__ = ["SparkError", "find_java", "spark_mapper"]

Arrived = Callable[[Any, int, int], None]
"""Is given a result, the number of results so far, and of all."""

_log = logging.getLogger(__name__)

# A session runs one map at a time: its workers keep the arrays of one.
_one_map = threading.Lock()
_seen: dict[tuple[str, Path], bool] = {}


@dataclass(frozen=True)
class _Spark:
    master: str
    folder: Path | None

    @property
    def shares_disk(self) -> bool:
        return is_local(self.master) or self._disk_is_seen()

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        todo = list(items)
        if len(todo) < 2:
            return serial(function, todo, progress, on_result)

        def arrived(result: Result, done: int, total: int) -> None:
            if on_result:
                on_result(result)
            if progress:
                progress(done, total)

        shared = self.shares_disk
        parcel = pack(function)
        with _one_map:
            context = spark_context(self.master)
            try:
                return _run(context, parcel, todo, self._room() if shared else None, arrived)
            except NotThereError as error:
                if is_local(self.master) or not shared:
                    raise
                _log.warning(
                    "%s: not all workers share this machine's disk, so that arrays are broadcast;"
                    " all items are computed again",
                    error,
                )
                _seen[context.applicationId, self._room()] = False
            return _run(context, parcel, todo, None, arrived)

    def _room(self) -> Path:
        return self.folder or Path(tempfile.gettempdir())

    def _disk_is_seen(self) -> bool:
        if self.folder is None:
            return False
        context = spark_context(self.master)
        key = context.applicationId, self.folder
        if key not in _seen:
            _seen[key] = all(worker.sees_folder for worker in look_at_workers(context, self.folder))
        return _seen[key]


def spark_mapper(master: str, folder: Path | None = None) -> Mapper:
    """Return a mapper that runs every item as a task of a Spark cluster.

    Parameters
    ----------
    master
        ``local[*]``, ``spark://host:7077``, ``yarn``, ``k8s://...``.
    folder
        Room for large arrays on a disk that the workers may share. Whether they do is found out;
        without a folder they do not, unless they are on this machine.

    Notes
    -----
    The function (with what its closure or `functools.partial` holds) is sent once, not with every
    task; the items are what is distributed. Its large arrays are mapped by the workers from files
    of the shared disk, and broadcast where it is not shared; they are read-only. An error of an
    item ends the run at once and is raised as it is; an item whose worker is lost runs again on
    another. Workers need this package and its dependencies in the same versions.
    """
    return _Spark(master, folder)


def _run(
    context: Any, parcel: Parcel, todo: list[Any], room: Path | None, arrived: Arrived
) -> list[Any]:
    arrivals = context.accumulator({}, Arrivals())
    with _sent(context, parcel, room) as (head, parts):
        expected = None if is_local(context.master) else environment()
        task = Task(head, parts, arrivals, expected)
        tasks = context.parallelize(list(enumerate(todo)), len(todo))
        with spark_job(context, lambda: tasks.foreach(task)) as job:
            results = _gathered(job, arrivals, len(todo), arrived)
    if job.failures:
        raise explained(job.failures[0]) from None
    if len(results) < len(todo):
        raise SparkError(
            f"Spark ended with {len(results)} of {len(todo)} results: some were lost on their way"
            " to this process; see its log, and run again"
        )
    return [results[index] for index in range(len(todo))]


@contextmanager
def _sent(
    context: Any, parcel: Parcel, room: Path | None
) -> Iterator[tuple[Any, tuple[Part, ...]]]:
    """Make a parcel readable by all workers: its parts as files in a shared room, or broadcast."""
    name = uuid.uuid4().hex
    broadcasts = [context.broadcast(parcel.head)]
    try:
        if room is not None:
            with scratch_folder(room) as scratch:
                yield (
                    broadcasts[0],
                    tuple(
                        _file(context, buffer, room, scratch / str(position))
                        for position, buffer in enumerate(parcel.buffers)
                    ),
                )
            return
        parts = []
        for position, buffer in enumerate(parcel.buffers):
            sent = context.broadcast(InMemory(f"{name}-{position}", buffer))
            broadcasts.append(sent)
            parts.append(SentPart(f"{name}-{position}", sent))
        yield broadcasts[0], tuple(parts)
    finally:
        for sent in broadcasts:
            sent.destroy()


def _file(context: Any, buffer: Block, room: Path, free: Path) -> FilePart:
    """Return the file that a buffer is mapped from, if the workers see that too, or make one."""
    found = file_of(buffer)
    if found and (is_local(context.master) or Path(found.path).is_relative_to(room.absolute())):
        return found
    return to_file(buffer, free)


def _gathered(job: Job, arrivals: Any, total: int, arrived: Arrived) -> dict[int, Any]:
    """Return index -> result; raise the first error of an item that arrives."""
    results: dict[int, Any] = {}
    running = True
    while running:
        running = job.wait()  # asked before the last look, so that nothing is overlooked
        for index in list(arrivals.value):
            outcome = arrivals.value.pop(index)
            if index not in results:  # Spark may compute an item twice
                results[index] = outcome.result()
                arrived(results[index], len(results), total)
    return results
