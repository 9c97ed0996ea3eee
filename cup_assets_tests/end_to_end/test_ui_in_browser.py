"""The Dagster UI as a person sees it: lineage and pictures, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from cup_assets_tests.end_to_end.browser import (
    GROUPS,
    browser_page,
    find_chromium,
    natural_width,
    open_lineage,
    open_picture,
)
from cup_assets_tests.end_to_end.harness import LivePlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs a Chromium on the PATH (Debian: apt-get install chromium)")
    with browser_page(chromium) as opened:
        yield opened


def test_the_lineage_shows_every_group_and_asset(page: Page, live: LivePlatform) -> None:
    graph = open_lineage(page, live.url)
    shown = " ".join(graph.all_text_contents())
    for name in (*GROUPS, "idats", "betas", "profiles", "reference", "leaderboard", "predictions"):
        assert name in shown, name


def test_an_asset_shows_its_picture(page: Page, live: LivePlatform, first_batch: str) -> None:
    assert natural_width(open_picture(page, live.url, "cnv/profiles", "arms")) > 100


def test_no_dialogue_asks_for_an_address(page: Page, live: LivePlatform) -> None:
    page.goto(live.url)
    page.get_by_text("Lineage").first.wait_for()
    page.wait_for_timeout(2000)
    assert page.get_by_role("dialog").count() == 0
