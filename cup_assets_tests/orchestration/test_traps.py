"""One regression test for each trap of Dagster that the platform was built around.

==  ============================================================  ==================================
1   ``eager()`` loses an update that lands during the run         test_automation, "is not lost"
2   a killed step keeps its pool for ever                         here, and test_killed
3   provenance stops at 100 upstream partitions                   here
4   nothing is skipped by itself                                  test_reuse
5   a blocking check acts within one run only                     test_automation, and here
6   one unread batch blocks an aggregate of all                   test_automation, "does not block"
7   a reader in another process excludes the writer               here
8   a deleted partition comes back with its history               here
9   a failed run uses up its run key                              here
==  ============================================================  ==================================

And partition keys, which Dagster takes with any characters.
"""

import multiprocessing
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
import yaml

from cup_assets.orchestration.conventions import REFERENCE, cv_key
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.landing import landing_sensor
from cup_assets.orchestration.resources import Platform
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, Recipe, Write
from cup_assets_tests.orchestration.chain import Chain, mark, message_of

CHECKOUT = Path(__file__).resolve().parents[2]


# 2: pools


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    prepare_instance(Settings(tmp_path))
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        yield instance


def test_the_instance_frees_the_pool_of_a_killed_step(embedded: dg.DagsterInstance) -> None:
    settings = embedded.run_monitoring_settings
    assert settings["enabled"] is True
    assert 0 < settings["free_slots_after_run_end_seconds"] <= 120
    assert embedded.run_retries_enabled
    assert embedded.telemetry_enabled is False


def test_an_instance_of_the_owner_is_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")
    prepare_instance(Settings(tmp_path))
    assert (home / "dagster.yaml").read_text() == "telemetry:\n  enabled: true\n"


def test_every_pool_takes_one_step_at_a_time(embedded: dg.DagsterInstance) -> None:
    pools = embedded.get_concurrency_config().pool_config
    assert pools.default_pool_limit == 1
    assert pools.pool_granularity is not None
    assert pools.pool_granularity.value == "op"


def test_dagster_dev_in_the_checkout_has_the_configuration_of_the_embedded_instance() -> None:
    template = files("cup_assets.orchestration").joinpath("instance.yaml").read_text()
    ours = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
    where = {"storage", "local_artifact_storage", "compute_logs"}
    assert where <= set(ours)
    assert {key: value for key, value in ours.items() if key not in where} == (
        yaml.safe_load(template)
    )


# 3: provenance of many batches


def test_a_dataset_of_more_than_a_hundred_batches_records_them_all_and_sees_each_change(
    complete: Chain,
) -> None:
    add_empty_batches(complete.settings.catalogue, 99)
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    first = complete.catalogue.current("datasets/reference")
    assert first is not None
    batches = {name for name in first.inputs if name.startswith("raw/idats[")}
    assert len(batches) == 101
    with duckdb.connect(complete.settings.catalogue) as connection:
        connection.execute(
            "UPDATE asset_versions SET data_version = 'changed'"
            " WHERE asset = 'raw/idats' AND partition = 'empty_98'"
        )
    result = complete.run("refresh_aggregates_now", only=[REFERENCE])
    (event,) = result.asset_materializations_for_node("datasets__reference")
    assert event.metadata["reused"].value is False
    again = complete.catalogue.current("datasets/reference")
    assert again is not None
    assert again.inputs["raw/idats[empty_98]"] == "changed"


def add_empty_batches(catalogue: Path, n: int) -> None:
    """Add batches that hold one diagnostic sample each, taken in but not normalised."""
    with duckdb.connect(catalogue) as connection:
        connection.execute(f"""
            INSERT INTO batches BY NAME
            SELECT 'empty_' || i AS batch, 'ready' AS state, 1 AS n_samples, 'v' AS files_version,
                   'run' AS run_id, 'v' AS data_version FROM range({n}) AS t(i);
            INSERT INTO samples BY NAME
            SELECT 'empty_' || i AS batch, 'S' || i AS sample_id, 'P' || i AS patient_id,
                   'mini' AS "array", 'diagnostic' AS "role", 'run' AS run_id,
                   'v' AS data_version FROM range({n}) AS t(i);
            INSERT INTO asset_versions BY NAME
            SELECT 'raw/idats' AS asset, 'empty_' || i AS "partition", 'v' AS data_version,
                   'f' AS fingerprint, '1' AS code_version, '{{}}' AS parameters, 'run' AS run_id,
                   now() AS materialised_at, '{{"findings": []}}' AS summary, TRUE AS is_current
            FROM range({n}) AS t(i);
        """)


# 5: checks that act across runs


def test_a_later_run_of_a_model_alone_refuses_a_dataset_whose_check_failed(
    complete: Chain,
) -> None:
    for batch in ("alpha", "beta"):
        sheet = complete.sheet(batch)
        one_class = pl.lit("olfactory neuroblastoma")
        complete.write_sheet(batch, sheet.with_columns(diagnosis=one_class))
        assert complete.run("process_batch", batch).success
    first = complete.run("refresh_aggregates_now", only=[REFERENCE])
    assert not first.success
    later = complete.run("refresh_aggregates_now", only=[cv_key("svm")])
    assert not later.success
    assert message_of(later).startswith("datasets/reference did not pass its check class_sizes")
    assert "\n" not in message_of(later)


# 7: one writer


def test_two_processes_that_write_at_once_both_get_their_turn(tmp_path: Path) -> None:
    path = tmp_path / "warehouse" / "cup.duckdb"
    Catalogue(path).query("SELECT 1")
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_batches, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    found = Catalogue(path).query(
        "SELECT batch, count(*) AS n FROM masked_betas GROUP BY batch ORDER BY batch"
    )
    assert found.rows() == [(f"{name}{i}", 1) for name in "ab" for i in range(8)]
    versions = Catalogue(path).query("SELECT count(*) FROM asset_versions WHERE is_current")
    assert versions.item() == 16


def write_batches(path: Path, name: str) -> None:
    catalogue = Catalogue(path, patience=60)
    for i in range(8):
        batch = f"{name}{i}"
        rows = pl.DataFrame({"sample_id": ["S"], "batch": [batch], "reason": ["r"], "n": [1]})
        catalogue.store(
            Recipe("normalised/betas", "1", {}, {}, partition=batch),
            Write({"masked_betas": rows}, key={"batch": batch}),
            run_id="run", data_version="v", summary={},
        )  # fmt: skip
        catalogue.query("SELECT * FROM masked_betas")  # readers come in between


# 8: tombstones


def test_a_removed_batch_keeps_its_partition_and_gets_a_tombstone(complete: Chain) -> None:
    assert complete.run("process_batch", "beta").success
    versions = complete.catalogue.query(
        "SELECT count(*) FROM asset_versions WHERE partition = 'beta'"
    ).item()
    complete.remove("beta")
    result = complete.run("take_inventory", "beta")
    assert result.success
    assert complete.instance.get_dynamic_partitions("batches") == ["beta"]
    assert complete.one("SELECT state FROM batches WHERE batch = 'beta'") == "retracted"
    after = complete.catalogue.query(
        "SELECT count(*) FROM asset_versions WHERE partition = 'beta'"
    ).item()
    assert after == versions + 1
    assert complete.one("SELECT count(*) FROM samples WHERE batch = 'beta'") == 14
    (event,) = result.asset_materializations_for_node("raw__idats")
    assert "left out of every dataset" in str(event.metadata["retracted"].value)


def test_a_batch_that_was_never_there_gets_no_tombstone(complete: Chain) -> None:
    result = complete.run("take_inventory", "gamma")
    assert message_of(result).startswith("batch gamma: no such folder in ")
    assert complete.one("SELECT count(*) FROM batches WHERE batch = 'gamma'") == 0


# 9: run keys


def tick(chain: Chain, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance=chain.instance,
        cursor=cursor,
        resources={"platform": Platform(data=str(chain.data))},
    )
    result = landing_sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def keys(result: dg.SensorResult) -> dict[str | None, str | None]:
    return {request.partition_key: request.run_key for request in result.run_requests or []}


def test_a_corrected_batch_is_run_under_a_new_key_and_a_failed_one_is_not_run_again(
    landed: Chain,
) -> None:
    first = tick(landed, None)
    assert set(keys(first)) == {"alpha", "beta"}
    again = tick(landed, first.cursor)  # whatever became of the runs
    assert keys(again) == {}
    landed.write_sheet("alpha", landed.sheet("alpha").head(5))
    corrected = tick(landed, again.cursor)
    assert set(keys(corrected)) == {"alpha"}
    assert keys(corrected)["alpha"] != keys(first)["alpha"]
    registered = first.dynamic_partitions_requests or []
    assert [request.partition_keys for request in registered] == [["alpha", "beta"]]


# Partition keys

BAD_KEYS = ("new\nline", "a*b", "a...b", "../alpha", "alpha/", "..", "-alpha", "é", "x" * 65)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_partition_with_odd_characters_that_somebody_added_is_refused(
    landed: Chain, key: str
) -> None:
    result = landed.run("take_inventory", key)
    assert not result.success
    assert "rename the folder to 1 to 64 letters, digits, _ or -" in message_of(result)
    assert "\n" not in message_of(result)
    assert landed.one("SELECT count(*) FROM batches") == 0


def test_a_folder_with_odd_characters_is_no_partition_and_the_others_land(landed: Chain) -> None:
    for name in ("a*b", "a...b", "new\nline", "a b"):
        shutil.copytree(landed.folder("beta"), landed.folder(name))
        mark(landed.folder(name))
    result = tick(landed, None)
    assert set(keys(result)) == {"alpha", "beta"}
    registered = result.dynamic_partitions_requests or []
    assert [request.partition_keys for request in registered] == [["alpha", "beta"]]
