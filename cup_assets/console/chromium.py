"""Pages as PDF, printed by a Chromium on this machine.

Belongs here: finding and calling it, and making its files the same for the same page. Does not
belong here: pages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from cup_assets.console.errors import ConsoleError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page needs nothing from anywhere
)
_DATE = re.compile(rb"\((?:D:)\d{14}[^)]*\)")
_NODE = re.compile(rb"\(node(\d{8})\)")
_PATIENCE = 120.0


def find_chromium() -> str | None:
    """Return the Chromium (or Chrome) that is installed, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def print_pdf(page: Path, pdf: Path, when: datetime, chromium: str | None = None) -> None:
    """Print an HTML page to a PDF.

    Parameters
    ----------
    page, pdf : Path
    when : datetime
        Written into the file as its date, so that the same page gives the same bytes.
    chromium : str, optional
        The program; default: the one that is installed.

    Raises
    ------
    ConsoleError
        If there is none, or it fails.
    """
    program = chromium or find_chromium()
    if program is None:
        raise ConsoleError(
            "no Chromium on the PATH to print a PDF with (Debian: apt-get install chromium);"
            f" {page} can be printed from any browser"
        )
    # Root has no sandbox to run in.
    root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "page.pdf"
        command = [
            *(program, *_ARGUMENTS, *root, f"--user-data-dir={folder}/profile"),
            *(f"--print-to-pdf={made}", page.absolute().as_uri()),
        ]
        try:
            run = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired as error:
            raise ConsoleError(
                f"{program} did not print {page} within {_PATIENCE:.0f} s: print it from a browser"
            ) from error
        if not made.exists():
            lines = run.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise ConsoleError(f"{program} could not print {page}: {lines[-1]}")
        content = dated(made.read_bytes(), when)
    staged = pdf.with_name(f".{pdf.name}")
    staged.write_bytes(content)
    staged.replace(pdf)


def dated(content: bytes, when: datetime) -> bytes:
    """Return a PDF with its dates replaced and its elements numbered from 1 on.

    Chromium numbers elements on from one page to the next of its own. Byte for byte of the same
    length, so that the file's table of places stays right.
    """

    def replaced(found: re.Match[bytes]) -> bytes:
        date = f"(D:{when:%Y%m%d%H%M%S}+00'00')".encode()
        return date if len(date) == len(found[0]) else found[0]

    # In the order that they had: the file lists them sorted.
    known = sorted(set(_NODE.findall(content)))
    number = {old: f"(node{new:08})".encode() for new, old in enumerate(known, start=1)}
    numbered = _NODE.sub(lambda found: number[found[1]], content)
    return _DATE.sub(replaced, numbered)
