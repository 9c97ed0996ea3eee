"""What the platform writes is for its own user and group; nobody else may read it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cup_assets.file_modes import is_open_to_others, keep_private, make_data_folders
from cup_assets.settings import Settings


@pytest.fixture
def careless() -> Iterator[None]:
    """Let new files be open to everybody, as a careless shell does."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_data_folders_are_made_for_user_and_group_who_may_land_batches(
    careless: None, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "data")
    make_data_folders(settings)
    assert mode(settings.data) == 0o2750
    assert mode(settings.landing) == 0o2770


def test_a_folder_that_is_there_is_closed_to_others_and_its_group_keeps_its_share(
    careless: None, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "data")
    settings.landing.mkdir(parents=True)
    assert is_open_to_others(settings.data)
    make_data_folders(settings)
    assert (mode(settings.data), mode(settings.landing)) == (0o770, 0o770)
    assert not is_open_to_others(settings.data)


def test_a_stricter_umask_stays(careless: None, tmp_path: Path) -> None:
    os.umask(0o077)
    keep_private()
    (tmp_path / "file").touch()
    assert mode(tmp_path / "file") == 0o600


def test_a_command_leaves_nothing_that_others_may_read(careless: None, tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CUP_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-c", "from cup_assets.cli import main; main()", "materialize"],
        env={**environment, "CUP_DATA": str(data), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "nothing has landed" in done.stderr
    made = [data, *data.rglob("*")]
    assert data / "dagster" / "dagster.yaml" in made
    assert data / "warehouse" / "cup.duckdb" in made
    assert [str(path) for path in made if path.stat().st_mode & 0o007] == []


def test_dagsters_own_processes_are_as_private(careless: None) -> None:
    program = "import os; os.umask(0); import cup_assets.definitions; print(oct(os.umask(0)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "0o27"
