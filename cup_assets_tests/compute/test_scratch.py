"""A scratch folder is there as long as it is used, and no longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cup_assets.compute import scratch_folder

HOLD = """
import sys, time
from pathlib import Path
from cup_assets.compute import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


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
        for old in (left, other, in_use):
            os.utime(old, (0, 0))
        with scratch_folder(tmp_path) as folder:
            assert sorted(tmp_path.iterdir()) == sorted([folder, in_use, other])


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_new_one_is_not(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert left.is_dir()
        process.kill()
    with scratch_folder(tmp_path):
        assert left.exists(), "it may have been made this moment, and not be locked yet"
    os.utime(left, (0, 0))
    with scratch_folder(tmp_path):
        assert not left.exists()
