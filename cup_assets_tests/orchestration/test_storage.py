"""Which storage Dagster uses follows from dagster.yaml and the environment, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.storage import POSTGRES_VARIABLE, StorageError, find_storage
from cup_assets.settings import Settings

ADDRESS = "postgresql+psycopg2://cup:{}@db.example:5433/dagster"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv(POSTGRES_VARIABLE, raising=False)
    return Settings(tmp_path / "data")


def test_without_an_address_runs_are_kept_in_files(settings: Settings) -> None:
    prepare_instance(settings)
    storage = find_storage(settings)
    assert (storage.kind, storage.address) == ("sqlite", None)
    assert str(storage) == f"SQLite files in {settings.data / 'dagster'}"


def test_an_address_in_the_environment_makes_a_new_instance_use_it_and_is_not_written_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, ADDRESS.format("hidden"))
    prepare_instance(settings)
    said = str(find_storage(settings))
    assert said == "PostgreSQL, database dagster at db.example:5433 (user cup)"
    assert "hidden" not in (settings.dagster_home / "dagster.yaml").read_text()


def test_an_address_that_the_existing_instance_would_not_use_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_instance(settings)
    before = (settings.dagster_home / "dagster.yaml").read_text()
    monkeypatch.setenv(POSTGRES_VARIABLE, ADDRESS.format("hidden"))
    with pytest.raises(StorageError, match=r"is set, but .*dagster.yaml keeps runs in sqlite"):
        prepare_instance(settings)
    assert (settings.dagster_home / "dagster.yaml").read_text() == before


def test_an_instance_whose_address_is_not_given_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, ADDRESS.format("hidden"))
    prepare_instance(settings)
    monkeypatch.delenv(POSTGRES_VARIABLE)
    with pytest.raises(StorageError, match=f"from {POSTGRES_VARIABLE}, which is not set: set it"):
        prepare_instance(settings)


def test_an_address_that_is_none_is_refused_without_being_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, "hidden@nowhere")
    with pytest.raises(StorageError, match="not of the form postgresql") as refused:
        prepare_instance(settings)
    assert "hidden" not in str(refused.value)


def test_the_owners_own_words_in_dagster_yaml_are_understood(settings: Settings) -> None:
    settings.dagster_home.mkdir(parents=True)
    config = settings.dagster_home / "dagster.yaml"
    config.write_text(
        "storage: {postgres: {postgres_db: {scheme: postgresql+psycopg2, username: u,"
        " hostname: h, db_name: d, port: 5}}}"
    )
    assert str(find_storage(settings)) == "PostgreSQL, database d at h:5 (user u)"
    config.write_text("storage: {mysql: {}}")
    assert str(find_storage(settings)) == f"mysql, as {config} says"
    config.write_text("storage: [")
    with pytest.raises(StorageError, match=r"dagster.yaml is no YAML"):
        find_storage(settings)


def test_an_address_that_the_installed_driver_does_not_serve_is_refused_with_the_right_form(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, ADDRESS.format("hidden").replace("psycopg2", "asyncpg"))
    with pytest.raises(StorageError, match=r"begin the address with postgresql\+psycopg2://"):
        prepare_instance(settings)
