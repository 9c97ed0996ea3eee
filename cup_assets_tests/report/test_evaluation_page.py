"""The page of an evaluation stands alone, and no value can be markup."""

from __future__ import annotations

import base64
import re

import polars as pl

from cup_assets.report.evaluation_page import Section, html_page, html_table

EVIL = '<img src="http://x.example/a.png" onerror=alert(1)>'


def test_nothing_is_loaded_and_no_value_is_markup() -> None:
    frame = pl.DataFrame({EVIL: [EVIL, None], "n": [1234567, None], "x": [0.12345, None]})
    page = html_page(EVIL, [Section(EVIL, [EVIL], {EVIL: frame}, {EVIL: b"\x89PNG bytes"})])
    assert "<img src" not in page
    assert page.count("&lt;img src=") == 8
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources == ["data:image/png;base64," + base64.b64encode(b"\x89PNG bytes").decode()]


def test_numbers_are_aligned_and_the_unknown_is_a_dash() -> None:
    table = html_table(pl.DataFrame({"n": [1234567, None], "x": [0.12345, None], "t": ["a", None]}))
    assert '<td class="n">1,234,567</td><td class="n">0.1235</td><td>a</td>' in table
    assert '<td class="n">–</td><td class="n">–</td><td>–</td>' in table


def test_a_long_table_says_how_much_is_not_shown() -> None:
    table = html_table(pl.DataFrame({"n": range(1234)}))
    assert table.count("<tr>") == 201
    assert "… and 1,034 more rows." in table


def test_a_table_without_rows_is_said_to_be_none() -> None:
    assert html_table(pl.DataFrame({"n": []})) == '<p class="note">None.</p>'
