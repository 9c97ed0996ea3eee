"""One array with its bins and control pool, shared because they are read only."""

from __future__ import annotations

import pytest

from cup_assets.copynumber import Bins, ControlPool
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, probes_frame


@pytest.fixture(scope="session")
def array() -> Array:
    return Array(probes_frame(30_000, genes=PARAMETERS.genes))


@pytest.fixture(scope="session")
def bins(array: Array) -> Bins:
    return array.bins()


@pytest.fixture(scope="session")
def pool(array: Array) -> ControlPool:
    return array.pool(12)
