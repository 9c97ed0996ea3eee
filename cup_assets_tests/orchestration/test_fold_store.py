"""Files of finished folds: whole or not there, gone when nobody needs them."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import polars as pl
import pytest

from cup_assets.classify.nested import FoldResult
from cup_assets.orchestration import fold_store
from cup_assets.orchestration.fold_store import FoldStore

RESULT = FoldResult(
    repeat=1,
    outer_fold=2,
    scores=pl.DataFrame({"sample_id": ["a", "b"], "score": [0.1 + 0.2, 5e-324]}),
    choices=pl.DataFrame({"candidate": ['{"C": 1}'], "calibration_c": [None]}),
    calibrations=pl.DataFrame(schema={"calibrator": pl.String, "score": pl.Float64}),
)
KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> FoldStore:
    store = FoldStore(tmp_path / "folds")
    store.prepare()
    return store


def test_a_result_comes_back_to_the_last_bit_with_its_types(store: FoldStore) -> None:
    store.save(KEY, RESULT)
    found = store.load(KEY)
    assert found is not None
    assert (found.repeat, found.outer_fold) == (1, 2)
    for name in ("scores", "choices", "calibrations"):
        one, other = getattr(found, name), getattr(RESULT, name)
        assert one.equals(other)
        assert one.schema == other.schema
    assert store.load(OTHER) is None


def test_a_file_that_stands_under_the_name_of_another_fold_is_not_believed(
    store: FoldStore,
) -> None:
    store.save(KEY, RESULT)
    (store.folder / f"{KEY}.zip").rename(store.folder / f"{OTHER}.zip")
    said: list[str] = []
    assert store.load(OTHER, said.append) is None
    assert "the result of another fold" in said[0]
    assert not list(store.folder.iterdir())


def test_every_damaged_byte_is_noticed(store: FoldStore) -> None:
    store.save(KEY, RESULT)
    path = store.folder / f"{KEY}.zip"
    content = path.read_bytes()
    believed = 0
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        found = store.load(KEY, lambda _: None)
        if found:  # dates and flags that nobody reads may differ; what is read may not
            believed += 1
            assert found.scores.equals(RESULT.scores)
            assert found.choices.equals(RESULT.choices)
    assert believed < len(content) / 7 / 2


def test_old_files_and_halves_of_files_are_removed_and_used_ones_stay(store: FoldStore) -> None:
    for key in (KEY, OTHER):
        store.save(key, RESULT)
    half = store.folder / f".{KEY}.1.part"
    half.touch()
    long_ago = time.time() - 30 * 24 * 3600
    for file in store.folder.iterdir():
        os.utime(file, (long_ago, long_ago))
    assert store.load(KEY)
    store.prepare()
    assert [file.name for file in store.folder.iterdir()] == [f"{KEY}.zip"]


def test_a_full_disk_costs_the_file_and_not_the_fold(
    store: FoldStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fold_store.os, "fsync", full)
    store.save(KEY, RESULT)
    assert "could not be kept" in caplog.text
    assert not list(store.folder.iterdir())


def test_a_worker_that_does_not_see_the_folder_makes_none(tmp_path: Path) -> None:
    FoldStore(tmp_path / "folds").save(KEY, RESULT)
    assert not (tmp_path / "folds").exists()
