"""A process that works through samples takes its memory from the system once."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from cup_assets.compute import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def sample():
    arrays = [np.ones(500_000, dtype=np.float64) for _ in range(8)]

sample()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    sample()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_memory_of_one_sample_serves_the_next() -> None:
    n_pages = 5 * 8 * 4_000_000 // 4096
    assert faults("given back") > n_pages / 2
    assert faults("kept") < n_pages / 20
