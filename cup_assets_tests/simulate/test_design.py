from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber import CnvParameters
from cup_assets.simulate import CohortDesign, SimulationError, design_from_options
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.classes import CLASSES, FAMILIES
from cup_assets.simulate.genes import BY_NAME
from cup_assets.simulate.people import draw_samples

POSITIONS = ("R01C01", "R02C01", "R03C01", "R04C01")


def test_the_vocabulary_is_a_hierarchy_of_the_three_families() -> None:
    assert FAMILIES == ("salivary", "sinonasal", "squamous")
    assert len(CLASSES) == 22
    for entry in CLASSES.values():
        assert entry.diagnosis == entry.diagnosis.lower()
        if entry.near:
            assert CLASSES[entry.near].family == entry.family
            assert CLASSES[entry.near].near is None


def test_events_name_known_arms_and_genes() -> None:
    arms = {f"{n}{arm}" for n in range(1, 23) for arm in "pq"}
    for entry in CLASSES.values():
        for event in entry.events:
            assert event.region in arms or event.region in BY_NAME
            assert event.copies >= 0
            assert 0 < event.frequency < 1


def test_the_presets_have_the_sizes_they_promise() -> None:
    tiny, demo, hospital = CohortDesign.tiny(), CohortDesign.demo(), CohortDesign.hospital()
    assert (tiny.n_samples, tiny.batches, tiny.normals, tiny.diagnostic) == (47, 2, 6, 4)
    assert min(size for _, size in tiny.classes) >= 8
    assert (demo.n_samples, demo.batches, demo.diagnostic) == (204, 5, 20)
    assert demo.normals >= 8
    sizes = [size for _, size in hospital.classes]
    assert (min(sizes), max(sizes), len(sizes)) == (4, 60, 22)
    for design in (tiny, demo, hospital):
        assert len(draw_samples(design, POSITIONS)) == design.n_samples


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": (("flu", 3),)}, "unknown class 'flu'"),
        ({"classes": (("nut carcinoma", 0),)}, "'nut carcinoma': 0 samples"),
        ({"classes": (("nut carcinoma", 3), ("nut carcinoma", 3))}, "listed twice"),
        ({"batches": 0}, "batches=0"),
        ({"normals": -1}, "normals=-1"),
        ({"noise": -0.1}, "noise=-0.1: give a scale from 0 to 5"),
        ({"confounding": 1.2}, "confounding=1.2: give a number from 0 to 1"),
        ({"purity": (0.9, 0.2)}, "purity"),
        ({"purity": (0.0, 0.2)}, "purity"),
        ({"novel": 9}, "novel=9: more than diagnostic"),
        ({"batches": 500}, "batches=500: more than 47 samples"),
    ],
)
def test_an_impossible_design_is_refused_with_its_field(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SimulationError, match=message):
        replace(CohortDesign.tiny(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"swaps": 40}, "swaps"),
        ({"degraded": 40}, "degraded"),
        ({"duplicates": 40}, "duplicates=40"),
        ({"second_samples": 30}, "second_samples=30"),
        ({"classes": (("nut carcinoma", 9),)}, "two families"),
    ],
)
def test_more_mistakes_than_samples_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        draw_samples(replace(CohortDesign.tiny(), **change), POSITIONS)


@settings(deadline=None, max_examples=50)
@given(samples=st.integers(12, 700), seed=st.integers(0, 5))
def test_the_number_of_samples_asked_for_is_drawn(samples: int, seed: int) -> None:
    design = design_from_options(samples=samples, seed=seed)
    assert design.n_samples == samples
    assert len(draw_samples(design, POSITIONS)) == samples


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(SimulationError, match="samples=11: give at least 12"):
        design_from_options(samples=11)


def test_a_design_can_be_recorded_as_json() -> None:
    record = json.loads(json.dumps(CohortDesign.demo().as_record()))
    assert record["array"] == "mini"
    assert record["manifest"] is None
    assert array_layout(record["array"]).name == "mini"


@pytest.mark.parametrize("samples", [12, 48, 204])
def test_every_control_of_a_scaled_cohort_can_be_measured_by_the_others(samples: int) -> None:
    assert design_from_options(samples=samples).normals > CnvParameters().min_controls
