"""Whether the process of a run is taken for gone exactly when it is."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from cup_assets.orchestration.conventions import PID_TAG
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.launcher import WatchingRunLauncher, close_dead_runs
from cup_assets.settings import Settings


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("CUP_DATA", str(tmp_path))
    home = prepare_instance(Settings(data=tmp_path))["DAGSTER_HOME"]
    with dg.DagsterInstance.from_config(home) as opened:
        yield opened


def _status(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchingRunLauncher)
    assert launcher.supports_check_run_worker_health
    run = dg.DagsterRun(job_name="job", tags=dict(tags), status=dg.DagsterRunStatus.STARTED)
    return launcher.check_run_worker_health(instance.add_run(run)).status


def test_a_run_whose_code_server_is_gone_is_gone(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    server = {"host": "localhost", "socket": str(tmp_path / "nobody")}
    assert _status(instance, {".dagster/grpc_info": json.dumps(server)}) is WorkerStatus.NOT_FOUND


def test_a_headless_run_lasts_as_long_as_its_process_holds_the_lock(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert _status(instance, {PID_TAG: "1"}) is WorkerStatus.NOT_FOUND
    with (tmp_path / ".materialize.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _status(instance, {PID_TAG: "1"}) is WorkerStatus.RUNNING
    assert _status(instance, {PID_TAG: "1"}) is WorkerStatus.NOT_FOUND


def test_a_run_in_somebody_elses_process_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert _status(instance, {}) is WorkerStatus.RUNNING


def test_a_dead_run_gives_back_its_pool_slot(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    server = {"host": "localhost", "socket": str(tmp_path / "nobody")}
    tags = [{".dagster/grpc_info": json.dumps(server)}, {PID_TAG: "1"}]
    status = dg.DagsterRunStatus.STARTED
    dead = [instance.add_run(dg.DagsterRun("job", tags=t, status=status)) for t in tags]
    other = instance.add_run(dg.DagsterRun("job", status=status))
    pools = ["warehouse", "compute", "third"]
    for pool, run in zip(pools, [*dead, other], strict=True):
        instance.event_log_storage.set_concurrency_slots(pool, 1)
        claim = instance.event_log_storage.claim_concurrency_slot(pool, run.run_id, "step")
        assert claim.is_claimed
    close_dead_runs(instance)
    held = [instance.event_log_storage.get_concurrency_info(p).active_run_ids for p in pools]
    assert held == [set(), set(), {other.run_id}]
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert {run.run_id for run in failed} == {run.run_id for run in dead}
