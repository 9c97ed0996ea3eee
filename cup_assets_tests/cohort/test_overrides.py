"""An override is applied exactly as signed, or refused with one line that says why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.overrides import OVERRIDE_SCHEMA, read_overrides
from cup_assets.cohort.problems import SampleSheetError

IDS = pl.Series(["S1", "S2", "S3"])
HEADER = "sample_id,verdict,reason,by,date\n"


def read(tmp_path: Path, text: str) -> tuple[list[tuple[str, ...]], list[str]]:
    path = tmp_path / "overrides.csv"
    path.write_text(text, encoding="utf-8")
    rows, problems = read_overrides(path, IDS)
    assert rows.columns == list(OVERRIDE_SCHEMA)
    return rows.rows(), [problem.line for problem in problems]


def test_columns_are_found_in_any_order_and_case(tmp_path: Path) -> None:
    rows, _ = read(
        tmp_path,
        'Date;By;Reason;Verdict;Sample_ID\n2026-03-01;Dr Roy;"slide; re-run";PASS;S2\n',
    )
    assert rows == [("S2", "pass", "slide; re-run", "Dr Roy", "2026-03-01")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("S9,pass,r,me,2026-01-01", "no usable sample of this batch has this sample_id"),
        ("S1,good,r,me,2026-01-01", "verdict 'good' is none: not applied: use one of pass, warn"),
        ("S1,pass,,me,2026-01-01", "no reason is given: not applied: fill in 'reason'"),
        ("S1,pass,r,,2026-01-01", "nobody signs it: not applied: fill in 'by'"),
        ("S1,pass,r,me,1.1.2026", "date '1.1.2026' is none: not applied: write it as YYYY-MM-DD"),
        ("S1,pass", "no reason is given"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_and_the_others_go_on(
    tmp_path: Path, line: str, said: str
) -> None:
    rows, problems = read(tmp_path, f"{HEADER}{line}\nS2,fail,wrong block,me,2026-01-02\n")
    assert rows == [("S2", "fail", "wrong block", "me", "2026-01-02")]
    (problem,) = problems
    assert problem.startswith("overrides.csv, line 2 (S")
    assert said in problem


def test_two_lines_of_one_sample_are_both_refused(tmp_path: Path) -> None:
    lines = "S1,pass,r,me,2026-01-01\nS1,fail,r,you,2026-01-01\n"
    rows, problems = read(tmp_path, HEADER + lines)
    assert rows == []
    assert len(problems) == 2
    assert "the sample has 2 lines" in problems[0]


def test_a_file_without_a_column_stops_the_batch(tmp_path: Path) -> None:
    with pytest.raises(SampleSheetError, match="needs the column 'by' once"):
        read(tmp_path, "sample_id,verdict,reason,date\nS1,pass,r,2026-01-01\n")


@settings(deadline=None, max_examples=60)
@given(
    cells=st.lists(
        st.tuples(
            *[st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)] * 5
        ),
        max_size=6,
    )
)
def test_whatever_is_written_every_line_is_applied_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, ...]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "overrides.csv"
    quoted = [",".join('"' + c.replace('"', '""').replace("\n", " ").replace("\r", " ") + '"'
                       for c in row) for row in cells]  # fmt: skip
    path.write_text(HEADER + "\n".join(["S1,pass,r,me,2026-01-01", *quoted]), encoding="utf-8")
    rows, problems = read_overrides(path, IDS)
    refused = [problem for problem in problems if problem.code == "bad_override"]
    written = sum(any(c.strip() for c in row) for row in cells) + 1
    assert rows.height + len(refused) == written
    assert all(all(value for value in row) for row in rows.rows())
