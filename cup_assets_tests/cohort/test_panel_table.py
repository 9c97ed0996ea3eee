"""A laboratory's table of a few betas: whichever way it lies, and what is wrong in a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.panel_table import PanelTable, read_panel_table
from cup_assets.cohort.problems import MatrixError

PANEL = ["cg00000001", "cg00000002", "cg00000003"]


def read(path: Path, text: str, name: str = "run.csv", **given: object) -> PanelTable:
    (path / name).write_text(text)
    return read_panel_table(path / name, PANEL, "p1", **given)  # type: ignore[arg-type]


def test_samples_may_lie_in_rows_or_in_columns_of_any_kind_of_file(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "Sample_ID,material,cg00000002,cg00000001,run\na,FFPE,0.25,,7\nb,,1,0,8\n",
    )
    assert rows.sample_ids == ["a", "b"]
    assert rows.probe_ids == ["cg00000002", "cg00000001"]
    np.testing.assert_array_equal(rows.X, np.array([[0.25, np.nan], [1, 0]], dtype=np.float32))
    assert rows.about == {"material": ["FFPE", None]}
    assert rows.notes == ["not used: run"]
    columns = read(tmp_path, "CpG\ta\tb\ncg00000002\t0.25\t1\ncg00000001\tNA\t0\n", "run.tsv")
    assert columns.sample_ids == rows.sample_ids
    assert columns.probe_ids == rows.probe_ids
    np.testing.assert_array_equal(columns.X, rows.X)
    pl.DataFrame(
        {"sample": ["a", "b"], "cg00000002": [0.25, 1.0], "cg00000001": [None, 0.0]},
        schema_overrides={"cg00000002": pl.Float32},
    ).write_parquet(tmp_path / "run.parquet")
    stored = read_panel_table(tmp_path / "run.parquet", PANEL, "p1")
    np.testing.assert_array_equal(stored.X, rows.X)


def test_a_single_sample_is_a_table_too(tmp_path: Path) -> None:
    assert read(tmp_path, "probe,a\ncg00000001,0.5\n").sample_ids == ["a"]
    assert read(tmp_path, "id,cg00000001\na,0.5\n").X.tolist() == [[0.5]]


def test_a_value_of_an_amplicon_is_that_of_its_cpgs(tmp_path: Path) -> None:
    amplicons = {"A001": PANEL[:2], "A002": PANEL[2:]}
    found = read(tmp_path, "id,A001,cg00000003\na,0.5,0.75\n", amplicons=amplicons)
    assert dict(zip(found.probe_ids, found.X[0].tolist(), strict=True)) == dict(
        zip(PANEL, (0.5, 0.5, 0.75), strict=True)
    )
    with pytest.raises(MatrixError, match="cg00000001 is given twice"):
        read(tmp_path, "id,A001,cg00000001\na,0.5,0.75\n", amplicons=amplicons)
    # Where each CpG has a value of its own, the name of an amplicon means nothing.
    with pytest.raises(MatrixError, match="holds no CpG of the panel"):
        read(tmp_path, "id,A001\na,0.5\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,cg00000001,cg99999999\na,0.1,0.2\n", r"cg99999999 is not in the panel p1 \(cg0"),
        ("id,cg00000001_TC21\na,0.1\n", "name cg00000001_TC21 by the CpG alone: cg00000001 "),
        ("id,cg00000001\na,1.2\n", "cg00000001 of a is 1.2, but betas lie in 0..1: these look"),
        ("id,cg00000001\na,87\n", "is 87, but .*: these look like percentages: divide them by 100"),
        ("id,cg00000001\na,-0.1\n", "is -0.1, but betas lie in 0..1: correct it"),
        ("id,cg00000001\na,inf\n", "is inf, but betas lie in 0..1"),
        ("id,cg00000001\na,low\n", "cg00000001 of a is 'low': betas are numbers, or empty"),
        ("id,cg00000001\na,0.1\na,0.2\n", "sample 'a' occurs twice"),
        ("id,cg00000001\n,0.1\nb,0.2\n", "row 1 has no name in the column 'id'"),
        (
            "CpG,a\ncg00000001,0.1\ncg00000001,0.2\n",
            "'cg00000001' occurs twice: keep one row a CpG",
        ),
        ("id,beta\na,0.1\n", "run.csv: holds no CpG of the panel p1"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MatrixError, match=message) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("run.csv: ")
