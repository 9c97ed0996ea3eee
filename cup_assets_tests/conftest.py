"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from cup_assets.simulate import CohortDesign, SimulatedCohort, simulate_cohort

# The same examples in every run, so that a red test is of the change at hand. New ones are looked
# for with HYPOTHESIS_PROFILE=explore, and by the fuzzers.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.register_profile("explore")
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_REFERENCE_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the real files, which are never committed."""
    folder = Path(os.environ.get("CUP_REFERENCE_DATA") or _REFERENCE_DATA)
    if not folder.is_dir():
        pytest.skip(f"needs the real array files, absent here: {folder} (CUP_REFERENCE_DATA)")
    return folder


@pytest.fixture(scope="session")
def mini_cohort(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    """Return a small simulated cohort on disk, with its truth; read only."""
    return simulate_cohort(tmp_path_factory.mktemp("cohort"), CohortDesign.tiny(seed=1))
