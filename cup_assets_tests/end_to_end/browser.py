"""The Dagster UI in a real browser, as far as tests and the README's pictures need it.

Belongs here: starting Chromium, and finding things on the UI's pages. Does not belong here: what
is expected there (the tests).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotThere

GROUPS = ("raw", "normalised", "cnv", "datasets", "evaluation", "panels", "diagnosis")
PATIENCE = 60_000  # milliseconds

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the Chromium that is installed, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser_page(chromium: str) -> Iterator[Page]:
    """Open a page of a fresh headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1600, "height": 1500})
            page.set_default_timeout(PATIENCE)
            yield page
        finally:
            browser.close()


def open_lineage(page: Page, url: str) -> Locator:
    """Open the lineage of all assets with all groups unfolded; return the graph."""
    page.goto(f"{url}/asset-groups")
    graph = page.locator("foreignObject")
    graph.filter(has_text="diagnosis").first.wait_for()
    predictions = graph.filter(has_text="predictions").first
    for _ in range(6):
        page.wait_for_timeout(1500)  # the page listens to keys a moment after it is drawn
        page.keyboard.press("Alt+e")
        page.wait_for_timeout(1500)
        page.reload()  # the graph is then fitted into the window, outside of which nothing is drawn
        try:
            predictions.wait_for(timeout=PATIENCE / 6)
        except NotThere:
            continue
        break
    predictions.wait_for()
    return graph


def open_picture(page: Page, url: str, asset: str, name: str) -> Locator:
    """Open an asset's page and one of the pictures in its metadata; return the image."""
    page.goto(f"{url}/assets/{asset}")
    row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
    row.get_by_text("[Show Markdown]").click()
    image = page.get_by_role("dialog").locator('img[src^="data:image/png;base64,"]')
    image.wait_for()
    return image


def natural_width(image: Locator) -> int:
    """Return the width of a decoded image, 0 if the browser could not decode it."""
    return int(image.evaluate("image => image.decode().then(() => image.naturalWidth, () => 0)"))
