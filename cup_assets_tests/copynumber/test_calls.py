from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber import Bins, CnvParameters, ControlPool, profile_sample
from cup_assets.copynumber.calls import STATES, segment_call, state_probabilities
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event


@settings(deadline=None, max_examples=50)
@given(st.floats(-3, 3), st.floats(0, 1), st.booleans())
def test_the_probabilities_of_the_states_sum_to_one(
    level: float, se: float, high_level: bool
) -> None:
    probability = state_probabilities(level, se, PARAMETERS, high_level=high_level)
    assert tuple(probability) == STATES
    assert sum(probability.values()) == pytest.approx(1)
    assert min(probability.values()) >= 0
    if not high_level:
        assert probability["deletion"] == probability["amplification"] == 0


def test_noise_takes_confidence_away() -> None:
    sure = state_probabilities(0.3, 0.02, PARAMETERS, high_level=False)["gain"]
    unsure = state_probabilities(0.3, 0.2, PARAMETERS, high_level=False)["gain"]
    assert sure > 0.99
    assert unsure < 0.7


@pytest.mark.parametrize(
    ("level", "call"),
    [(-0.8, "deletion"), (-0.2, "loss"), (0.0, "neutral"), (0.2, "gain"), (0.9, "amplification")],
)
def test_a_segment_is_called_by_its_level(level: float, call: str) -> None:
    assert segment_call(level, 0.01, PARAMETERS) == call


def test_an_uncertain_segment_needs_more_to_be_altered() -> None:
    assert segment_call(0.14, 0.01, PARAMETERS) == "gain"
    assert segment_call(0.14, 0.06, PARAMETERS) == "neutral"
    assert segment_call(0.30, 0.06, PARAMETERS) == "gain"


def _call(array: Array, pool: ControlPool, bins: Bins, region: str, *events: object) -> str:
    sample = array.sample(7, "F", events)  # type: ignore[arg-type]
    calls = profile_sample("case", "F", sample, pool, bins, PARAMETERS).calls
    return str(calls.filter(pl.col("region") == region)["call"].item())


@pytest.mark.parametrize(("change", "call"), [(1.2, "amplification"), (-1.2, "deletion")])
def test_a_gene_of_high_level_is_called_though_its_arm_is_neutral(
    array: Array, pool: ControlPool, bins: Bins, change: float, call: str
) -> None:
    place = bins.genes["MYC"]
    event = (place.chrom, place.centre - 20_000, place.centre + 20_000, change)
    assert _call(array, pool, bins, "MYC", event) == call
    assert _call(array, pool, bins, place.arm, event) == "neutral"


def test_a_whole_arm_of_high_level_makes_its_genes_gained_not_amplified(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    arm = bins.genes["MYC"].arm
    assert _call(array, pool, bins, "MYC", arm_event(arm, 0.9)) == "gain"
    assert _call(array, pool, bins, "MYC", arm_event(arm, -0.9)) == "loss"
    assert _call(array, pool, bins, arm, arm_event(arm, 0.9)) == "gain"


def test_a_focal_segment_is_listed_with_its_place_and_an_arm_event_is_not(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    focal = ("4", 100_000_000, 112_000_000, 0.8)
    sample = array.sample(8, "F", (focal, arm_event("8q", 0.4)))
    calls = profile_sample("case", "F", sample, pool, bins, PARAMETERS).calls
    found = calls.filter(pl.col("kind") == "focal")
    assert found.height == 1
    chrom, span = found["region"].item().split(":")
    start, end = (int(place) for place in span.split("-"))
    assert chrom == "4"
    assert abs(start - 100_000_000) < 2_000_000
    assert abs(end - 112_000_000) < 2_000_000
    assert found["call"].item() == "amplification"
    assert found["confidence"].item() > 0.9


def test_arms_with_too_few_bins_and_genes_without_probes_get_no_call(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    assert _call(array, pool, bins, "21p") == "no_call"
    parameters = CnvParameters(genes=("MYC", "NOT_A_GENE"))
    sample = array.sample(7)
    calls = profile_sample("case", "F", sample, pool, bins, parameters).calls
    genes = dict(calls.filter(pl.col("kind") == "gene").select("region", "call").iter_rows())
    assert genes == {"MYC": "neutral", "NOT_A_GENE": "no_call"}
