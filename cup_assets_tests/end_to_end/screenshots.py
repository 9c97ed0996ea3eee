"""Take all pictures of the documentation of a running UI: ``make demo``, ``make ui``, then this.

``python -m cup_assets_tests.end_to_end.screenshots http://127.0.0.1:3000 docs/images`` writes PNG
files: ``lineage``, ``leaderboard`` and ``genome`` for the README, ``audit_ui``, ``audit_lineage``
and ``audit_manifest`` for docs/audit.md, ``case-report-en`` and ``case-report-fr`` for
docs/case-report.md, ``cohort-report`` for docs/cohort-report.md. Pages are opened by the links that
the UI shows, so that a link that leads nowhere is an error here; the browser must be on the machine
of the data folder. Batch and cases are those of the demo.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Locator, Page

from cup_assets_tests.end_to_end.browser import (
    browser_page,
    find_chromium,
    open_lineage,
    open_picture,
)

LARGEST = 400_000  # bytes
GENOME = "SIM-0200"
BATCH = "SIM-B01"
CASE = "SIM-0003"


def take_screenshots(url: str, folder: Path) -> None:
    """Write the pictures; one that is too large for a repository is an error."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("needs a Chromium on the PATH (Debian: apt-get install chromium)")
    folder.mkdir(parents=True, exist_ok=True)
    with browser_page(chromium) as page:
        take_ui(page, url, folder)
        take_audit(page, url, folder)
        take_reports(page, url, folder)
    for file in folder.glob("*.png"):
        shrink(file)
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"{file} has {file.stat().st_size} bytes: more than {LARGEST}")


def shrink(file: Path) -> None:
    """Write a picture with the 256 colours that suit it best, which nobody sees."""
    with Image.open(file) as taken:
        few = taken.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(file, optimize=True)


def take_ui(page: Page, url: str, folder: Path) -> None:
    """Take lineage, leaderboard and a copy-number profile."""
    page.set_viewport_size({"width": 1600, "height": 2100})
    open_lineage(page, url)
    page.get_by_text("Hide navigation").click()
    page.wait_for_timeout(3000)  # the graph glides into place
    page.screenshot(path=folder / "lineage.png")
    page.set_viewport_size({"width": 1600, "height": 900})
    pictures = {
        "leaderboard": ("evaluation/leaderboard", "leaderboard"),
        "genome": ("cnv/profiles", f"genome_{GENOME}"),
    }
    for name, (asset, title) in pictures.items():
        open_picture(page, url, asset, title)
        page.wait_for_timeout(1000)
        page.screenshot(path=folder / f"{name}.png")


def take_audit(page: Page, url: str, folder: Path) -> None:
    """Take the metadata of a batch's predictions with the link, its page, and the lineage."""
    page.set_viewport_size({"width": 1500, "height": 900})
    link = open_metadata(page, url, "diagnosis/predictions", BATCH, "input manifest")
    link.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / "audit_ui.png")
    manifest = href(link)
    page.goto(f"{url}/assets/diagnosis/predictions?view=lineage&lineageScope=upstream")
    graph = page.locator("foreignObject")
    graph.filter(has_text="classifier").first.wait_for()
    graph.filter(has_text="Loading").first.wait_for(state="detached")
    page.wait_for_timeout(3000)  # the graph glides into place
    page.screenshot(path=folder / "audit_lineage.png")
    page.set_viewport_size({"width": 1100, "height": 760})
    page.goto(manifest)
    page.screenshot(path=folder / "audit_manifest.png")


def take_reports(page: Page, url: str, folder: Path) -> None:
    """Take the page about a case in both languages, and that about the cohort."""
    pages = href(open_metadata(page, url, "diagnosis/reports", BATCH, "pages"))
    cohort = href(open_metadata(page, url, "evaluation/report", None, "en"))
    page.set_viewport_size({"width": 1040, "height": 1750})
    for language in ("en", "fr"):
        page.goto(f"{pages.rpartition('/')[0]}/{CASE}.{language}.html")
        page.screenshot(path=folder / f"case-report-{language}.png")
    page.goto(cohort)
    page.screenshot(path=folder / "cohort-report.png")


def open_metadata(page: Page, url: str, asset: str, batch: str | None, name: str) -> Locator:
    """Open an asset (partition) and return the link in its metadata of this name."""
    of_batch = f"?view=partitions&partition={quote(batch)}" if batch else ""
    page.goto(f"{url}/assets/{asset}{of_batch}")
    row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
    link = row.locator('a[href^="file:"]').first
    link.wait_for()
    return link


def href(link: Locator) -> str:
    """Return where a link leads."""
    return str(link.get_attribute("href"))


if __name__ == "__main__":
    _, address, target = sys.argv
    take_screenshots(address, Path(target))
