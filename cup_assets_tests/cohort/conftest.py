"""A small batch, to be damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets_tests.cohort.small_batches import (
    idat,
    row,
    sheet,
)


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Three good samples S1, S2, S3 at R01C01, R02C01, R03C01."""
    folder = tmp_path / "landing" / "b1"
    folder.mkdir(parents=True)
    for position in ("R01C01", "R02C01", "R03C01"):
        for colour in ("Grn", "Red"):
            idat(folder, position, colour)
    sheet(folder, *(row(f"S{i}", f"R0{i}C01") for i in (1, 2, 3)))
    return folder
