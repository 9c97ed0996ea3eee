"""Anomalies of a case stand beside its CpGs where they are typical of the class named for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import cup_assets.warehouse

Insert = Callable[..., None]
SCHEMA = Path(cup_assets.warehouse.__file__).with_name("schema.sql")


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(SCHEMA.read_text())
    return connection


@pytest.fixture
def insert(connection: duckdb.DuckDBPyConnection) -> Insert:
    def into(table: str, **values: object) -> None:
        row = {**values, "run_id": "run", "data_version": "version"}
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", [*row.values()])

    return into


@pytest.fixture
def cohort(insert: Insert) -> None:
    """Four samples of class A, of which three gain 7p; four of B; all amplify or gain EGFR."""
    for number in range(8):
        name = f"s{number}"
        label = {"class": "A" if number < 4 else "B"}
        insert("dataset_members", sample_id=name, included=True, batch="b", **label)
        arm = "gain" if number < 3 else "neutral"
        called(insert, name, "arm", "7p", arm)
        called(insert, name, "arm", "9p", "loss" if number < 2 else "no_call")
        called(insert, name, "gene", "EGFR", "amplification" if number % 2 else "gain")


def called(insert: Insert, name: str, kind: str, region: str, call: str) -> None:
    insert(
        "cnv_calls", sample_id=name, batch="b", kind=kind, region=region, call=call,
        log2=0.4, confidence=0.99,
    )  # fmt: skip


def anomalies(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT sample_id, feature, class_share, other_share FROM prediction_drivers"
        " WHERE kind = 'anomaly' ORDER BY ALL"
    ).fetchall()


@pytest.mark.usefixtures("cohort")
def test_only_what_is_typical_of_the_class_and_seen_in_the_case_is_shown(
    connection: duckdb.DuckDBPyConnection, insert: Insert
) -> None:
    for name, label in (("gained", "A"), ("lost", "A"), ("other", "B")):
        insert("predictions", sample_id=name, batch="b", release="r", call="match",
               **{"class": label})  # fmt: skip
        called(insert, name, "arm", "7p", "loss" if name == "lost" else "gain")
        called(insert, name, "arm", "9p", "loss")  # two of the class have it: too few to say
        called(insert, name, "gene", "EGFR", "gain")  # as common in the other class
        called(insert, name, "focal", "7p 54-56 Mb", "gain")
    assert anomalies(connection) == [("gained", "gain of 7p", 0.75, 0.0)]
    row = connection.execute("SELECT contribution, note, value FROM prediction_drivers").fetchall()
    assert row == [(None, "observed; the release does not look at copy number", 0.4)]


@pytest.mark.usefixtures("cohort")
def test_a_place_without_a_call_counts_neither_for_nor_against(
    connection: duckdb.DuckDBPyConnection, insert: Insert
) -> None:
    connection.execute("UPDATE cnv_calls SET call = 'no_call' WHERE sample_id = 's3'")
    insert("predictions", sample_id="x", batch="b", release="r", call="match", **{"class": "A"})
    called(insert, "x", "arm", "7p", "amplification")
    assert anomalies(connection) == [("x", "gain of 7p", 1.0, 0.0)]
    connection.execute("UPDATE cnv_calls SET call = 'no_call' WHERE sample_id = 'x'")
    assert anomalies(connection) == []


def test_cpgs_come_with_what_they_add_to(
    connection: duckdb.DuckDBPyConnection, insert: Insert
) -> None:
    for name, quantity, gap in (
        ("x", "calibrated_logit", 0.0), ("y", "calibrated_logit", 0.4), ("z", "raw_score", None),
    ):  # fmt: skip
        insert(
            "prediction_cpgs", sample_id=name, batch="b", release="r", quantity=quantity,
            base=0.0, output=2.0, floor_gap=gap, feature="cg1", gene="TP53", value=0.8,
            contribution=1.5, rank=1, **{"class": "A"},
        )  # fmt: skip
    found = connection.execute(
        "SELECT kind, feature, gene, value, contribution, note FROM prediction_drivers"
        " ORDER BY sample_id"
    ).fetchall()
    assert [row[:5] for row in found] == [("cpg", "cg1", "TP53", 0.8, 1.5)] * 3
    assert [row[5] for row in found] == [
        "adds to the calibrated logit",
        "adds to the calibrated logit before the floor on raw scores",
        "adds to the raw score",
    ]
