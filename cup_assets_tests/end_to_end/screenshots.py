"""Take the README's pictures of a running UI: ``make demo``, ``make ui``, then this module.

``python -m cup_assets_tests.end_to_end.screenshots http://127.0.0.1:3000 docs/images CASE`` writes
``lineage.png``, ``leaderboard.png`` and ``genome.png`` (the copy-number profile of the case).
"""

from __future__ import annotations

import sys
from pathlib import Path

from cup_assets_tests.end_to_end.browser import (
    browser_page,
    find_chromium,
    open_lineage,
    open_picture,
)

LARGEST = 400_000  # bytes


def take_screenshots(url: str, folder: Path, case: str) -> None:
    """Write the pictures; one that is too large for a repository is an error."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("needs a Chromium on the PATH (Debian: apt-get install chromium)")
    folder.mkdir(parents=True, exist_ok=True)
    with browser_page(chromium) as page:
        page.set_viewport_size({"width": 1600, "height": 2100})
        open_lineage(page, url)
        page.get_by_text("Hide navigation").click()
        page.wait_for_timeout(3000)  # the graph glides into place
        page.screenshot(path=folder / "lineage.png")
        page.set_viewport_size({"width": 1600, "height": 900})
        pictures = {
            "leaderboard": ("evaluation/leaderboard", "leaderboard"),
            "genome": ("cnv/profiles", f"genome_{case}"),
        }
        for name, (asset, title) in pictures.items():
            open_picture(page, url, asset, title)
            page.wait_for_timeout(1000)
            page.screenshot(path=folder / f"{name}.png")
    for file in folder.glob("*.png"):
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"{file} has {file.stat().st_size} bytes: more than {LARGEST}")


if __name__ == "__main__":
    _, address, target, sample = sys.argv
    take_screenshots(address, Path(target), sample)
