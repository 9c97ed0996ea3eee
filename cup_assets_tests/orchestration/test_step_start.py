"""A step's start is what Dagster recorded of it, of the attempt that made the result."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.step_start import step_start
from cup_assets.warehouse import Catalogue, Recipe


@pytest.mark.parametrize("failures", [0, 1])
def test_the_start_is_that_of_the_attempt_and_comes_before_the_assets_own_code(
    failures: int,
) -> None:
    tried: list[datetime] = []
    found: list[datetime] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def one(context: dg.AssetExecutionContext) -> None:
        tried.append(datetime.now(UTC))
        if len(tried) <= failures:
            raise dg.Failure("once")
        found.append(step_start(context))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([one], instance=instance)
        assert result.success
        events = [
            record.event_log_entry.timestamp
            for record in instance.get_records_for_run(result.run_id).records
            if record.event_log_entry.dagster_event_type
            in (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED)
        ]
    assert len(events) == failures + 1
    assert found[0].timestamp() == pytest.approx(events[-1], abs=1e-5)
    assert found[0] <= tried[-1]
    assert all(found[0] > earlier for earlier in tried[:-1])


def test_start_and_end_are_stored_with_the_version_and_are_no_part_of_it(tmp_path: Path) -> None:
    platform = Platform(data=str(tmp_path))
    recipe = Recipe("datasets/balanced", "1", {}, {})
    rows = pl.DataFrame({"strategy": ["none"], "sample_id": ["A"], "weight": [1.0]})

    @dg.asset
    def plan(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return materialise(context, platform, recipe, lambda: Product({"training_plan": rows}))

    with dg.DagsterInstance.ephemeral() as instance:
        before = datetime.now(UTC)
        made = []
        for _ in range(2):
            assert dg.materialize([plan], instance=instance, tags={"cup/force": "true"}).success
            version = Catalogue(platform.settings.catalogue).current("datasets/balanced")
            assert version is not None
            made.append(version)
    one, again = made
    assert one.started_at is not None
    assert again.started_at is not None
    assert before <= one.started_at < one.materialised_at < again.started_at < again.materialised_at
    assert one.data_version == again.data_version == recipe.fingerprint
