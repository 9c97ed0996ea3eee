"""The platform as a user has it: processes, files that land, and nobody at the keyboard.

The tests share one platform and its history (see ``conftest.py``); each asks for as much of the
history as it needs, so that any of them can be run alone.
"""

from __future__ import annotations

import pytest

from cup_assets.classify.models import MODELS
from cup_assets_tests.end_to_end.harness import AGGREGATES, LivePlatform, is_up_to_date

OF_A_BATCH = ("raw/idats", "normalised/betas", "cnv/profiles")

# The studies come after the aggregates, and are what takes longest.
_STUDIES_DONE = 280

pytestmark = pytest.mark.timeout(600)


def test_a_batch_that_lands_is_registered_and_run_by_the_sensor(
    live: LivePlatform, first_batch: str
) -> None:
    (run,) = live.runs(job="process_batch", partition=first_batch)
    assert run.tags["dagster/sensor_name"] == "landing"
    made = live.materialisations(*OF_A_BATCH)
    assert {(m.asset, m.partition) for m in made} == {(asset, first_batch) for asset in OF_A_BATCH}
    assert not any(m.reused for m in made)


@pytest.mark.slow
def test_a_half_copied_batch_waits_until_it_is_complete(
    live: LivePlatform, second_batch: str
) -> None:
    # Had it been taken any earlier, there would be a second run for the state that came after.
    (run,) = live.runs(job="process_batch", partition=second_batch)
    assert run.status == "SUCCESS"
    landed = sorted((live.settings.landing / second_batch).glob("*.idat"))
    samples = live.catalogue.query("SELECT sample_id FROM samples WHERE batch = ?", [second_batch])
    assert samples.height == len(landed) // 2
    problems = live.catalogue.query(
        "SELECT * FROM intake_problems WHERE batch = ? AND severity = 'error'", [second_batch]
    )
    assert problems.is_empty()


@pytest.mark.slow
def test_a_second_batch_touches_only_its_own_partitions(
    live: LivePlatform, first_batch: str, second_batch: str
) -> None:
    made = [(m.asset, m.partition) for m in live.materialisations(*OF_A_BATCH)]
    assert sorted(made) == sorted(
        (asset, batch) for asset in OF_A_BATCH for batch in (first_batch, second_batch)
    )


@pytest.mark.slow
def test_aggregates_are_made_without_anybody_asking(live: LivePlatform, first_batch: str) -> None:
    live.wait_for(
        lambda: live.materialisations("diagnosis/classifier"), "the first classifier", 240
    )
    assert not [run for run in live.runs() if run.status == "FAILURE"]
    board = live.catalogue.query(
        'SELECT DISTINCT model FROM cv_metrics WHERE "class" IS NULL ORDER BY model'
    )
    assert board["model"].to_list() == sorted(MODELS)
    asked = [run for run in live.runs(job="__ASSET_JOB") if run.partition is None]
    assert {run.tags["dagster/sensor_name"] for run in asked} == {"refresh_aggregates"}


@pytest.mark.slow
def test_a_batch_that_lands_while_aggregates_are_made_is_not_lost_on_them(
    live: LivePlatform, first_batch: str, second_batch: str
) -> None:
    live.wait_for(
        lambda: len(live.materialisations("datasets/reference")) > 1,
        "the reference dataset is made again",
        240,
    )
    members = live.catalogue.query("SELECT DISTINCT batch FROM dataset_members WHERE included")
    assert set(members["batch"]) == {first_batch, second_batch}


@pytest.mark.slow
def test_every_aggregate_and_prediction_follows_the_second_batch(
    live: LivePlatform, refreshed: None, first_batch: str, second_batch: str
) -> None:
    live.wait_until_idle(_STUDIES_DONE)
    assert not [run for run in live.runs() if run.status == "FAILURE"]
    for asset in AGGREGATES:
        assert len(live.materialisations(asset)) == 2, asset
    predicted = live.catalogue.query(
        "SELECT s.batch, count(DISTINCT sample_id) AS n FROM predictions p"
        " JOIN samples s USING (sample_id) JOIN releases r USING (release)"
        " WHERE r.is_current GROUP BY s.batch ORDER BY s.batch"
    )
    assert predicted.rows() == [(first_batch, 2), (second_batch, 2)]


@pytest.mark.slow
def test_aggregates_are_made_all_at_once_and_by_one_run_after_the_other(
    live: LivePlatform, refreshed: None
) -> None:
    live.wait_until_idle(_STUDIES_DONE)
    runs = [run for run in live.runs() if "refresh_aggregates" in run.tags.values()]
    assert [set(run.assets) for run in runs] == [set(AGGREGATES)] * 2
    (_, first_end), (second_start, _) = (run.span for run in runs)
    assert first_end <= second_start


@pytest.mark.slow
def test_nothing_more_runs_while_nothing_lands(live: LivePlatform, refreshed: None) -> None:
    live.wait_until_idle(_STUDIES_DONE)
    before = live.runs()
    for _ in range(3):
        live.wait_for_skip("no new batch")
    assert live.runs() == before


@pytest.mark.slow
def test_pools_are_free_when_nothing_runs(live: LivePlatform, refreshed: None) -> None:
    live.wait_until_idle(_STUDIES_DONE)
    assert set(live.claimed_slots()) == {"warehouse", "compute"}
    assert not any(live.claimed_slots().values())


@pytest.mark.slow
def test_a_batch_whose_folder_is_removed_leaves_the_aggregates(
    live: LivePlatform, refreshed: None, first_batch: str, second_batch: str
) -> None:
    live.wait_until_idle(_STUDIES_DONE)
    live.remove(second_batch)
    live.wait_for_skip(f"{second_batch} is gone")
    live.wait_for(
        lambda: live.runs(job="take_inventory", partition=second_batch, status="SUCCESS"),
        "the batch is retracted",
        120,
    )
    live.wait_for(
        lambda: is_up_to_date(live.settings, [first_batch]),
        "the aggregates are made of the first batch alone",
        400,
    )
    states = dict(live.catalogue.query("SELECT batch, state FROM batches").iter_rows())
    assert states == {first_batch: "ready", second_batch: "retracted"}
    reasons = live.catalogue.query(
        "SELECT DISTINCT included, reason FROM dataset_members WHERE batch = ?", [second_batch]
    )
    assert reasons.rows() == [(False, f"batch {second_batch} was retracted")]
    stored = live.catalogue.query("SELECT * FROM sample_measures WHERE batch = ?", [second_batch])
    assert stored.height, "results of a retracted batch stay stored"
