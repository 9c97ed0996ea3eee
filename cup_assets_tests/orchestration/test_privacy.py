"""Who a patient is stays in the catalogue: logs, metadata, reports and releases name samples only.

The simulated patients have names of their own (SIM-P001), unlike their samples, and every sheet has
a column with a person's name that nothing asks for.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from cup_assets_tests.orchestration.chain import EVENTS, NAME, Chain, mark

PATIENT = re.compile(rf"SIM-P\d{{3}}|{NAME}|{NAME.split()[1]}")
# What patients are grouped by, and the columns of a sheet that the platform does not know.
WHERE_PATIENTS_ARE = {
    ("samples", "patient_id"),
    ("samples", "extra"),
    ("dataset_members", "person"),
    ("identity_conflicts", "other_patient"),
    ("novelty_calls", "patient_id"),
}


def text_of(file: Path) -> str:
    """Return what is written in a file, compressed tables included."""
    if file.suffix == ".parquet":
        frame = pl.read_parquet(file)
        rows = [str(list(frame[name].unique())) for name, kind in frame.schema.items()
                if kind == pl.String]  # fmt: skip
        return " ".join([*frame.columns, *rows])
    return file.read_bytes().decode("utf-8", errors="replace")


def test_logs_and_metadata_of_all_runs_name_no_patient(complete_data: Path) -> None:
    said = (complete_data.parent / EVENTS).read_text()
    assert "SIM-0" in said
    assert len(said) > 100_000
    assert PATIENT.findall(said) == []


def test_no_file_beside_the_catalogue_and_the_landed_sheets_names_a_patient(
    complete_data: Path,
) -> None:
    apart = {"landing", "aside", "truth", "manifests"}
    files = [
        file
        for file in complete_data.rglob("*")
        if file.is_file()
        and file.relative_to(complete_data).parts[0] not in apart
        and not file.name.startswith("cup.duckdb")
    ]
    assert {"releases", "reports", "warehouse"} <= {
        file.relative_to(complete_data).parts[0] for file in files
    }
    assert [str(file) for file in files if PATIENT.search(text_of(file))] == []


def test_the_catalogue_names_patients_only_where_they_are_grouped_by(complete_data: Path) -> None:
    path = complete_data / "warehouse" / "cup.duckdb"
    found = set()
    with duckdb.connect(path, read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables()"
            " USING (database_name, schema_name, table_name)"
            " WHERE data_type IN ('VARCHAR', 'JSON') AND NOT duckdb_columns.internal"
        ).fetchall()
        for table, column in columns:
            hits = connection.execute(
                f'SELECT count(*) FROM "{table}" WHERE regexp_matches("{column}"::VARCHAR, ?)',
                [PATIENT.pattern],
            ).fetchone()
            if hits and hits[0]:
                found.add((table, column))
    assert ("samples", "patient_id") in found
    assert found <= WHERE_PATIENTS_ARE


@pytest.mark.parametrize("column", ["role", "material", "Sentrix_Position"])
def test_a_name_in_the_wrong_column_is_refused_without_being_repeated(
    landed: Chain, column: str
) -> None:
    sheet = landed.sheet("alpha")
    landed.write_sheet(
        "alpha",
        sheet.with_columns(
            pl.when(pl.int_range(pl.len()) == 1).then(pl.lit(NAME)).otherwise(column).alias(column)
        ),
    )
    mark(landed.folder("alpha"))
    result = landed.run("take_inventory", "alpha")
    said = " ".join(str(event) for event in result.all_events)
    assert f"samplesheet.csv, line 3: {column} '…' " in said
    assert NAME not in said
    kept = landed.catalogue.query("SELECT message FROM intake_problems WHERE severity = 'error'")
    assert any(NAME in message for message in kept["message"])
