"""A scratch folder is there as long as it is used, and no longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cup_assets.compute import scratch_folder


def test_a_scratch_folder_goes_with_its_content_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path / "cache") as folder:  # noqa: PT012
        (folder / "values").write_bytes(b"1")
        raise ZeroDivisionError
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as in_use:
        left = tmp_path / "scratch-left"
        other = tmp_path / "manifest.parquet"
        for old in (left, other):
            old.mkdir()
            os.utime(old, (0, 0))
        with scratch_folder(tmp_path) as folder:
            assert sorted(tmp_path.iterdir()) == sorted([folder, in_use, other])
