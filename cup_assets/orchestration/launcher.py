"""Runs whose process has died are noticed, also when everything died at once.

Belongs here: whether the process of a run is still there. Does not belong here: what follows from
it (Dagster's run monitoring marks the run as failed, its run retries start it again).

Dagster's own launcher cannot tell: after a power cut its runs would stay "started" for ever, and
every asset that waits for one of them with them.
"""

from __future__ import annotations

import fcntl

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from cup_assets.settings import Settings

_TIMEOUT = 10  # seconds; a busy code server is asked again at the next look


class WatchingRunLauncher(dg.DefaultRunLauncher):
    """Dagster's default launcher, which also tells whether a run's process is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Dagster's run monitoring asks for the health of runs that have started."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started the run; it watches its own processes."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return _health_without_server(run)
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = client.can_cancel_execution(request, timeout=_TIMEOUT)
        except DagsterUserCodeUnreachableError as error:
            if "UNAVAILABLE" not in str(error):
                return CheckRunHealthResult(WorkerStatus.RUNNING, str(error))
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its code server is gone")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its code server does not know it")


def _health_without_server(run: dg.DagsterRun) -> CheckRunHealthResult:
    """Judge a run that was not launched but executed in somebody's process."""
    from cup_assets.orchestration.headless import PID_TAG

    if PID_TAG in run.tags and not _headless_is_at_work(Settings.from_environment()):
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "`cup materialize` is gone")
    return CheckRunHealthResult(WorkerStatus.RUNNING)


def _headless_is_at_work(settings: Settings) -> bool:
    """Look whether the lock is held: unlike a process id, it is never another process's."""
    path = settings.data / ".materialize.lock"
    if not path.exists():
        return False
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
