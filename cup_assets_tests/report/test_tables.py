"""Frames as markdown tables."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.report import ReportError, markdown_estimates, markdown_table


def cells(line: str) -> list[str]:
    """Split a table row at the pipes that are not escaped."""
    parts, current, escaped = [], "", False
    for character in line:
        if character == "|" and not escaped:
            parts.append(current)
            current = ""
        else:
            current += character
        escaped = character == "\\" and not escaped
    return parts[1:]


def test_numbers_are_right_aligned_and_missing_values_are_dashes() -> None:
    frame = pl.DataFrame({"class": ["a", None], "n": [1234, 5], "value": [0.12345, float("nan")]})
    assert markdown_table(frame).split("\n") == [
        "| class | n | value |",
        "| --- | ---: | ---: |",
        "| a | 1,234 | 0.123 |",
        "| – | 5 | – |",
    ]


def test_rows_left_out_are_counted() -> None:
    table = markdown_table(pl.DataFrame({"a": range(12)}), max_rows=10)
    assert table.endswith("\n\n… and 2 more rows")
    assert table.count("\n") == 13


def test_markup_in_a_value_stays_text() -> None:
    assert "&lt;script&gt;" in markdown_table(pl.DataFrame({"a": ["<script>"]}))


def test_a_frame_without_columns_is_refused() -> None:
    with pytest.raises(ReportError, match="at least one column"):
        markdown_table(pl.DataFrame())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_no_value_can_break_a_row(values: list[str]) -> None:
    table = markdown_table(pl.DataFrame({"x|y": values, "z": values}))
    lines = table.split("\n")
    assert len(lines) == len(values) + 2
    assert all(len(cells(line)) == 2 for line in lines)


def test_estimates_stand_with_their_intervals_in_the_order_of_the_frame() -> None:
    rows = [
        ("svm", "log_loss", 0.25, 0.2, 0.3),
        ("svm", "error", 0.0, None, None),
        ("forest|2", "error", None, None, None),
    ]
    columns = ["model", "metric", "value", "low", "high"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    assert markdown_estimates(frame, ["model"]).split("\n") == [
        "| model | log loss | error |",
        "| --- | ---: | ---: |",
        "| svm | 0.250 (0.200 to 0.300) | 0.000 |",
        "| forest\\|2 | – | – |",
    ]
    assert markdown_estimates(frame, ["model"], max_rows=1).endswith("\n\n… and 1 more row")
