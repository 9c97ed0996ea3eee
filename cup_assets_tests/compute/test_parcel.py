"""A function taken apart for workers is the same function, and its files are not copied."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyspark", reason="pyspark is not installed (extra: spark)")

from cup_assets.compute.parcel import LARGE, FilePart, NotThereError, file_of, pack, to_file, unpack

N = LARGE // 4  # float32 values of a row that is just large enough


def first_and_last(arrays: list[np.ndarray], shift: float) -> list[tuple[float, float]]:
    return [(float(a.flat[0]) + shift, float(a.flat[-1]) + shift) for a in arrays]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "betas.npy"
    np.save(path, np.arange(4 * N, dtype=np.float32).reshape(4, N))
    return path


@given(first=st.integers(0, 3), n=st.integers(1, 4), as_memmap=st.booleans(), column=st.booleans())
def test_rows_of_a_mapped_file_are_named_not_copied(
    table: Path, first: int, n: int, as_memmap: bool, column: bool
) -> None:
    whole = np.load(table, mmap_mode="r")
    rows = whole[first : first + n][:, :1] if column else whole[first : first + n]
    rows = rows if as_memmap else np.asarray(rows)
    parcel = pack(partial(first_and_last, [rows]))
    parts = [file_of(buffer) for buffer in parcel.buffers]
    if column:  # not contiguous, and small
        assert not parts
    else:
        (part,) = parts
        assert part
        assert part.path == str(table)
        assert part.nbytes == rows.nbytes
        assert len(parcel.head) < 2000
    function = unpack(parcel.head, [part.open() for part in parts if part])
    assert function(shift=0.5) == first_and_last([rows], 0.5)


def test_arrays_in_memory_come_apart_and_go_together_in_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = [
        rng.random(N, dtype=np.float32),
        rng.random(10),
        np.asfortranarray(rng.random((1000, 700))),
        rng.random((1000, 700))[:, ::2],
        np.array(["a label that is long", "b"] * N),
    ]
    parcel = pack(arrays.__getitem__)
    assert len(parcel.buffers) == 3
    parts = [to_file(buffer, tmp_path / str(i)) for i, buffer in enumerate(parcel.buffers)]
    again = unpack(parcel.head, [part.open() for part in parts])
    for position, array in enumerate(arrays):
        found = again(position)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
        assert found.flags.writeable is (position in (1, 3))  # small ones are the worker's own


def test_an_array_named_twice_travels_once() -> None:
    matrix = np.zeros(N, dtype=np.float32)
    assert len(pack(partial(first_and_last, [matrix, matrix])).buffers) == 1


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_what_may_differ_from_its_file_is_sent_as_it_is_in_memory(table: Path, mode: str) -> None:
    mapped = np.load(table, mmap_mode=mode)  # type: ignore[arg-type]
    (buffer,) = pack(partial(first_and_last, [mapped])).buffers
    assert file_of(buffer) is None


def test_another_file_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(N, dtype=np.float32))
    part = FilePart.of(tmp_path / "x.npy", 128, LARGE)
    assert part.open().nbytes == LARGE
    np.save(tmp_path / "x.npy", np.ones(N + 1, dtype=np.float32))
    with pytest.raises(NotThereError, match=r"x\.npy is another file than the one that was sent"):
        part.open()
    (tmp_path / "x.npy").unlink()
    with pytest.raises(NotThereError, match=r"x\.npy cannot be seen \(No such file"):
        part.open()
