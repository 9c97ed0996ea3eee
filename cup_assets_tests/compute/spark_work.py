"""What the tests let Spark's workers do: importable there by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from cup_assets.classify.nested import nested_cv
from cup_assets.compute import Mapper, serial
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

MODELS = ("logistic_regression", "random_forest")
_PARAMETERS = replace(
    QUICK, n_probes=50, trees=10, logistic_c=(10.0,), logistic_l1=(), calibration_c=(1.0,)
)


def cv_scores(model: str, mapper: Mapper = serial) -> bytes:
    """Return all scores of one small nested cross-validation, six outer folds."""
    data = cohort(n=72, p=200, classes=3)
    plan = folds(data, outer=3, inner=2, repeats=2)
    scores = nested_cv(data, model, plan, _PARAMETERS, mapper).scores
    assert scores.height == 2 * 72 * 3
    return scores.select("raw_score", "score").to_numpy().tobytes()


def digest(mapper: Mapper = serial) -> str:
    return sha256(b"".join(cv_scores(model, mapper) for model in MODELS)).hexdigest()


def mapped_file(array: np.ndarray) -> str | None:
    """Return the name of the file that an array is mapped from."""
    base: Any = array
    while base is not None:
        if isinstance(base, np.memmap):
            return str(base.filename)
        base = getattr(base, "base", None)
    return None


def where_mapped(matrix: np.ndarray, item: int) -> tuple[int, str | None, float, bool]:
    """Return process, file, value and whether the matrix could be written to."""
    time.sleep(0.2)  # long enough for a second process to take part
    return os.getpid(), mapped_file(matrix), float(matrix[item].sum()), matrix.flags.writeable


def fail_on_one(folder: Path, item: int) -> int:
    """Fail at once, if it is item 1; wait for ever otherwise."""
    (folder / f"{item}-{os.getpid()}-{time.monotonic_ns()}").touch()
    if item == 1:
        raise ValueError("item 1 is at fault: look at it")
    while not (folder / "enough").exists():
        time.sleep(0.05)
    return item


class AwkwardError(Exception):
    """Cannot be put together again from its pickle."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} is not {other}")


def fail_awkwardly(item: int) -> int:
    raise AwkwardError(item, -1)


def die(item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), 9)
    return item


@dataclass(frozen=True)
class Watched:
    """A mapper whose items, when computed, tell so through a file and wait for another one.

    The files of its first map on Spark are in the folder ``0``, those of the second in ``1``.
    """

    mapper: Mapper
    folder: Path

    @property
    def shares_disk(self) -> bool:
        return self.mapper.shares_disk

    def __call__(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Any], None] | None = None,
    ) -> list[Any]:
        todo = list(items)
        if len(todo) < 2:  # not for Spark
            return self.mapper(function, todo, progress, on_result)
        room = self.folder / str(sum(path.is_dir() for path in self.folder.iterdir()))
        room.mkdir()
        watched = partial(_computed_then_wait, function, room)
        return self.mapper(watched, list(enumerate(todo)), progress, on_result)


def _computed_then_wait(
    function: Callable[[Any], Any], room: Path, numbered: tuple[int, Any]
) -> Any:
    number, item = numbered
    result = function(item)
    (room / f"{number}-{os.getpid()}").touch()
    while number > 0 and not (room.parent / "go on").exists():
        time.sleep(0.02)
    return result
