"""A kept table is made once, complete or not at all, and is what would have been made anew."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from cup_assets.warehouse.mapped import mapped_table

SHAPE = (3, 1000)


class Filling:
    """Fills a table with one value and counts how often it was asked to."""

    def __init__(self, value: float) -> None:
        self.value = value
        self.times = 0

    def __call__(self, table: np.ndarray) -> None:
        self.times += 1
        table[:] = self.value


def test_a_table_is_made_once_and_cannot_be_written_to(tmp_path: Path) -> None:
    fill = Filling(0.5)
    for _ in range(2):
        table = mapped_table(tmp_path / "cache", "a", SHAPE, fill)
        np.testing.assert_array_equal(table, np.full(SHAPE, 0.5, dtype=np.float32))
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1
    assert fill.times == 1


def test_another_key_is_another_table_and_the_two_used_last_are_kept(tmp_path: Path) -> None:
    for number, key in enumerate("abcb"):
        table = mapped_table(tmp_path, key, SHAPE, Filling(number))
        os.utime(tmp_path / f"{key}.npy", (number, number))
    assert table[0, 0] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b.npy", "c.npy"]


def test_a_table_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    def breaks(table: np.ndarray) -> None:
        table[0] = 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mapped_table(tmp_path, "a", SHAPE, breaks)
    assert list(tmp_path.iterdir()) == []
    assert mapped_table(tmp_path, "a", SHAPE, Filling(2))[0, 0] == 2


def test_what_a_killed_process_left_half_written_goes_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / ".a.1.part", tmp_path / ".a.2.part"
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))
    mapped_table(tmp_path, "b", SHAPE, Filling(1))
    assert not old.exists()
    assert new.exists()


def test_without_room_on_the_disk_the_table_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    table = mapped_table(tmp_path, "a", SHAPE, Filling(0.5))
    np.testing.assert_array_equal(table, np.full(SHAPE, 0.5, dtype=np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(ValueError, match=r"a\.npy holds another table .* delete it"):
        mapped_table(tmp_path, "a", SHAPE, Filling(1))
