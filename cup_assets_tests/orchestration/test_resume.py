"""A run that was cut short is resumed where Dagster has given it up, and only there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from cup_assets.orchestration.build import build_defs
from cup_assets.orchestration.conventions import CLASSIFIER, LEADERBOARD, RAW
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.resume import resume_sensor
from cup_assets.settings import Settings

GIVEN_UP = {"dagster/will_retry": "false", "dagster/failure_reason": "UNEXPECTED_TERMINATION"}


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = prepare_instance(Settings(data=tmp_path))["DAGSTER_HOME"]
    with dg.DagsterInstance.from_config(home) as opened:
        yield opened


def failed(instance: dg.DagsterInstance, tags: Mapping[str, str], **how: object) -> str:
    given = {"job_name": "process_batch", "status": dg.DagsterRunStatus.FAILURE} | how
    return instance.add_run(dg.DagsterRun(tags=dict(tags), **given)).run_id  # type: ignore[arg-type]


def asked(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    repository = build_defs().get_repository_def()
    context = dg.build_sensor_context(instance=instance, repository_def=repository)
    result = resume_sensor(context)
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or [])


def test_a_batch_whose_run_was_cut_short_while_the_code_server_was_away_is_asked_for_again(
    instance: dg.DagsterInstance,
) -> None:
    run = failed(instance, {**GIVEN_UP, "dagster/partition": "B1", "cup/force": "true"})
    (request,) = asked(instance)
    assert (request.job_name, request.partition_key) == ("process_batch", "B1")
    assert request.run_key == f"resume:{run}"
    assert request.tags == {"cup/force": "true", "cup/resumes": run, "cup/attempt": "1"}
    failed(instance, request.tags, status=dg.DagsterRunStatus.STARTED)
    assert asked(instance) == []


def test_a_run_of_aggregates_is_resumed_with_the_same_assets(instance: dg.DagsterInstance) -> None:
    keys = {CLASSIFIER, LEADERBOARD}
    failed(instance, GIVEN_UP, job_name="__ASSET_JOB", asset_selection=frozenset(keys))
    (request,) = asked(instance)
    assert request.job_name == "refresh_aggregates_now"
    assert set(request.asset_selection or ()) == keys


@pytest.mark.parametrize(
    "tags",
    [
        {**GIVEN_UP, "dagster/failure_reason": "STEP_FAILURE"},
        {**GIVEN_UP, "dagster/will_retry": "true"},
        {**GIVEN_UP, "dagster/auto_retry_run_id": "another"},
        {**GIVEN_UP, "cup/attempt": "2"},
    ],
    ids=["failed by itself", "to be retried", "was retried", "too often"],
)
def test_other_failed_runs_are_left_alone(
    instance: dg.DagsterInstance, tags: dict[str, str]
) -> None:
    failed(instance, tags)
    assert asked(instance) == []


def test_what_no_job_makes_together_is_left_to_a_person(instance: dg.DagsterInstance) -> None:
    failed(instance, GIVEN_UP, job_name="__ASSET_JOB", asset_selection=frozenset({CLASSIFIER, RAW}))
    assert asked(instance) == []


def test_a_run_that_has_crashed_as_often_as_it_may_is_left_alone_and_one_that_never_began_is_not(
    instance: dg.DagsterInstance,
) -> None:
    first = failed(instance, {"dagster/will_retry": "true", "dagster/auto_retry_run_id": "x"})
    of_group = {"dagster/root_run_id": first, "dagster/parent_run_id": first}
    for retried in ("y", None):
        tags = {**GIVEN_UP, **of_group} | (
            {"dagster/auto_retry_run_id": retried} if retried else {}
        )
        last = failed(instance, tags, root_run_id=first, parent_run_id=first)
    (request,) = asked(instance)
    assert request.tags["cup/resumes"] == last
    run = instance.get_run_by_id(last)
    assert run is not None
    instance.report_dagster_event(
        dg.DagsterEvent("PIPELINE_START", "process_batch"), run_id=last, timestamp=1.0
    )
    instance.report_run_failed(run, "crashed")
    assert asked(instance) == []
