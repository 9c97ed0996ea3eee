from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.simulate import CohortDesign
from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.people import Sample, draw_samples

POSITIONS = tuple(f"R{row:02d}C{column:02d}" for column in (1, 2) for row in range(1, 7))


def _demo(**changes: object) -> tuple[Sample, ...]:
    return draw_samples(replace(CohortDesign.demo(), **changes), POSITIONS)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    batches=st.integers(1, 20),
    confounding=st.floats(0, 1),
    sites=st.integers(1, 5),
)
def test_ids_places_and_sizes_hold_for_every_seed(
    seed: int, batches: int, confounding: float, sites: int
) -> None:
    samples = _demo(seed=seed, batches=batches, confounding=confounding, sites=sites)
    assert len({s.sample_id for s in samples}) == len(samples)
    assert len({s.stem for s in samples}) == len(samples)
    assert len({s.batch for s in samples}) == batches
    assert all(re.fullmatch(r"SIM-\d{4}", s.sample_id) for s in samples)
    assert all(re.fullmatch(r"SIM-P\d{3,}", s.patient_id) for s in samples)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", s.batch) for s in samples)
    true = Counter(s.diagnosis for s in samples if s.role == "reference" and not s.duplicate_of)
    assert dict(true) == dict(CohortDesign.demo().classes)
    controls = [s for s in samples if s.role == "normal_control"]
    assert Counter(s.sex for s in controls) == {"F": 6, "M": 6}
    assert all(s.purity == 0 and s.label == "normal" for s in controls)
    assert all(0.3 <= s.purity <= 0.95 for s in samples if s.role != "normal_control")
    assert all((s.label == "") == (s.role == "diagnostic") for s in samples)


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_normal_controls_come_in_pairs_of_both_sexes_to_every_batch(batches: int) -> None:
    controls = [s for s in _demo(batches=batches) if s.role == "normal_control"]
    for batch in {s.batch for s in controls}:
        assert {s.sex for s in controls if s.batch == batch} == {"F", "M"}
    assert len({s.batch for s in controls}) == batches


def test_second_samples_share_patient_and_tumour_but_not_purity() -> None:
    samples = _demo()
    repeated = [n for n, k in Counter(s.patient_id for s in samples).items() if k > 1]
    assert len(repeated) == 6
    for patient in repeated:
        first, second = (s for s in samples if s.patient_id == patient)
        assert first.person == second.person
        assert first.diagnosis == second.diagnosis
        assert first.purity != second.purity


def test_a_duplicate_is_the_same_dna_filed_as_another_patient() -> None:
    samples = _demo(duplicates=3)
    by_id = {s.sample_id: s for s in samples}
    twins = [s for s in samples if s.duplicate_of]
    assert len(twins) == 3
    for twin in twins:
        original = by_id[twin.duplicate_of or ""]
        assert twin.patient_id != original.patient_id
        assert (twin.person, twin.purity) == (original.person, original.purity)
        assert twin.batch != original.batch


def test_swapped_labels_are_exchanged_between_families() -> None:
    samples = _demo(swaps=2)
    swapped = [s for s in samples if s.swapped]
    assert len(swapped) == 4
    assert Counter(s.label for s in swapped) == Counter(s.diagnosis for s in swapped)
    for s in swapped:
        assert CLASSES[s.label].family != CLASSES[s.diagnosis].family
        assert s.purity > 0.7
    assert all(s.label == s.diagnosis for s in samples if s.label and not s.swapped)


def test_mistakes_can_be_switched_off() -> None:
    samples = _demo(swaps=0, duplicates=0, second_samples=0, wrong_sexes=0, degraded=0, novel=0)
    assert not any(s.swapped or s.degraded or s.duplicate_of for s in samples)
    assert all(s.sex == s.labelled_sex for s in samples)
    assert len({s.person for s in samples}) == len(samples) == len({s.patient_id for s in samples})
    reference = {name for name, _ in CohortDesign.demo().classes}
    assert {s.diagnosis for s in samples} <= reference | {"normal"}


def test_wrong_sexes_and_degraded_samples_are_as_many_as_asked() -> None:
    samples = _demo(wrong_sexes=3, degraded=4)
    assert sum(s.sex != s.labelled_sex for s in samples) == 3
    assert sum(s.degraded for s in samples) == 4


def test_novel_cases_have_no_reference_sample() -> None:
    samples = _demo(novel=5)
    known = {s.diagnosis for s in samples if s.role == "reference"}
    novel = [s for s in samples if s.role == "diagnostic" and s.diagnosis not in known]
    assert len(novel) == 5


def _at_home(samples: tuple[Sample, ...]) -> float:
    """Return the share of the samples in the batch where their class is most frequent."""
    reference = [s for s in samples if s.role == "reference"]
    pairs = Counter((s.diagnosis, s.batch) for s in reference)
    best = {d: max(n for (e, _), n in pairs.items() if e == d) for d, _ in pairs}
    return sum(best.values()) / len(reference)


def test_confounding_ties_classes_to_batches() -> None:
    none, full = _demo(confounding=0.0, duplicates=0), _demo(confounding=1.0, duplicates=0)
    assert _at_home(none) < 0.5
    assert _at_home(full) == 1.0


def test_the_ffpe_fraction_is_kept_and_can_be_none_or_all() -> None:
    for fraction in (0.0, 1.0):
        samples = _demo(ffpe_fraction=fraction, degraded=0)
        assert {s.material for s in samples} == {"FFPE" if fraction else "frozen"}
    share = sum(s.material == "FFPE" for s in _demo()) / 204
    assert 0.45 < share < 0.75


def test_a_second_cohort_can_join_the_first() -> None:
    first, second = _demo(), _demo(first_number=501)
    for name in ("sample_id", "patient_id", "batch", "stem", "person"):
        assert not {getattr(s, name) for s in first} & {getattr(s, name) for s in second}


def test_exchanged_files_carry_the_other_dna_under_the_own_sheet() -> None:
    design = replace(CohortDesign.demo(), exchanged=2)
    before = {s.sample_id: s for s in draw_samples(replace(design, exchanged=0), POSITIONS)}
    after = {s.sample_id: s for s in draw_samples(design, POSITIONS)}
    moved = [s for s in after.values() if s.exchanged]
    assert len(moved) == 4
    dna = {s.sample_id: (s.person, s.sex, s.diagnosis, s.purity) for s in before.values()}
    sheet = {s.sample_id: (s.label, s.labelled_sex, s.patient_id, s.stem) for s in before.values()}
    for s in moved:
        assert (s.label, s.labelled_sex, s.patient_id, s.stem) == sheet[s.sample_id]
        (other,) = (o.sample_id for o in moved
                    if dna[o.sample_id] == (s.person, s.sex, s.diagnosis, s.purity))  # fmt: skip
        assert before[other].person != before[s.sample_id].person
    alone = {s.sample_id for s in after.values()} - {s.sample_id for s in moved}
    assert all(after[name] == before[name] for name in alone)


def test_laboratory_mistakes_are_made_on_samples_without_another_one() -> None:
    design = replace(CohortDesign.demo(), unconverted=3, few_beads=2)
    samples = draw_samples(design, POSITIONS)
    assert sum(s.unconverted for s in samples) == 3
    assert sum(s.few_beads for s in samples) == 2
    mistakes = [
        s.unconverted + s.few_beads + s.degraded + s.swapped + (s.sex != s.labelled_sex)
        for s in samples
    ]
    assert max(mistakes) == 1


def test_more_laboratory_mistakes_than_samples_are_refused() -> None:
    with pytest.raises(SimulationError, match="more than there are samples"):
        draw_samples(replace(CohortDesign.tiny(), few_beads=500), POSITIONS)
