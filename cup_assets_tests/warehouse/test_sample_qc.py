"""One view tells whether a sample can be used: measured, compared with the sheet, overridden."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cup_assets.warehouse import Catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "cup.duckdb")
    catalogue.query("SELECT 1")
    with duckdb.connect(catalogue.path) as connection:
        connection.execute("""
            INSERT INTO samples BY NAME SELECT *, 'r' AS run_id, 'v' AS data_version FROM (VALUES
                ('good', 'b', 'P1', 'F'), ('unknown', 'b', 'P2', NULL), ('wrong', 'b', 'P3', 'M'),
                ('bad', 'b', 'P4', 'F'), ('twin', 'b', 'P5', 'F'), ('saved', 'b', 'P6', 'F'),
                ('spurned', 'b', 'P7', 'M')) AS t(sample_id, batch, patient_id, sex);
            INSERT INTO sample_measures BY NAME
            SELECT *, 'mini' AS "array", 'f' AS files_sha256, '{}' AS measures, 'r' AS run_id,
                   'v' AS data_version FROM (VALUES
                ('good', 'b', 'pass', '', 'F'), ('unknown', 'b', 'pass', '', 'M'),
                ('wrong', 'b', 'pass', '', 'F'), ('bad', 'b', 'fail', 'dark', NULL),
                ('twin', 'b', 'warn', 'dim', 'F'), ('saved', 'b', 'fail', 'dark', NULL),
                ('spurned', 'b', 'pass', '', 'F'))
                AS t(sample_id, batch, verdict, reasons, predicted_sex);
            INSERT INTO identity_conflicts VALUES
                ('twin', 'good', 'same_genotype', 'P1', 65, 1, 'same genotypes as good', 'r', 'v');
            INSERT INTO identities VALUES ('twin', 'good', 65, 1, 'r', 'v');
            INSERT INTO verdict_overrides VALUES
                ('saved', 'b', 'warn', 'seen', 'Dr Roy', '2026-03-01', 'r', 'v'),
                ('spurned', 'b', 'fail', 'wrong block', 'Dr Roy', '2026-03-02', 'r', 'v');
        """)
    return catalogue


def test_the_verdict_is_measured_then_compared_then_overridden(catalogue: Catalogue) -> None:
    rows = catalogue.query(
        "SELECT sample_id, verdict, reasons, measured_verdict FROM sample_qc ORDER BY sample_id"
    )
    assert rows.rows() == [
        ("bad", "fail", "dark", "fail"),
        ("good", "pass", "", "pass"),
        ("saved", "warn", "overridden by Dr Roy on 2026-03-01, was fail: seen; dark", "fail"),
        (
            "spurned",
            "fail",
            "overridden by Dr Roy on 2026-03-02, was warn: wrong block; recorded sex M, measured F",
            "pass",
        ),
        ("twin", "warn", "dim; same genotypes as good", "warn"),
        ("unknown", "pass", "", "pass"),
        ("wrong", "warn", "recorded sex M, measured F", "pass"),
    ]


def test_what_contradicts_the_sheet_and_who_overrode_can_be_asked_for(
    catalogue: Catalogue,
) -> None:
    sexes = catalogue.query("SELECT sample_id FROM sample_qc WHERE sex_conflict IS NOT NULL")
    assert sorted(sexes["sample_id"]) == ["spurned", "wrong"]
    twin = catalogue.query("SELECT same_as, identity_conflict FROM sample_qc WHERE same_as <> ''")
    assert twin.rows() == [("good", "same genotypes as good")]
    by = catalogue.query("SELECT overridden_by, override_reason FROM sample_qc WHERE batch = 'b'")
    assert by.drop_nulls().height == 2


def test_a_database_of_the_version_before_gets_the_new_tables(catalogue: Catalogue) -> None:
    with duckdb.connect(catalogue.path) as connection:
        connection.execute(
            "DROP VIEW sample_qc; DROP TABLE verdict_overrides;"
            " DROP TABLE identity_conflicts;"
            " ALTER TABLE identities DROP COLUMN snps;"
            " UPDATE platform SET value = '1' WHERE key = 'schema_version'"
        )
    again = Catalogue(catalogue.path)
    assert again.query("SELECT count(*) FROM sample_qc").item() == 7
    assert "snps" in again.query("SELECT * FROM identities").columns
