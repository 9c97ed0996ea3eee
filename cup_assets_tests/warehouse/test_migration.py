"""A database that the version before wrote is taken over, row by row, and works as today's do."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cup_assets.console.audit import run_audit
from cup_assets.orchestration.landing import known_batches
from cup_assets.orchestration.resources import Platform
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, WarehouseError, migrations
from cup_assets.warehouse.migrations import Migration
from cup_assets.warehouse.schema import SCHEMA_VERSION

FROZEN = Path(__file__).with_name("schema_3.sql").read_text(encoding="utf-8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return a data folder with a database of schema version 3."""
    settings = Settings(tmp_path / "data")
    settings.warehouse.mkdir(parents=True)
    with duckdb.connect(settings.catalogue) as connection:
        connection.execute(FROZEN)
    return settings


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables as texts, without the columns that came later."""
    with duckdb.connect() as connection:
        connection.execute(FROZEN)
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables()"
            " USING (database_name, schema_name, table_name) WHERE NOT duckdb_columns.internal"
        ).fetchall():
            columns.setdefault(table, []).append(f'"{column}"::VARCHAR')
    with duckdb.connect(path, read_only=True) as connection:
        return {
            table: connection.execute(
                f'SELECT {", ".join(names)} FROM "{table}" ORDER BY ALL'
            ).fetchall()
            for table, names in columns.items()
            if table != "platform"
        }


def version(path: Path) -> str:
    with duckdb.connect(path, read_only=True) as connection:
        row = connection.execute(
            "SELECT value FROM platform WHERE key = 'schema_version'"
        ).fetchone()
    return str(row and row[0])


def test_every_row_is_kept_and_only_the_notes_that_named_a_patient_change(
    settings: Settings,
) -> None:
    before = contents(settings.catalogue)
    Catalogue(settings.catalogue).query("SELECT 1")
    after = contents(settings.catalogue)
    assert version(settings.catalogue) == str(SCHEMA_VERSION)
    assert sum(map(len, before.values())) > 90
    assert {t: len(rows) for t, rows in after.items()} == {t: len(r) for t, r in before.items()}
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"identity_conflicts", "dataset_members", "predictions", "asset_versions"}
    for table in changed:
        for old, new in zip(before[table], after[table], strict=True):
            wanted = []
            for value in old:
                text = str(value)
                for patient in ("SIM-P001", "Dr. O'Neil (2)"):
                    text = text.replace(f" of patient {patient}", ", filed as another patient")
                wanted.append(None if value is None else text)
            assert list(new) == wanted


def test_todays_queries_work_on_it(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    platform = Platform(data=str(settings.data))
    assert set(known_batches(platform)) == {"alpha", "beta"}
    catalogue = platform.catalogue
    assert catalogue.query("SELECT * FROM sample_qc").height
    assert catalogue.query("SELECT * FROM prediction_drivers WHERE kind = 'cpg'").height
    assert catalogue.query("SELECT * FROM betas").is_empty()  # its matrices are not there
    current = catalogue.current("normalised/betas", "beta")
    assert current is not None
    assert ", filed as another patient (98% of" in current.summary["notes"]["identity"]
    case = catalogue.query("SELECT sample_id FROM predictions ORDER BY sample_id").row(0)[0]
    run_audit(settings, case)
    printed = capsys.readouterr().out
    assert case in printed
    assert "start not recorded, ended 20" in printed
    assert current.started_at is None


def test_the_file_as_it_was_is_kept_beside_it_once(settings: Settings) -> None:
    before = contents(settings.catalogue)
    Catalogue(settings.catalogue).query("SELECT 1")
    kept = settings.warehouse / "cup.schema-3.duckdb"
    assert version(kept) == "3"
    assert contents(kept) == before
    written = kept.stat().st_mtime_ns
    Catalogue(settings.catalogue).query("SELECT 1")
    assert kept.stat().st_mtime_ns == written
    assert sorted(file.name for file in settings.warehouse.iterdir()) == [
        "cup.duckdb",
        "cup.schema-3.duckdb",
    ]


def test_a_step_that_fails_leaves_the_database_as_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(settings.catalogue)
    broken = Migration(
        SCHEMA_VERSION, "breaks", ("UPDATE samples SET batch = ''", "SELECT nothing")
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
    with pytest.raises(duckdb.Error, match="nothing"):
        Catalogue(settings.catalogue).query("SELECT 1")
    assert version(settings.catalogue) == "3"
    assert contents(settings.catalogue) == before


def test_steps_are_taken_in_order_and_none_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [
        Migration(to, "", (f"UPDATE batches SET state = state || '{to}'",)) for to in (5, 3, 4)
    ]
    monkeypatch.setattr(migrations, "MIGRATIONS", tuple(steps))
    assert Catalogue(settings.catalogue).query("SELECT DISTINCT state FROM batches").item() == (
        "ready45"
    )
    assert Catalogue(settings.catalogue).query("SELECT DISTINCT state FROM batches").item() == (
        "ready45"
    )


def test_a_database_of_a_newer_version_is_refused_and_not_touched(settings: Settings) -> None:
    with duckdb.connect(settings.catalogue) as connection:
        connection.execute("UPDATE platform SET value = '99' WHERE key = 'schema_version'")
    before = settings.catalogue.read_bytes()
    with pytest.raises(WarehouseError, match="written by a newer cup_assets \\(schema 99, known"):
        Catalogue(settings.catalogue).query("SELECT 1")
    assert settings.catalogue.read_bytes() == before


def test_a_file_whose_first_writer_was_killed_is_begun_anew(tmp_path: Path) -> None:
    duckdb.connect(tmp_path / "cup.duckdb").close()
    assert Catalogue(tmp_path / "cup.duckdb").query("SELECT * FROM samples").is_empty()
