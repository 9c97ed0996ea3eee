"""Pages of cases follow their scores, and wait for no map."""

from typing import Any

import dagster as dg
import pytest

from cup_assets.orchestration.automation import ON_SCORED_CASES
from cup_assets.orchestration.conventions import LANDSCAPE, PREDICTIONS, REPORTS
from cup_assets.orchestration.partitions import BATCHES

# Dagster's own test helper warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")


@dg.asset(key=PREDICTIONS, partitions_def=BATCHES)
def predictions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(data_version=dg.DataVersion(context.run.run_id))


@dg.asset(key=LANDSCAPE)
def landscape(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(data_version=dg.DataVersion(context.run.run_id))


@dg.asset(
    key=REPORTS,
    deps=[PREDICTIONS, LANDSCAPE],
    partitions_def=BATCHES,
    automation_condition=ON_SCORED_CASES,
)
def reports() -> None: ...


ASSETS = [predictions, landscape, reports]


def test_pages_are_asked_for_when_cases_are_scored_and_again_with_a_new_map() -> None:
    cursor: Any = None
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("batches", ["a", "b"])
        defs = dg.Definitions(assets=ASSETS)

        def asked() -> list[str]:
            nonlocal cursor
            found = dg.evaluate_automation_conditions(defs=defs, instance=instance, cursor=cursor)
            cursor = found.cursor
            return sorted(found.get_requested_partitions(REPORTS))

        def make(key: dg.AssetKey, batch: str | None = None) -> None:
            dg.materialize(ASSETS, selection=[key], partition_key=batch, instance=instance)

        assert asked() == []
        # Nobody has drawn a map yet, and somebody is about to.
        drawing = instance.create_run_for_job(
            defs.resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset({LANDSCAPE}),
            status=dg.DagsterRunStatus.STARTED,
        )
        make(PREDICTIONS, "a")
        assert asked() == ["a"]
        make(REPORTS, "a")
        assert asked() in ([], ["a"])  # at worst once more, and reused
        assert asked() == []
        instance.report_run_failed(instance.get_run_by_id(drawing.run_id) or drawing)
        make(LANDSCAPE)
        assert asked() == ["a"]  # b has not been scored
