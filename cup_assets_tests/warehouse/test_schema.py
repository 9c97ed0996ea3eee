"""A database of an earlier version is taken over with everything in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from cup_assets.warehouse import Catalogue, Recipe, WarehouseError, Write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database with one stored asset, in the layout of today."""
    path = tmp_path / "cup.duckdb"
    rows = pl.DataFrame({"sample_id": ["A"], "included": [True], "batch": ["b"]})
    Catalogue(path).store(
        Recipe("datasets/reference", "1", {}, {}),
        Write({"dataset_members": rows}),
        run_id="run",
        data_version="v1",
        summary={},
    )
    return path


def earlier(path: Path, *changes: str) -> None:
    """Turn the database into one of an earlier version."""
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE platform SET value = '1' WHERE key = 'schema_version'")
        for change in changes:
            connection.execute(change)


def test_an_earlier_database_gets_the_columns_and_tables_it_lacks_and_keeps_its_rows(
    path: Path,
) -> None:
    earlier(
        path,
        "DROP VIEW sample_qc",
        "ALTER TABLE sample_measures DROP COLUMN measures",  # the view shows it
        "ALTER TABLE dataset_members DROP COLUMN person",
        "DROP TABLE releases",
    )
    catalogue = Catalogue(path)
    assert catalogue.query("SELECT sample_id, person FROM dataset_members").rows() == [("A", None)]
    assert catalogue.query("SELECT * FROM releases").is_empty()
    assert "measures" in catalogue.query("SELECT * FROM sample_qc").columns
    assert catalogue.current_versions("datasets/reference") == {"": "v1"}


def test_versions_of_before_starts_were_recorded_have_none_and_new_ones_have(path: Path) -> None:
    earlier(path, "ALTER TABLE asset_versions DROP COLUMN started_at")
    catalogue = Catalogue(path)
    before = catalogue.current("datasets/reference")
    assert before is not None
    assert before.started_at is None
    when = datetime(2026, 3, 7, 14, 5, 9, 123456, UTC)
    recipe = Recipe("datasets/reference", "2", {}, {})
    catalogue.store(recipe, Write({}), run_id="run", data_version="v2", summary={}, started_at=when)
    after = catalogue.current("datasets/reference")
    assert after is not None
    assert after.started_at == when
    assert after.summary == {}


def test_a_column_that_is_no_longer_written_stays_and_may_be_empty(path: Path) -> None:
    earlier(path, "ALTER TABLE dataset_members ADD COLUMN old VARCHAR DEFAULT 'kept'")
    with duckdb.connect(path) as connection:
        connection.execute("ALTER TABLE dataset_members ALTER COLUMN old SET NOT NULL")
        connection.execute("ALTER TABLE dataset_members ALTER COLUMN old DROP DEFAULT")
    catalogue = Catalogue(path)
    assert catalogue.query("SELECT old FROM dataset_members").item() == "kept"
    rows = pl.DataFrame({"sample_id": ["B"], "included": [True], "batch": ["b"]})
    catalogue.store(
        Recipe("datasets/reference", "2", {}, {}),
        Write({"dataset_members": rows}),
        run_id="run",
        data_version="v2",
        summary={},
    )
    assert catalogue.query("SELECT sample_id, old FROM dataset_members").rows() == [("B", None)]


def test_a_column_of_another_type_is_refused_and_nothing_is_changed(path: Path) -> None:
    earlier(
        path,
        "ALTER TABLE dataset_members DROP COLUMN person",
        "ALTER TABLE folds ALTER COLUMN repeat TYPE VARCHAR",
    )
    with pytest.raises(WarehouseError, match=r"column folds.repeat is of type VARCHAR, not INTEG"):
        Catalogue(path).query("SELECT 1")
    with duckdb.connect(path, read_only=True) as connection:
        columns = connection.execute("DESCRIBE dataset_members").pl()["column_name"].to_list()
        version = connection.execute("SELECT value FROM platform").fetchall()
    assert "person" not in columns
    assert ("1",) in version
