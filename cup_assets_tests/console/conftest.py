"""A complete platform to ask from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cup_assets.console.bundle import run_bundle
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.console.bundles import Made
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


@pytest.fixture(scope="session")
def made(complete_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return a platform, and the folder of its bundles: case, kept, reference, panel, release."""
    folder = tmp_path_factory.mktemp("bundles")
    settings = Settings(shutil.copytree(complete_data, folder / "data"))
    names = {
        "case": "SELECT min(sample_id) FROM predictions WHERE score IS NOT NULL",
        "reference": "SELECT min(sample_id) FROM cv_scores",
        "panel": "SELECT min(panel_id) FROM panels",
        "release": "SELECT release FROM releases",
        "released_panel": "SELECT min(release) FROM panel_releases",
    }
    for kind, sql in names.items():
        name = Catalogue(settings.catalogue).query(sql).item()
        run_bundle(settings, name, folder / f"{kind}.zip")
        if kind == "case":
            run_bundle(settings, name, folder / "kept.zip", with_idats=True)
    return settings, folder


@pytest.fixture
def elsewhere(made: Made, tmp_path: Path) -> Settings:
    """Return another machine: it has the manifests of the arrays and nothing else."""
    shutil.copytree(made[0].manifests, tmp_path / "elsewhere" / "manifests")
    return Settings(tmp_path / "elsewhere")


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
