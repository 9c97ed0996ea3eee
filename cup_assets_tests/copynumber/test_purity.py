"""The fraction of tumour cells, from levels of known purity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber.purity import Purity, estimate_purity, expected_level, no_purity
from cup_assets_tests.copynumber.synthetic import PARAMETERS


def estimated(
    purity: float,
    copies: list[int],
    at_least: float | None = None,
    *,
    seed: int = 0,
    noise: float = 0.01,
    n_probes: int = 500,
) -> Purity:
    rng = np.random.default_rng(seed)
    levels = expected_level(np.array(purity), np.array(copies, float))
    levels = levels + noise * rng.standard_normal(levels.size)
    errors = np.full(levels.size, noise)
    return estimate_purity(
        levels, errors, np.full(levels.size, n_probes), at_least, PARAMETERS, 0.02
    )


@settings(deadline=None, max_examples=60)
@given(st.floats(0.25, 0.98), st.integers(0, 10_000))
def test_gains_and_losses_of_one_copy_give_the_purity(purity: float, seed: int) -> None:
    found = estimated(purity, [2, 1, 2, 3, 1, 2, 3, 1], seed=seed)
    assert found.method == "copy_number"
    # Other baselines are not ruled out and draw the estimate upwards: 2 of 4,000 seeds are off by
    # more, by .052 at most.
    assert found.value == pytest.approx(purity, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low - 0.02 <= purity <= found.high + 0.02


def test_a_lost_pair_beside_single_losses_does_not_deceive() -> None:
    assert estimated(0.6, [1, 0, 1, 3, 2]).value == pytest.approx(0.6, abs=0.03)


def test_a_subclone_among_clonal_events_does_not_deceive() -> None:
    levels = expected_level(np.array(0.8), np.array([1.0, 1, 3, 3]))
    levels = np.append(levels, np.log2(1 - 0.2))
    found = estimate_purity(levels, np.full(5, 0.01), np.full(5, 500), None, PARAMETERS)
    assert found.value == pytest.approx(0.8, abs=0.03)


def test_a_flat_genome_has_no_purity_and_says_why() -> None:
    found = estimated(0.8, [2] * 30)
    assert found.value is None
    assert found.method is None
    assert found.reason is not None
    assert "no copy-number change" in found.reason
    assert found.low is found.high is None
    assert np.array_equal(found.weights, no_purity("").weights)


def test_a_flat_genome_takes_what_methylation_says() -> None:
    found = estimated(0.8, [2] * 30, 0.55)
    assert found.method == "methylation"
    assert found.low is not None
    assert found.value is not None
    assert 0.45 < found.low < found.value < 1
    few = estimated(0.3, [2] * 30, 0.15)
    assert few.value is None
    assert few.reason is not None
    assert few.reason.startswith("between ")


def test_methylation_decides_between_purities_that_fit_the_levels_alike() -> None:
    """One event of two more copies at .4 looks like one of one more at .8."""
    alone, bounded = estimated(0.8, [3, 2, 2]), estimated(0.8, [3, 2, 2], 0.6)
    assert alone.low is not None
    assert bounded.low is not None
    assert alone.low < 0.45
    assert bounded.low > 0.6
    assert bounded.method == "copy_number+methylation"


def test_noise_makes_no_purity() -> None:
    for seed in range(20):
        assert estimated(0.5, [2] * 40, seed=seed, noise=0.05).method is None


def test_short_segments_do_not_count() -> None:
    assert estimated(0.5, [1, 3, 0], n_probes=20).method is None
