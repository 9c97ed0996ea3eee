"""Runs whose process has died are noticed, also when everything died at once.

Belongs here: whether the process of a run is still there, and giving back what a dead one held.
Does not belong here: starting runs again (Dagster's run retries).

Dagster's own launcher cannot tell: after a power cut its runs would stay "started" for ever, and
every asset that waits for one of them with them.
"""

from __future__ import annotations

import fcntl
import json

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from cup_assets.orchestration.conventions import LOCK_NAME, PID_TAG
from cup_assets.settings import Settings

_TIMEOUT = 10  # seconds; a busy code server is asked again at the next look


class WatchingRunLauncher(dg.DefaultRunLauncher):
    """Dagster's default launcher, which also tells whether a run's process is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Dagster's run monitoring asks for the health of runs that have started."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Ask who executes the run: a code server, or ``cup materialize``."""
        if GRPC_INFO_TAG in run.tags:
            return _health_at_server(run)
        if PID_TAG in run.tags and not _headless_is_at_work(Settings.from_environment()):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "`cup materialize` is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def close_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark dead runs as failed and free their pool slots, as the daemon would.

    To be called by the headless process that holds the lock, so that no other one is at work: a
    slot that a dead run holds would make it wait for ever.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if PID_TAG in run.tags:
            instance.report_run_failed(run, "`cup materialize` was killed")
        elif GRPC_INFO_TAG in run.tags:
            health = _health_at_server(run)
            if health.status is WorkerStatus.NOT_FOUND:
                instance.report_run_failed(run, f"the run was killed: {health.msg}")
    events = instance.event_log_storage
    for run_id in events.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            events.free_concurrency_slots_for_run(run_id)


def _health_at_server(run: dg.DagsterRun) -> CheckRunHealthResult:
    """Ask the code server that started the run; it watches its own processes."""
    server = json.loads(run.tags[GRPC_INFO_TAG])
    client = DagsterGrpcClient(
        host=server.get("host"),
        port=server.get("port"),
        socket=server.get("socket"),
        use_ssl=bool(server.get("use_ssl")),
    )
    request = CanCancelExecutionRequest(run_id=run.run_id)
    try:
        answer = client.can_cancel_execution(request, timeout=_TIMEOUT)
    except DagsterUserCodeUnreachableError as error:
        if "UNAVAILABLE" in str(error):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its code server is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING, str(error))
    if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its code server does not know it")


def _headless_is_at_work(settings: Settings) -> bool:
    """Look whether the lock is held: unlike a process id, it is never another process's."""
    path = settings.data / LOCK_NAME
    if not path.exists():
        return False
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
