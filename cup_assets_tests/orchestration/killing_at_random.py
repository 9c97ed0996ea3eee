"""Bring a chain up to date again and again, killed (-9) from outside at the moments asked for.

A program of its own, as `killing`: it forks for every attempt, before any library has started a
thread, and leaves all looking to whoever asks. On standard input a line of JSON a time: ``{"data":
folder, "done": n, "storing": name or null, "offset": seconds}`` kills an attempt so long after its
``n``-th asset was done, or, if that is earlier, after it began to store the named one; without
``done`` the attempt runs to its end. On standard output, for each: what the attempt had said by
then, and whether it was killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg  # noqa: F401  (imported before the forks, as are the next)
import matplotlib.figure  # noqa: F401
import sklearn.linear_model  # noqa: F401

from cup_assets.orchestration import materialise
from cup_assets.orchestration.headless import materialize
from cup_assets.settings import Settings
from cup_assets.warehouse.catalogue import Catalogue
from cup_assets_tests.orchestration.chain import cheaply


def work(data: Path, pipe: int) -> None:
    """Bring the folder up to date, telling each asset that is being stored, and that is done."""

    def tell(what: str, name: str) -> None:
        os.write(pipe, f"{json.dumps([time.monotonic(), what, name])}\n".encode())

    result, store = materialise._result, Catalogue.store

    def told_result(recipe: Any, *rest: Any, **named: Any) -> Any:
        tell("done", recipe.name)
        return result(recipe, *rest, **named)

    def told_store(self: Catalogue, recipe: Any, *rest: Any, **named: Any) -> None:
        tell("storing", recipe.name)
        store(self, recipe, *rest, **named)

    with (
        cheaply(),
        patch.object(materialise, "_result", told_result),
        patch.object(Catalogue, "store", told_store),
    ):
        for step in materialize(Settings(data, workers=1)):
            tell(step.state, f"{step.asset} {step.message}")


def attempt(data: str, done: int | None, storing: str | None, offset: float) -> dict[str, Any]:
    """Work in a fork, killed at the moment asked for; return what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setsid()
            work(Path(data), writing)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    told: list[list[Any]] = []
    rest, strike = b"", None
    while True:
        n_done = sum(what == "done" for _, what, _ in told)
        reached = any(what == "storing" and name == storing for _, what, name in told)
        if strike is None and done is not None and (reached or n_done >= done):
            strike = time.monotonic() + offset
        wait = None if strike is None else max(0.0, strike - time.monotonic())
        if select.select([reading], [], [], wait)[0]:
            if not (chunk := os.read(reading, 65536)):
                break
            *lines, rest = (rest + chunk).split(b"\n")
            told += [json.loads(line) for line in lines]
        elif strike is not None and time.monotonic() >= strike:
            os.killpg(child, signal.SIGKILL)
            strike = None
            done = None
    os.close(reading)
    status = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"told": told, "killed": killed, "status": status}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(attempt(**json.loads(line))), flush=True)
