"""A page that sorts, searches and saves, as a browser shows it, and without any network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page

from cup_assets.report.sortable_page import sortable_page
from cup_assets.report.style import ReportError
from cup_assets_tests.end_to_end.browser import browser_page, find_chromium

HOSTILE = '</script><script>document.title = "hacked"</script>'
ROWS = pl.DataFrame(
    {
        "probe_id": ["cg3", "cg1", "cg2"],
        "gene_parts": ['A,"x"', HOSTILE, None],
        "rank": [2, 10, 1],
        "p": [0.25, 1e-12, float("nan")],
    }
)


def made(**more: str) -> str:
    return sortable_page(
        ROWS, title="CpGs <b>", file="cpgs.csv", text=["Three & no more"],
        meaning={"p": 'the "p"'}, **more,
    ).decode()  # fmt: skip


def test_the_page_holds_every_value_and_loads_nothing() -> None:
    page = made()
    assert not re.search(r"(src|href)\s*=\s*[\"']", page)
    (held,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    data = json.loads(held)
    assert data["columns"] == ROWS.columns
    assert data["numeric"] == [False, False, True, True]
    assert data["rows"][1] == ["cg1", HOSTILE, 10, 1e-12]
    assert data["rows"][2] == ["cg2", None, 1, None]


def test_no_text_can_be_markup() -> None:
    page = made(warning="<i>simulated</i>")
    assert page.count("</script>") == 2
    assert "CpGs &lt;b&gt;" in page
    assert "&lt;i&gt;simulated&lt;/i&gt;" in page
    assert "Three &amp; no more" in page
    assert 'title="the &quot;p&quot;"' in page


def test_a_warning_is_there_only_where_there_is_one() -> None:
    assert '<p class="warning">' not in made()
    assert '<p class="warning">24 of 24' in made(warning="24 of 24 are simulated")


def test_a_table_that_cannot_be_sorted_is_refused() -> None:
    with pytest.raises(ReportError, match="at least one column"):
        sortable_page(pl.DataFrame(), title="", file="")
    with pytest.raises(ReportError, match="column 'genes' is List"):
        sortable_page(pl.DataFrame({"genes": [["A"]]}), title="", file="")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs a Chromium on the PATH (Debian: apt-get install chromium)")
    file = tmp_path_factory.mktemp("page") / "cpgs.html"
    file.write_text(made(), encoding="utf-8")
    with browser_page(chromium) as opened:
        opened.goto(file.as_uri())
        yield opened


def column(page: Page, at: int) -> list[str]:
    return [row.locator("td").nth(at).inner_text() for row in page.locator("tbody tr").all()]


@pytest.mark.browser
def test_a_click_sorts_numbers_as_numbers_and_the_unknown_last(page: Page) -> None:
    assert column(page, 0) == ["cg3", "cg1", "cg2"]
    assert page.title() == "CpGs <b>"
    page.get_by_role("button", name="rank").click()
    assert column(page, 2) == ["1", "2", "10"]
    page.get_by_role("button", name="rank").click()
    assert column(page, 2) == ["10", "2", "1"]
    for _ in range(2):
        page.get_by_role("button", name="p", exact=True).click()
        assert column(page, 3)[-1] == "–"
    assert column(page, 3)[0] == "0.250"


@pytest.mark.browser
def test_what_is_shown_is_saved_with_all_digits(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="probe id").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "cpgs.csv"
    download.value.save_as(tmp_path / "cpgs.csv")
    saved = pl.read_csv(tmp_path / "cpgs.csv", schema=ROWS.schema)
    assert saved.equals(ROWS.sort("probe_id").with_columns(pl.col("p").fill_nan(None)))
    page.get_by_role("searchbox").fill("CG3")
    assert column(page, 0) == ["cg3"]
    assert page.locator("output").inner_text() == "1 of 3 rows"
