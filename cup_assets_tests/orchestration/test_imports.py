"""Importing the platform computes nothing: what is forked from it would wait for lost threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
from pathlib import Path
import cup_assets.orchestration.headless
print(sorted({(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at threads in /proc")
def test_no_thread_of_polars_works_after_the_import() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert "python" in done.stdout
    assert "polars-0" not in done.stdout
