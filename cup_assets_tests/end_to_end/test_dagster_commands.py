"""Dagster's own commands work in the checkout, and use the same instance as ``cup``."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

from cup_assets.orchestration.launcher import WatchingRunLauncher
from cup_assets_tests.end_to_end.harness import AGGREGATES, BIN

CHECKOUT = Path(__file__).resolve().parents[2]


def _run(tmp_path: Path, *command: str) -> str:
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=CHECKOUT,
        env={**os.environ, "CUP_DATA": str(tmp_path), "DAGSTER_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_dagster_validates_the_workspace(tmp_path: Path) -> None:
    output = _run(tmp_path, "dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert "Validation successful for code location cup_assets" in output


def test_dg_checks_the_definitions(tmp_path: Path) -> None:
    assert "All definitions loaded successfully" in _run(tmp_path, "dg", "check", "defs")


def test_dg_lists_every_aggregate(tmp_path: Path) -> None:
    listed = _run(tmp_path, "dg", "list", "defs", "--json")
    assert [asset for asset in AGGREGATES if f'"{asset}"' not in listed] == []


def test_dagster_dev_in_the_checkout_uses_the_instance_of_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("dagster.yaml").write_bytes((CHECKOUT / "dagster.yaml").read_bytes())
    with get_possibly_temporary_instance_for_cli("dagster dev") as instance:
        instance.add_dynamic_partitions("batches", ["B1"])
        assert isinstance(instance.run_launcher, WatchingRunLauncher)
    home = Path("data") / "dagster"
    (home / "dagster.yaml").write_text(_packaged())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_dynamic_partitions("batches") == ["B1"]


def test_both_instance_files_say_the_same() -> None:
    checkout = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
    where = ("storage", "local_artifact_storage", "compute_logs")
    assert {k: v for k, v in checkout.items() if k not in where} == yaml.safe_load(_packaged())


def _packaged() -> str:
    return files("cup_assets.orchestration").joinpath("instance.yaml").read_text()
