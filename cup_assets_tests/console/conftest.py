"""A complete platform to ask from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cup_assets.settings import Settings
from cup_assets_tests.orchestration.chain import complete_folder

Cup = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def complete_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder in which everything is computed; read only."""
    return complete_folder(tmp_path_factory)


@pytest.fixture
def platform(complete_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a complete platform of one's own."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Settings(shutil.copytree(complete_data, tmp_path / "data"))


@pytest.fixture
def cup(tmp_path: Path) -> Cup:
    """Return the `cup` command as a process; current folder and data folder are temporary."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CUP_", "DAGSTER_"))
    }

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        program = "from cup_assets.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={
                **environment,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "CUP_DATA": str(tmp_path / "data"),
                "CUP_WORKERS": "1",
                **variables,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
