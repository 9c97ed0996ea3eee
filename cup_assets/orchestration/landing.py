"""The sensor that takes in batches as they land.

Belongs here: carrying out a landing plan. Does not belong here: the decision, which is a pure
function (`cup_assets.cohort.landing.plan_landings`), and reading any file: a tick only lists and
stats, hashing happens in the asset.
"""

import dagster as dg

from cup_assets.cohort.batch_files import observe_batches
from cup_assets.cohort.landing import LandingPlan, plan_landings
from cup_assets.orchestration.jobs import process_batch_job, raw_job
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.pool_rule import batches_to_profile_again
from cup_assets.orchestration.resources import Platform

# A sample is done when its betas are those of its files and it has a profile, or cannot be read.
_KNOWN = """
    SELECT batch, CASE WHEN batch NOT IN (
        SELECT s.batch FROM samples s
        LEFT JOIN sample_measures m USING (sample_id, batch)
        LEFT JOIN cnv_profiles p USING (sample_id, batch)
        LEFT JOIN failed_samples f USING (sample_id, batch)
        WHERE f.sample_id IS NULL AND (
            p.sample_id IS NULL
            OR m.files_sha256 IS DISTINCT FROM s.grn_sha256 || '+' || s.red_sha256
        )
    ) THEN signature END
    FROM batches WHERE state <> 'retracted' ORDER BY batch
"""


def known_batches(platform: Platform) -> dict[str, str | None]:
    """Return the batches that are not retracted, with the signature they were taken in with.

    None where work on the batch was cut short, by ``cup materialize`` for one: the landing sensor
    then takes it once more, unless it has asked for this very state before.
    """
    return dict(platform.catalogue.query(_KNOWN).iter_rows())


@dg.sensor(
    jobs=[process_batch_job, raw_job],
    name="landing",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in a batch when its copy is complete; retracts a batch that was removed.",
)
def landing_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Look at the landing folder and ask for what follows."""
    platform.settings.landing.mkdir(parents=True, exist_ok=True)
    observed = observe_batches(platform.settings.landing)
    plan = plan_landings(observed, context.cursor, known_batches(platform))
    for note in plan.notes:
        context.log.warning(note)
    for name, reason in plan.ignored.items():
        context.log.info("%s %s", name, reason)
    requests = _run_requests(plan)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _skip_reason(plan),
        dynamic_partitions_requests=[BATCHES.build_add_request([r.batch for r in plan.run])]
        if plan.run
        else [],
        cursor=plan.cursor,
    )


def _run_requests(plan: LandingPlan) -> list[dg.RunRequest]:
    taken = [
        dg.RunRequest(
            run_key=request.run_key, partition_key=request.batch, job_name=process_batch_job.name
        )
        for request in plan.run
    ]
    removed = [
        dg.RunRequest(run_key=request.run_key, partition_key=request.batch, job_name=raw_job.name)
        for request in plan.remove
    ]
    return taken + removed


def _skip_reason(plan: LandingPlan) -> str:
    waiting = [f"{name} {reason}" for name, reason in plan.ignored.items()]
    return "; ".join([*plan.notes, *waiting]) or "no new batch"


@dg.asset_sensor(
    asset_key=dg.AssetKey(["cnv", "controls"]),
    name="profiles_awaiting_controls",
    job_name="profile_batch",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Profiles the batches that arrived before there was a pool of normal controls.",
)
def awaiting_controls_sensor(
    context: dg.SensorEvaluationContext, platform: Platform, asset_event: dg.EventLogEntry
) -> list[dg.RunRequest]:
    """Ask for the profiles of batches that have none for want of a pool that now exists."""
    version = asset_event.run_id
    return [
        dg.RunRequest(run_key=f"{batch}:{version}", partition_key=batch)
        for batch in batches_awaiting_controls(platform)
    ]


def batches_awaiting_controls(platform: Platform) -> list[str]:
    """Return batches whose samples have no pool although there is one, or a superseded one."""
    return batches_to_profile_again(platform)
