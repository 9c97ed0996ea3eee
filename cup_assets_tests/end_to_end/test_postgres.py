"""Dagster's runs and events in PostgreSQL: by configuration alone, no password in any file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from cup_assets.console.backup import run_backup, run_restore
from cup_assets.console.doctor import run_doctor
from cup_assets.console.errors import explained
from cup_assets.orchestration.build import build_defs
from cup_assets.orchestration.conventions import BETAS
from cup_assets.orchestration.instance import open_instance
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.storage import POSTGRES_VARIABLE, StorageError
from cup_assets.settings import Settings
from cup_assets.simulate import SimulatedCohort
from cup_assets.warehouse import Catalogue
from cup_assets_tests.end_to_end.harness import PARAMETERS
from cup_assets_tests.end_to_end.postgres import postgres_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # SQLAlchemy's dialect, called by dagster-postgres.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:sqlalchemy.*"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def settings(
    cohort: SimulatedCohort, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Return a data folder with one landed batch; Dagster is told of PostgreSQL."""
    settings = Settings(tmp_path / "data", workers=1)
    shutil.copytree(cohort.manifests, settings.manifests)
    shutil.copytree(cohort.landing / cohort.batches[0], settings.landing / cohort.batches[0])
    settings.parameters.write_text(PARAMETERS)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("CUP_DATA", str(settings.data))
    monkeypatch.setenv(POSTGRES_VARIABLE, address)
    # Set by `open_instance`; to be undone.
    monkeypatch.setenv("DAGSTER_HOME", str(settings.data / "dagster"))
    return settings


def read_first_batch(settings: Settings) -> str:
    """Materialise the inventory and betas of the landed batch; return the run's id."""
    (batch,) = [folder.name for folder in settings.landing.iterdir()]
    defs = build_defs(resource_overrides={"platform": Platform(data=str(settings.data))})
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("batches", [batch])
        result = defs.resolve_job_def("read_batch").execute_in_process(
            instance=instance, partition_key=batch
        )
    assert result.success
    return result.run_id


def test_a_materialised_batch_leaves_its_run_and_events_in_the_database_and_none_in_files(
    settings: Settings, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = read_first_batch(settings)
    connection = psycopg2.connect(address.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", [run])
        assert cursor.fetchall() == [("SUCCESS",)]
        cursor.execute(
            "SELECT asset_key FROM event_logs WHERE run_id = %s"
            " AND dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY asset_key",
            [run],
        )
        assert [key for (key,) in cursor] == ['["normalised", "betas"]', '["raw", "idats"]']
    connection.close()
    assert not list(settings.dagster_home.rglob("*.db"))

    password = address.split(":")[2].split("@")[0]
    run_doctor(settings)
    said = " ".join(capsys.readouterr().out.split())
    assert "storage: PostgreSQL, database dagster at 127.0.0.1:" in said
    assert password not in said
    for file in settings.data.rglob("*"):
        if file.is_file():
            assert password.encode() not in file.read_bytes(), file


def test_a_server_that_does_not_answer_is_named_without_the_password(
    settings: Settings, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = address.replace("cup:", "cup:wrong")
    monkeypatch.setenv(POSTGRES_VARIABLE, wrong)
    said = explained(lambda: open_instance(settings))
    assert said is not None
    assert said.startswith("Dagster's storage does not answer (PostgreSQL, database dagster at 127")
    assert "password authentication failed" in said
    assert "wrong" not in said
    assert "\n" not in said


def test_a_backup_of_the_database_is_restored_into_an_empty_one_only(
    settings: Settings, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_first_batch(settings)
    backup = run_backup(settings, tmp_path / "kept")
    elsewhere = Settings(tmp_path / "elsewhere" / "data", workers=1)
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere.data / "dagster"))
    with pytest.raises(StorageError, match="is not empty: make a new database"):
        run_restore(elsewhere, backup)
    assert not elsewhere.data.exists()

    admin = psycopg2.connect(address.replace("+psycopg2", "").replace("/dagster", "/postgres"))
    admin.autocommit = True
    admin.cursor().execute("CREATE DATABASE restored")
    admin.close()
    monkeypatch.setenv(POSTGRES_VARIABLE, address.replace("/dagster", "/restored"))
    run_restore(elsewhere, backup)
    with open_instance(elsewhere) as instance:
        found = instance.get_run_by_id(run)
        assert found is not None
        assert found.is_success
        event = instance.get_latest_materialization_event(BETAS)
        assert event is not None
        assert event.run_id == run
    assert Catalogue(elsewhere.catalogue).query("SELECT * FROM sample_measures").height
