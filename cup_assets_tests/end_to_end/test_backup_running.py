"""Backups taken while a batch is being materialised: each restores to a state that there was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cup_assets.console.backup import run_backup, run_restore
from cup_assets.settings import Settings
from cup_assets.simulate import SimulatedCohort
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.backup import missing_matrices
from cup_assets.warehouse.copies import sha256_of
from cup_assets_tests.end_to_end.harness import PARAMETERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

# As `cup materialize`, without the aggregates. The tag says whose the run is: one that was at work
# when the backup was taken holds a pool until somebody sees that its process is gone.
PROGRAM = """
import os

from cup_assets.orchestration.build import build_defs
from cup_assets.orchestration.conventions import PID_TAG
from cup_assets.orchestration.instance import open_instance
from cup_assets.settings import Settings

settings = Settings.from_environment()
(batch,) = [folder.name for folder in settings.landing.iterdir()]
with open_instance(settings) as instance:
    instance.add_dynamic_partitions("batches", [batch])
    job = build_defs().resolve_job_def("process_batch")
    tags = {PID_TAG: str(os.getpid())}
    assert job.execute_in_process(instance=instance, partition_key=batch, tags=tags).success
"""
VERSIONS = "SELECT asset, partition, fingerprint, data_version FROM asset_versions"
RESULTS = (
    f"{VERSIONS} WHERE is_current ORDER BY ALL",
    "SELECT sample_id, sum(beta) AS total FROM betas GROUP BY sample_id ORDER BY sample_id",
    "SELECT * EXCLUDE (run_id) FROM cnv_segments ORDER BY ALL",
    "SELECT * EXCLUDE (run_id) FROM sample_qc ORDER BY ALL",
)


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a process that materialises the landed batch."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CUP_", "DAGSTER_"))}
    with (settings.data.parent / "console.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=settings.data.parent,
            env={**environment, "CUP_DATA": str(settings.data), "CUP_WORKERS": "1",
                 "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )  # fmt: skip


def said(settings: Settings) -> str:
    return (settings.data.parent / "console.log").read_text()[-4000:]


def test_each_backup_of_a_busy_platform_is_of_one_moment_and_goes_on_to_the_same_results(
    cohort: SimulatedCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings(tmp_path / "busy" / "data", workers=1)
    shutil.copytree(cohort.manifests, settings.manifests)
    batch = cohort.batches[0]
    shutil.copytree(cohort.landing / batch, settings.landing / batch)
    settings.parameters.write_text(PARAMETERS)
    process = start(settings)
    backups: list[Path] = []
    while process.poll() is None:
        if settings.catalogue.exists():
            backups.append(run_backup(settings, tmp_path / "kept"))
        time.sleep(1)
    assert process.returncode == 0, said(settings)
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
    assert len({str(state) for state in states}) > 2, "the backups saw nothing happen"

    # One that was taken in mid work is brought up to date, and comes to the same.
    half = Settings(tmp_path / f"restored{different[len(different) // 2]}" / "data")
    assert start(half).wait(600) == 0, said(half)
    for sql in RESULTS:
        found, expected = Catalogue(half.catalogue).query(sql), final.query(sql)
        assert expected.height
        assert found.equals(expected), (sql, found, expected)
