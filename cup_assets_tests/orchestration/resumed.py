"""A cross-validation outside of Dagster, and one that is killed in the middle.

Belongs here: what `test_cross_validate` runs, some of it in a process of its own. Does not belong
here: what is expected of it.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import dagster as dg

from cup_assets.classify.nested import CvResult, FoldResult
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.orchestration.cross_validate import cross_validate
from cup_assets.orchestration.fold_store import FoldStore
from cup_assets.orchestration.resources import Platform
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

QUICKER = replace(QUICK, logistic_c=(10.0,), logistic_l1=())
DATA = cohort(n=64, p=200)
PLAN = folds(DATA, outer=4, inner=2, repeats=2)


class Log:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str, *values: object) -> None:
        self.said.append(text % values)

    def warning(self, text: str) -> None:
        self.said.append(f"warning: {text}")


def run(
    folder: Path,
    parameters: EvaluationParameters = QUICKER,
    *,
    workers: int = 1,
    force: bool = False,
    **changed: Any,
) -> tuple[CvResult, Log]:
    """Cross-validate the cohort as an asset does; return the result and what the log says."""
    log = Log()
    context: Any = SimpleNamespace(
        log=log,
        run=SimpleNamespace(tags={"cup/force": "true"} if force else {}),
        asset_key=dg.AssetKey(["evaluation", "cv", "logistic_regression"]),
        has_partition_key=False,
    )
    platform = Platform(data=str(folder), workers=workers, compute="local")
    given = {"data": DATA, "model": "logistic_regression", "folds": PLAN} | changed
    return cross_validate(context, platform, **given, parameters=parameters), log


def main(data: str, finished: str) -> None:
    """Run until some folds are stored, then die as a process dies that is killed."""
    save = FoldStore.save

    def save_and_die(self: FoldStore, key: str, result: FoldResult) -> None:
        save(self, key, result)
        if len(list(self.folder.glob("*.zip"))) == int(finished):
            os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(FoldStore, "save", save_and_die):
        run(Path(data))


if __name__ == "__main__":
    main(*sys.argv[1:])
