"""Aggregates refresh once for every change, and never for want of one.

The conditions are those of the real assets, on assets that cost nothing. Numbers of traps are those
of Dagster that the conditions were written against: a lost update (1), checks that act within one
run only (5), one batch that blocks all (6).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest

from cup_assets.definitions import defs as platform_defs
from cup_assets.orchestration.automation import (
    ON_NEW_BATCHES,
    ON_NEW_CHECKED_BATCHES,
    ON_NEW_CHECKED_DATA,
    ON_NEW_DATA,
    ON_SETTLED_COMPLETE_DATA,
    ON_SETTLED_DATA,
)
from cup_assets.orchestration.conventions import (
    CLASSIFIER,
    GENE_SETS,
    LANDSCAPE,
    PANEL_RELEASE,
    PANELS,
    STUDIES,
)
from cup_assets.orchestration.partitions import BATCHES

# Dagster's own test helper warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")

UP, AGGREGATE, MODEL = (dg.AssetKey(name) for name in ("up", "aggregate", "model"))


@dataclass
class Plant:
    """A batch asset, an aggregate of all batches, and a model made of the aggregate."""

    instance: dg.DagsterInstance
    versions: dict[str, str] = field(default_factory=lambda: {"aggregate": "1"})
    check_passes: bool = True
    cursor: Any = None

    def __post_init__(self) -> None:
        @dg.asset(partitions_def=BATCHES)
        def up(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
            version = self.versions.get(context.partition_key, "1")
            return dg.MaterializeResult(data_version=dg.DataVersion(version))

        @dg.asset(
            deps=[up],
            automation_condition=ON_NEW_DATA,
            check_specs=[dg.AssetCheckSpec("sound", asset="aggregate", blocking=True)],
        )
        def aggregate() -> dg.MaterializeResult:  # type: ignore[type-arg]
            return dg.MaterializeResult(
                data_version=dg.DataVersion(self.versions["aggregate"]),
                check_results=[dg.AssetCheckResult(passed=self.check_passes)],
            )

        @dg.asset(deps=[aggregate], automation_condition=ON_NEW_CHECKED_DATA)
        def model() -> None: ...

        self.assets = [up, aggregate, model]
        self.defs = dg.Definitions(assets=self.assets)

    def make(self, key: dg.AssetKey, batch: str | None = None) -> None:
        if batch:
            self.instance.add_dynamic_partitions("batches", [batch])
        dg.materialize(
            self.assets,
            selection=[key],
            partition_key=batch,
            instance=self.instance,
            raise_on_error=False,
        )

    def start(self, key: dg.AssetKey) -> dg.DagsterRun:
        """Start a run that makes an asset, without ending it."""
        return self.instance.create_run_for_job(
            self.defs.resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset({key}),
            status=dg.DagsterRunStatus.STARTED,
        )

    def end(self, run: dg.DagsterRun) -> None:
        run = self.instance.get_run_by_id(run.run_id) or run
        self.instance.report_run_failed(run)

    def tick(self) -> set[str]:
        """Return what is asked for."""
        result = dg.evaluate_automation_conditions(
            defs=self.defs, instance=self.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        return {key.to_user_string() for key in (AGGREGATE, MODEL) if result.get_num_requested(key)}


@pytest.fixture
def plant() -> Iterator[Plant]:
    with dg.DagsterInstance.ephemeral() as instance:
        plant = Plant(instance)
        plant.make(UP, "b1")
        plant.make(AGGREGATE)
        plant.make(MODEL)
        plant.tick()
        yield plant


def test_nothing_new_asks_for_nothing(plant: Plant) -> None:
    assert plant.tick() == set()


def test_a_new_batch_is_asked_for_once(plant: Plant) -> None:
    plant.make(UP, "b2")
    assert "aggregate" in plant.tick()
    assert plant.tick() == set()


@pytest.mark.parametrize(
    "ticks_before",
    [
        0,
        1,
        3,
    ],
    ids=["before the next look", "after one look", "after several looks"],
)
def test_a_batch_that_lands_while_the_aggregate_is_made_is_not_lost(
    plant: Plant, ticks_before: int
) -> None:
    plant.make(UP, "b2")
    assert "aggregate" in plant.tick()
    run = plant.start(AGGREGATE)
    for _ in range(ticks_before):
        assert "aggregate" not in plant.tick()
    plant.make(UP, "b3")  # the run has read its inputs already
    assert "aggregate" not in plant.tick()
    assert "aggregate" not in plant.tick()
    plant.make(AGGREGATE)
    plant.end(run)
    assert "aggregate" in plant.tick()
    assert "aggregate" not in plant.tick()


def test_a_batch_that_was_never_read_does_not_block_the_aggregate(plant: Plant) -> None:
    plant.instance.add_dynamic_partitions("batches", ["unreadable"])
    plant.make(UP, "b2")
    assert "aggregate" in plant.tick()


def test_a_batch_made_again_with_the_same_version_asks_for_nothing(plant: Plant) -> None:
    plant.make(UP, "b1")
    assert plant.tick() == set()


def test_an_aggregate_of_the_same_version_stops_the_wave(plant: Plant) -> None:
    plant.make(UP, "b2")
    plant.tick()
    plant.make(AGGREGATE)  # its content did not change
    assert plant.tick() == set()


def test_an_aggregate_of_a_new_version_goes_on_to_the_model(plant: Plant) -> None:
    plant.versions["aggregate"] = "2"
    plant.make(AGGREGATE)
    assert plant.tick() == {"model"}


def test_a_failed_check_keeps_a_later_run_from_the_model_until_it_passes(plant: Plant) -> None:
    plant.versions["aggregate"], plant.check_passes = "2", False
    plant.make(AGGREGATE)
    assert plant.tick() == set()
    plant.versions["aggregate"], plant.check_passes = "3", True
    plant.make(AGGREGATE)
    assert plant.tick() == {"model"}


def test_every_aggregate_refreshes_by_itself_and_what_reads_the_dataset_asks_for_its_checks() -> (
    None
):
    graph = platform_defs.resolve_asset_graph()
    by_itself = {
        key.to_user_string(): graph.get(key).automation_condition
        for key in graph.get_all_asset_keys()
        if graph.get(key).automation_condition
    }
    batchwise = {"raw/idats", "normalised/betas", "cnv/profiles", "cnv/controls"}
    everything = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert set(by_itself) == everything - batchwise  # those come with the landing of a batch
    learns = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if dg.AssetKey(["datasets", "reference"]) in graph.get(key).parent_keys
    }
    assert learns
    assert by_itself["datasets/reference"] == ON_NEW_BATCHES
    assert by_itself["evaluation/concordance"] == ON_SETTLED_COMPLETE_DATA
    for name in learns - {"evaluation/leaderboard"}:  # it waits for cross-validations, which do
        if name in {key.to_user_string() for key in STUDIES}:
            assert by_itself[name] in (ON_SETTLED_DATA, ON_SETTLED_COMPLETE_DATA), name
        else:
            assert by_itself[name] in (ON_NEW_CHECKED_DATA, ON_NEW_CHECKED_BATCHES), name


@dataclass
class Hospital:
    """A dataset, the classifier that is released from it, and a study of the dataset.

    As on the platform, the study has a sensor of its own.
    """

    instance: dg.DagsterInstance
    version: str = "1"
    cursors: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        @dg.asset(automation_condition=ON_NEW_CHECKED_DATA)
        def dataset() -> dg.MaterializeResult:  # type: ignore[type-arg]
            return dg.MaterializeResult(data_version=dg.DataVersion(self.version))

        @dg.asset(key=CLASSIFIER, deps=[dataset], automation_condition=ON_NEW_CHECKED_DATA)
        def released() -> None: ...

        @dg.asset(deps=[dataset], automation_condition=ON_SETTLED_DATA)
        def study() -> None: ...

        # The other branches that a run of aggregates ends with.
        ends = [dg.AssetSpec(key) for key in (LANDSCAPE, GENE_SETS, PANELS, PANEL_RELEASE)]
        self.assets = [dataset, released, study]
        self.defs = dg.Definitions(assets=[*self.assets, *ends])

    def make(self, *names: str) -> None:
        keys = [CLASSIFIER if name == "classifier" else dg.AssetKey(name) for name in names]
        dg.materialize(self.assets, selection=keys, instance=self.instance)

    def start(self, *keys: dg.AssetKey) -> dg.DagsterRun:
        return self.instance.create_run_for_job(
            self.defs.resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset(keys),
            status=dg.DagsterRunStatus.STARTED,
        )

    def asks_for(self, sensor: str) -> set[str]:
        """Return what one look of the sensor of aggregates, or of studies, asks for."""
        studies = dg.AssetSelection.assets("study")
        target = studies if sensor == "studies" else dg.AssetSelection.all() - studies
        result = dg.evaluate_automation_conditions(
            defs=self.defs,
            instance=self.instance,
            asset_selection=target,
            cursor=self.cursors.get(sensor),
        )
        self.cursors[sensor] = result.cursor
        keys = (dg.AssetKey("dataset"), CLASSIFIER, dg.AssetKey("study"))
        return {key.path[-1] for key in keys if result.get_num_requested(key)}


def test_a_study_waits_for_the_classifier_and_is_asked_for_once_by_itself() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        hospital = Hospital(instance)
        hospital.make("dataset", "classifier", "study")
        hospital.asks_for("aggregates")
        hospital.asks_for("studies")

        hospital.version = "2"
        hospital.make("dataset")
        run = hospital.start(CLASSIFIER)
        assert hospital.asks_for("studies") == set(), "the classifier comes first"
        assert hospital.asks_for("studies") == set()
        hospital.make("classifier")
        hospital.instance.report_run_failed(hospital.instance.get_run_by_id(run.run_id) or run)
        assert hospital.asks_for("studies") == {"study"}
        assert hospital.asks_for("studies") == set()


def test_no_run_of_the_platform_makes_a_study_together_with_what_others_wait_for() -> None:
    graph = platform_defs.resolve_asset_graph()
    studies = set(STUDIES)
    sensors = [
        sensor
        for sensor in platform_defs.sensors or []
        if isinstance(sensor, dg.AutomationConditionSensorDefinition)
    ]
    targets = {sensor.name: sensor.asset_selection.resolve(graph) for sensor in sensors}
    assert targets.pop("refresh_studies") == studies
    assert not any(target & studies for target in targets.values())
    for key in studies:
        assert graph.get(key).assets_def.op.tags["dagster/priority"] == "-1", key
    for job in ("refresh_aggregates_now", "process_batch", "predict_batch"):
        made = platform_defs.resolve_job_def(job).asset_layer.executable_asset_keys
        assert not studies & set(made), job
