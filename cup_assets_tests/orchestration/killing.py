"""Bring a chain up to date, killed (-9) in the middle of one stage after the other.

A program of its own: it imports everything once and forks for every attempt, before any library has
started a thread.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg  # noqa: F401  (imported before the forks, as are the next)
import matplotlib.figure  # noqa: F401
import sklearn.linear_model  # noqa: F401

from cup_assets.orchestration.headless import materialize
from cup_assets.settings import Settings
from cup_assets.warehouse import catalogue, matrices
from cup_assets_tests.orchestration.chain import cheaply


def attempt(data: Path, stage: str | None) -> int:
    """Run `headless.materialize` in a fork, killed when it stores the stage; return its status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        with (
            cheaply(),
            patch.object(catalogue, "record_version", dying(catalogue.record_version, stage)),
        ):
            if stage == "a matrix file":
                with patch.object(matrices.os, "fsync", lambda _: die()):
                    materialize(Settings(data, workers=1))
            steps = materialize(Settings(data, workers=1))
        for step in steps:
            print(f"{step.state}\t{step.asset}\t{step.message}", flush=True)
        os._exit(0)
    finally:
        os._exit(1)


def dying(record: Callable[..., None], stage: str | None) -> Callable[..., None]:
    """Return a `record_version` that kills the process when a stage is written, not committed."""

    def record_or_die(connection: Any, recipe: Any, *rest: Any) -> None:
        if recipe.name == stage:
            die()
        record(connection, recipe, *rest)

    return record_or_die


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(data: str, *stages: str) -> None:
    for stage in stages:
        status = attempt(Path(data), stage)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"the attempt to be killed at {stage} ended with status {status}")
    sys.exit(os.waitstatus_to_exitcode(attempt(Path(data), None)))


if __name__ == "__main__":
    main(*sys.argv[1:])
