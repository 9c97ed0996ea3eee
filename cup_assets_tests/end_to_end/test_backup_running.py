"""Backups taken while everything is being made: each restores to a state that there was."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cup_assets.console.backup import run_backup, run_restore
from cup_assets.settings import Settings
from cup_assets.simulate import SimulatedCohort
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.backup import missing_matrices
from cup_assets.warehouse.copies import sha256_of
from cup_assets_tests.end_to_end.harness import BIN, PARAMETERS, LivePlatform
from cup_assets_tests.end_to_end.test_killed import RESULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

VERSIONS = "SELECT asset, partition, fingerprint, data_version FROM asset_versions"


def busy_platform(folder: Path, cohort: SimulatedCohort) -> subprocess.Popen[bytes]:
    """Start ``cup materialize`` on a data folder with one landed batch."""
    settings = Settings(folder / "data")
    shutil.copytree(cohort.manifests, settings.manifests)
    shutil.copytree(cohort.landing / cohort.batches[0], settings.landing / cohort.batches[0])
    settings.parameters.write_text(PARAMETERS)
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    with (folder / "console.log").open("ab") as log:
        return subprocess.Popen(
            [BIN / "cup", "materialize"],
            cwd=folder,
            env={**environment, "CUP_DATA": str(settings.data), "CUP_WORKERS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def test_each_backup_of_a_busy_platform_is_of_one_moment_and_goes_on_to_the_same_results(
    cohort: SimulatedCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings(tmp_path / "busy" / "data", workers=1)
    process = busy_platform(tmp_path / "busy", cohort)
    backups: list[Path] = []
    while process.poll() is None:
        if settings.catalogue.exists():
            backups.append(run_backup(settings, tmp_path / "kept"))
        time.sleep(4)
    assert process.returncode == 0, (tmp_path / "busy" / "console.log").read_text()
    final = Catalogue(settings.catalogue)
    ever = set(final.query(VERSIONS).rows())

    states = []
    for place, backup in enumerate(backups):
        restored = Settings(tmp_path / f"restored{place}" / "data", workers=1)
        run_restore(restored, backup)
        catalogue = Catalogue(restored.catalogue)
        current = catalogue.query(f"{VERSIONS} WHERE is_current ORDER BY ALL").rows()
        assert set(current) <= ever, "an asset is neither old nor new"
        assert missing_matrices(catalogue) == []
        for (path,) in catalogue.query("SELECT path FROM matrices").rows():
            assert sha256_of(restored.warehouse / path) == sha256_of(settings.warehouse / path)
        states.append(current)
    different = [place for place, state in enumerate(states) if state and state != states[-1]]
    assert len({str(state) for state in states}) > 3, "the backups saw nothing happen"

    # One that was taken in mid work is brought up to date, and comes to the same.
    half = LivePlatform(tmp_path / f"restored{different[len(different) // 2]}")
    half.materialise_headless()
    for sql in RESULTS:
        assert half.catalogue.query(sql).equals(final.query(sql)), sql
