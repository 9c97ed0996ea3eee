"""Serial and local-process mapping, and the choice between backends.

Belongs here: the `Mapper` protocol and its local implementations. Does not belong here: Spark,
which has a module of its own because its import is heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from cup_assets.compute.errors import ComputeError

if TYPE_CHECKING:
    from cup_assets.settings import Settings

# Arrays from this size on reach the workers as one memory-mapped file.
_SENT_AS_FILE = "100K"

Item = TypeVar("Item")
Result = TypeVar("Result")


class Mapper(Protocol):
    """Apply a picklable function to independent items; results come in the items' order.

    ``on_result`` is called in this process with each result as it arrives, before ``progress``:
    in the items' order, or, from Spark, as they are done.
    """

    @property
    def shares_disk(self) -> bool:
        """Whether every worker sees the files of this process under the same paths.

        Large results may then be left in a file, and need not travel.
        """

    def __call__(  # noqa: D102
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]: ...


@dataclass(frozen=True)
class _Serial:
    shares_disk: bool = True

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        todo = list(items)
        results = []
        for done, item in enumerate(todo, start=1):
            results.append(function(item))
            if on_result:
                on_result(results[-1])
            if progress:
                progress(done, len(todo))
        return results


serial: Mapper = _Serial()
"""Map in this process, one item after the other."""


@dataclass(frozen=True)
class _Local:
    workers: int
    shares_disk: bool = True

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        from joblib import Parallel, delayed, parallel_config

        todo = list(items)
        if len(todo) < 2:
            return serial(function, todo, progress, on_result)
        n_jobs = min(self.workers, len(todo))
        results: list[Result] = []
        with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
            pool = Parallel(return_as="generator", max_nbytes=_SENT_AS_FILE)
            arriving = pool(delayed(function)(item) for item in todo)
        try:
            for result in arriving:
                results.append(result)
                if on_result:
                    on_result(result)
                if progress:
                    progress(len(results), len(todo))
        except BrokenProcessPool as error:
            raise ComputeError(
                f"one of {n_jobs} worker processes was killed when {len(results)} of {len(todo)}"
                " items were done, most often for want of memory: run with fewer at a time"
                f" (CUP_WORKERS={max(1, n_jobs // 2)}) or on a machine with more memory"
            ) from error
        return results


def local(workers: int) -> Mapper:
    """Return a mapper over ``workers`` processes of this machine (joblib's loky backend).

    Each worker computes on one thread, so that ``workers`` processes use ``workers`` CPUs; large
    arrays reach the workers memory-mapped, not copied once a task.
    """
    return serial if workers == 1 else _Local(workers)


def make_mapper(settings: Settings) -> Mapper:
    """Return the mapper that the settings ask for."""
    if settings.compute == "spark":
        from cup_assets.compute.spark import spark_mapper

        return spark_mapper(settings.spark_master, settings.cache)
    return local(settings.workers)


def make_file_mapper(settings: Settings) -> Mapper:
    """Return the mapper for items that are files of the data folder.

    It is that of `make_mapper` unless its workers do not see the folder: they would find no file
    where there is one.
    """
    mapper = make_mapper(settings)
    return mapper if mapper.shares_disk else local(settings.workers)
