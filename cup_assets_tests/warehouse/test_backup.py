"""A copy of the warehouse is of one moment, whatever is being stored meanwhile."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cup_assets.warehouse import Catalogue, Matrix, Recipe, Write, copies, read_matrix, write_matrix
from cup_assets.warehouse.backup import copy_warehouse, missing_matrices
from cup_assets.warehouse.copies import copy_tree

PROBES = [f"cg{i}" for i in range(20_000)]


def store(catalogue: Catalogue, batch: str, turn: int) -> None:
    """Store a version of a batch in which every number is the turn's."""
    version = f"{turn:016d}"
    values = np.full((len(PROBES), 3), turn, dtype=np.float32)
    matrix = Matrix("mini", "betas", PROBES, ["a", "b", "c"], values)
    file = write_matrix(catalogue.path.parent, batch, version, matrix)
    rows = pl.DataFrame({"sample_id": ["a"], "batch": [batch], "reason": ["turn"], "n": [turn]})
    catalogue.store(
        Recipe("normalised/betas", "1", {"turn": turn}, {}, partition=batch),
        Write({"masked_betas": rows}, {"batch": batch}, [file]),
        run_id=str(turn),
        data_version=version,
        summary={},
    )


def keep_storing(path: Path, stop: Any) -> None:
    catalogue, turn = Catalogue(path), 1
    while not stop.is_set():
        for batch in ("x", "y"):
            store(catalogue, batch, turn)
        turn += 1


def turns_of(copy: Path) -> tuple[int, int]:
    """Return the turn that each batch of a copy is of, after seeing that all of it is of one."""
    catalogue = Catalogue(copy / "cup.duckdb")
    assert missing_matrices(catalogue) == []
    found = []
    for batch in ("x", "y"):
        current = catalogue.current("normalised/betas", batch)
        assert current is not None
        turn = int(current.data_version)
        (row,) = catalogue.query("SELECT n FROM masked_betas WHERE batch = ?", [batch]).rows()
        assert row == (turn,)
        (file,) = (copy / "matrices" / batch).iterdir()
        _, _, values = read_matrix(file)
        assert (values == turn).all()
        found.append(turn)
    return found[0], found[1]


def test_copies_taken_while_a_process_stores_are_of_one_moment_each(tmp_path: Path) -> None:
    path = tmp_path / "warehouse" / "cup.duckdb"
    for batch in ("x", "y"):
        store(Catalogue(path), batch, 0)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=keep_storing, args=(path, stop))
    writer.start()
    try:
        seen: list[tuple[int, int]] = []
        while len(seen) < 4 or len(set(seen)) < 3:
            assert writer.is_alive()
            target = tmp_path / f"copy{len(seen)}"
            assert len(copy_warehouse(Catalogue(path), target)) == 3
            seen.append(turns_of(target))
    finally:
        stop.set()
        writer.join(60)
    assert seen == sorted(seen)
    assert {x - y for x, y in seen} <= {0, 1}  # y follows x
    assert not list(path.parent.glob(".backup*"))


def test_a_folder_in_which_files_vanish_is_copied_as_it_is_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b", "c.part"):
        (source / name).write_text(name)
    once, copy_file = iter([True]), copies.copy_file

    def copy_and_lose(file: Path, target: Path) -> str:
        if next(once, False):
            (source / "b").unlink()
        return copy_file(file, target)

    monkeypatch.setattr(copies, "copy_file", copy_and_lose)
    assert list(copy_tree(source, tmp_path / "target")) == ["a"]
    assert [file.name for file in (tmp_path / "target").iterdir()] == ["a"]
