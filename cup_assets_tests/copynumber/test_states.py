"""A level means another state at another purity, and is sure only as far as noise lets it be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber.purity import BASELINES, PURITIES, no_purity
from cup_assets.copynumber.states import STATES, StateModel, state_model
from cup_assets_tests.copynumber.synthetic import PARAMETERS

UNKNOWN = state_model(no_purity("").weights, PARAMETERS)


def at_purity(purity: float) -> StateModel:
    weights = np.zeros((len(BASELINES), PURITIES.size))
    weights[0, np.abs(PURITIES - purity) < 0.005] = 1.0
    return state_model(weights, PARAMETERS)


def most_probable(model: StateModel, level: float, sd: float = 0.03, high: float = 1.0) -> str:
    probability = model.probabilities(level, sd, high_level=high)
    return max(STATES, key=probability.__getitem__)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-20, 20), st.floats(0, 1), st.sampled_from([0, 0.05, 1]), st.sampled_from([1, 2]),
    st.sampled_from([0.1, 0.4, 1.0, None]),
)  # fmt: skip
def test_the_probabilities_of_the_states_sum_to_one(
    level: float, sd: float, high: float, normal: int, purity: float | None
) -> None:
    model = UNKNOWN if purity is None else at_purity(purity)
    probability = model.probabilities(level, sd, high_level=high, normal_copies=normal)
    assert tuple(probability) == STATES
    assert sum(probability.values()) == pytest.approx(1)
    assert min(probability.values()) >= 0
    if high == 0:
        assert probability["deletion"] == probability["amplification"] == 0


def test_noise_takes_confidence_away() -> None:
    sure = UNKNOWN.probabilities(0.3, 0.02, high_level=0)["gain"]
    unsure = UNKNOWN.probabilities(0.3, 0.2, high_level=0)["gain"]
    assert sure > 0.99
    assert unsure < 0.7


def test_an_uncertain_segment_needs_more_to_be_altered() -> None:
    assert most_probable(UNKNOWN, 0.14, 0.02) == "gain"
    assert most_probable(UNKNOWN, 0.14, 0.08) == "neutral"
    assert most_probable(UNKNOWN, 0.30, 0.08) == "gain"


@pytest.mark.parametrize("purity", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize(
    ("copies", "state"),
    [(0, "deletion"), (1, "loss"), (2, "neutral"), (3, "gain"), (4, "gain"), (8, "amplification")],
)
def test_each_number_of_copies_is_called_at_its_expected_level(
    purity: float, copies: int, state: str
) -> None:
    level = float(np.log2(1 - purity + purity * copies / 2))
    assert most_probable(at_purity(purity), level) == state


def test_one_level_is_another_state_at_another_purity() -> None:
    level = float(np.log2(1 - 0.45))  # both copies lost in 45 %, or one in 90 % of the cells
    assert most_probable(at_purity(0.45), level) == "deletion"
    assert most_probable(at_purity(0.9), level) == "loss"
    unknown = UNKNOWN.probabilities(level, 0.03, high_level=1)
    assert max(unknown.values()) < 0.9


def test_a_high_level_that_is_hardly_plausible_is_taken_for_the_low_one() -> None:
    level = float(np.log2(1 - 0.4))
    model = at_purity(0.42)
    assert most_probable(model, level, 0.2) == "deletion"
    assert most_probable(model, level, 0.2, high=0.05) == "loss"


def test_an_event_in_half_of_the_tumour_cells_is_still_one() -> None:
    assert most_probable(at_purity(0.9), float(np.log2(1 + 0.45 / 2))) == "gain"


def test_one_normal_copy_lost_or_gained_is_called_at_its_own_level() -> None:
    model = at_purity(0.6)
    lost = model.probabilities(float(np.log2(0.4)), 0.03, high_level=0, normal_copies=1)
    tripled = float(np.log2(2.2))
    gained = model.probabilities(tripled, 0.03, high_level=1, normal_copies=1)
    assert lost["loss"] > 0.95
    assert gained["gain"] > 0.95
    assert model.probabilities(tripled, 0.03, high_level=1)["amplification"] > 0.95
