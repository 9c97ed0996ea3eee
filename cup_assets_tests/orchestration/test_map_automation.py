"""The map is asked for together with the dataset, and what reads the map only when there is one."""

from typing import Any

import dagster as dg
import pytest

from cup_assets.orchestration.automation import (
    ON_NEW_BATCHES,
    ON_NEW_CHECKED_BATCHES,
    ON_SETTLED_COMPLETE_DATA,
)
from cup_assets.orchestration.conventions import (
    BETAS,
    CLASSIFIER,
    CONCORDANCE,
    GENE_SETS,
    LANDSCAPE,
    PANEL_RELEASE,
    PANELS,
    PROFILES,
    REFERENCE,
)
from cup_assets.orchestration.partitions import BATCHES

# Dagster's own test helper warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")


@dg.asset(key=BETAS, partitions_def=BATCHES)
def betas() -> None: ...


@dg.asset(key=PROFILES, deps=[BETAS], partitions_def=BATCHES)
def profiles() -> None: ...


@dg.asset(key=REFERENCE, deps=[BETAS], automation_condition=ON_NEW_BATCHES)
def dataset() -> None: ...


@dg.asset(
    key=LANDSCAPE,
    deps=[REFERENCE, BETAS, PROFILES],
    automation_condition=ON_NEW_CHECKED_BATCHES,
)
def landscape() -> None: ...


@dg.asset(
    key=CONCORDANCE, deps=[REFERENCE, LANDSCAPE], automation_condition=ON_SETTLED_COMPLETE_DATA
)
def study() -> None: ...


ASSETS = [betas, profiles, dataset, landscape, study]
# The other branches that a run of aggregates ends with.
ENDS = [dg.AssetSpec(key) for key in (CLASSIFIER, GENE_SETS, PANELS, PANEL_RELEASE)]


class Ward:
    """A batch, the dataset and the map made of it, and a study of the map."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.instance.add_dynamic_partitions("batches", ["a", "b"])
        self.defs = dg.Definitions(assets=[*ASSETS, *ENDS])
        self.cursors: dict[str, Any] = {}

    def make(self, *keys: dg.AssetKey, batch: str | None = None) -> None:
        dg.materialize(ASSETS, selection=list(keys), partition_key=batch, instance=self.instance)

    def start(self, key: dg.AssetKey, batch: str) -> dg.DagsterRun:
        return self.instance.create_run_for_job(
            self.defs.resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset({key}),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": batch},
        )

    def end(self, run: dg.DagsterRun) -> None:
        self.instance.report_run_failed(self.instance.get_run_by_id(run.run_id) or run)

    def asked(self, sensor: str) -> set[dg.AssetKey]:
        """Return what one look of the sensor of aggregates, or of studies, asks for."""
        studies = dg.AssetSelection.assets(CONCORDANCE)
        found = dg.evaluate_automation_conditions(
            defs=self.defs,
            instance=self.instance,
            asset_selection=studies if sensor == "studies" else dg.AssetSelection.all() - studies,
            cursor=self.cursors.get(sensor),
        )
        self.cursors[sensor] = found.cursor
        every = (REFERENCE, LANDSCAPE, CONCORDANCE)
        return {key for key in every if found.get_num_requested(key)}


def test_the_dataset_waits_for_the_copy_number_of_a_batch_and_the_map_is_asked_for_with_it() -> (
    None
):
    with dg.DagsterInstance.ephemeral() as instance:
        ward = Ward(instance)
        assert ward.asked("aggregates") == set()
        ward.make(BETAS, batch="a")
        run = ward.start(PROFILES, "a")
        assert ward.asked("aggregates") == set(), "its copy number is being made"
        ward.make(PROFILES, batch="a")
        ward.end(run)
        assert ward.asked("aggregates") == {REFERENCE, LANDSCAPE}


def test_a_study_of_the_map_waits_for_the_first_map() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        ward = Ward(instance)
        ward.asked("studies")
        ward.make(REFERENCE)
        assert ward.asked("studies") == set()
        ward.make(LANDSCAPE)
        assert ward.asked("studies") == {CONCORDANCE}
