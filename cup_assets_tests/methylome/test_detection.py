"""Detection p-values against their definitions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cup_assets.methylome import BetaParameters, SignalError, process_pair, read_idat
from cup_assets.methylome.detection import DETECTIONS
from cup_assets.methylome.idat import Idat
from cup_assets.methylome.masks import DETECTION
from cup_assets.methylome.parameters import DETECTION_NAMES
from cup_assets_tests.methylome import textbook

DEAD = range(0, 640, 15)  # of every design and channel


@pytest.fixture
def pair(tiny, levels) -> tuple[Idat, Idat]:
    _, grn, red = tiny.write("100", methylation=levels, dead=DEAD)
    return read_idat(grn), read_idat(red)


def test_negative_equals_the_textbook(pair, tiny) -> None:
    signal = process_pair(*pair, tiny.manifest, BetaParameters(detection="negative"))
    expected = textbook.negative_p(*pair, tiny.manifest)
    assert 0.001 < np.median(expected[list(DEAD)]) < 1
    np.testing.assert_allclose(signal.detection_p, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(signal.mask == DETECTION, expected > 0.05)


@pytest.mark.parametrize("detection", DETECTION_NAMES)
def test_dead_probes_are_masked_and_living_ones_are_not(pair, tiny, detection) -> None:
    signal = process_pair(*pair, tiny.manifest, BetaParameters(detection=detection))
    dead = np.isin(np.arange(640), DEAD)
    assert (signal.mask[~dead] == 0).mean() > 0.99
    assert (signal.mask[dead] == DETECTION).mean() > 0.7


def test_the_choice_changes_masks_but_no_value(pair, tiny) -> None:
    one, other = (
        process_pair(*pair, tiny.manifest, BetaParameters(detection=name))
        for name in DETECTION_NAMES
    )
    both = (one.mask == 0) & (other.mask == 0)
    np.testing.assert_array_equal(one.beta[both], other.beta[both])
    np.testing.assert_array_equal(one.log2_total, other.log2_total)
    assert not np.array_equal(one.detection_p, other.detection_p)


def test_an_array_without_negative_controls_has_no_such_p_value(pair, tiny) -> None:
    controls = tiny.manifest.controls
    bare = dataclasses.replace(
        tiny.manifest,
        content_hash="no negatives",
        controls=controls.filter(controls["kind"] != "NEGATIVE"),
    )
    with pytest.raises(SignalError, match="no negative controls"):
        process_pair(*pair, bare, BetaParameters(detection="negative"))
    assert process_pair(*pair, bare).measures["failed_fraction"] < 0.1


def test_an_unknown_detection_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown detection p-value 'oob': use 'pOOBAH' or"):
        BetaParameters(detection="oob")
    assert tuple(DETECTIONS) == DETECTION_NAMES
