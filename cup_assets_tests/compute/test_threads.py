"""The limit to one thread holds for every library, whenever it was loaded, within its block."""

from __future__ import annotations

import subprocess
import sys

from threadpoolctl import threadpool_info, threadpool_limits

from cup_assets.compute import single_threaded


def threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


def test_there_is_one_thread_inside_the_block_and_as_many_as_before_after_it() -> None:
    import sklearn.svm  # noqa: F401

    with threadpool_limits(2):
        for _ in range(2):
            with single_threaded():
                assert set(threads()) == {1}
                with single_threaded():
                    assert set(threads()) == {1}
                assert set(threads()) == {1}
            assert set(threads()) == {2}


def test_libraries_that_were_loaded_after_the_first_block_are_limited_too() -> None:
    program = """
from threadpoolctl import threadpool_info
from cup_assets.compute import single_threaded
with single_threaded():
    before = len(threadpool_info())
import numpy, sklearn.svm
with single_threaded():
    found = threadpool_info()
    assert len(found) > before, (before, found)
    assert {library["num_threads"] for library in found} == {1}, found
"""
    environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
