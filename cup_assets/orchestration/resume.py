"""Runs that were cut short while nobody could start them again are started after all.

Belongs here: which failed runs Dagster has given up although it should have tried again, and asking
for them once more. Does not belong here: noticing that a run is dead
(`cup_assets.orchestration.launcher`), and Dagster's own retries, which come first.

Dagster tries a run that was interrupted again as soon as it hears of it. If the code server is away
at that moment, as it is when the service is restarted, the attempt fails and is never repeated; the
landing sensor has asked for the batch and does not ask twice. So the batch would be lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)

from cup_assets.orchestration.jobs import JOBS
from cup_assets.orchestration.materialise import FORCE_TAG

RESUMES_TAG = "cup/resumes"  # the run that was cut short
ATTEMPT_TAG = "cup/attempt"
_ATTEMPTS = 2  # what brings the code server down each time is not tried for ever
_LOOKED_AT = 100
_KEPT_TAGS = (FORCE_TAG, PRIORITY_TAG)


@dg.sensor(
    jobs=JOBS,
    name="resume_interrupted",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts runs again that were cut short while the code server was away.",
)
def resume_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Look for runs that were given up, and ask for the same once more."""
    repository = context.repository_def
    assert repository is not None
    jobs = {
        job.name: set(repository.get_job(job.name).asset_layer.executable_asset_keys)
        for job in JOBS
    }
    requests = []
    for run in given_up(context.instance):
        name = job_for(run, jobs)
        if name is None:
            context.log.warning("run %s was cut short: start it again by hand", run.run_id)
            continue
        kept = {tag: run.tags[tag] for tag in _KEPT_TAGS if tag in run.tags}
        attempt = str(int(run.tags.get(ATTEMPT_TAG, "0")) + 1)
        requests.append(
            dg.RunRequest(
                run_key=f"resume:{run.run_id}",
                job_name=name,
                partition_key=run.tags.get(PARTITION_NAME_TAG),
                asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
                tags={**kept, RESUMES_TAG: run.run_id, ATTEMPT_TAG: attempt},
            )
        )
    return dg.SensorResult(run_requests=requests)


def given_up(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    """Yield failed runs, oldest first, that Dagster should have tried again and could not.

    Not among them: runs that failed by themselves (bad input fails the same way again), runs whose
    retries were used up by starting and crashing, and runs that have been resumed too often.
    """
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "false"})
    for record in reversed(instance.get_run_records(filters, limit=_LOOKED_AT)):
        run = record.dagster_run
        written = run.tags.get(RUN_FAILURE_REASON_TAG)
        reason = RunFailureReason(written) if written else None
        # Retries may have been used up by attempts to start it where nobody was.
        never_started = record.start_time is None and reason is not RunFailureReason.STEP_FAILURE
        if (
            AUTO_RETRY_RUN_ID_TAG not in run.tags
            and not instance.get_runs_count(dg.RunsFilter(tags={RESUMES_TAG: run.run_id}))
            and int(run.tags.get(ATTEMPT_TAG, "0")) < _ATTEMPTS
            and (never_started or auto_reexecution_should_retry_run(instance, run, reason))
        ):
            yield run


def job_for(run: dg.DagsterRun, jobs: dict[str, set[dg.AssetKey]]) -> str | None:
    """Return the job that a run was of, or one that holds the assets it was to make."""
    if run.job_name in jobs:
        return run.job_name
    wanted = set(run.asset_selection or ())
    return next((name for name, keys in jobs.items() if wanted and wanted <= keys), None)
