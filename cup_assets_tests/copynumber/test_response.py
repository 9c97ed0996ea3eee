"""How much of a ratio an array shows, from the X chromosome of women and men."""

from __future__ import annotations

import numpy as np
import pytest

from cup_assets.copynumber import make_pool
from cup_assets.copynumber.response import array_response
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, probes_frame


@pytest.mark.parametrize("shown", [0.6, 0.9])
def test_the_response_is_what_one_x_less_shows(shown: float) -> None:
    array = Array(probes_frame(20_000))
    bins = array.bins()
    sexes = list("FMFMFM")
    log2 = np.stack([array.sample(i, sex) for i, sex in enumerate(sexes)])
    # The synthetic array shows a ratio in full.
    men = np.array(sexes) == "M"
    log2[np.ix_(men, array.place["X"])] += 1 - shown
    pool = make_pool("test", [f"n{i}" for i in range(6)], sexes, log2, bins, PARAMETERS)
    assert array_response(pool, bins) == pytest.approx(shown, abs=0.05)


def test_controls_of_one_sex_do_not_show_it(array: Array) -> None:
    bins = array.bins()
    log2 = np.stack([array.sample(i, "F") for i in range(5)])
    pool = make_pool("test", list("abcde"), ["F"] * 5, log2, bins, PARAMETERS)
    assert array_response(pool, bins) == 1.0
