"""A label map says what it says, and nothing is guessed beyond it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.public.labels import candidates, label, unmapped_words
from cup_assets.public.registry import Accession, ColumnRule, LabelRule, load_registry
from cup_assets.public.samples import SourceSample

POSITIVE = "hpv-positive squamous cell carcinoma"
NEGATIVE = "hpv-negative squamous cell carcinoma"


@pytest.fixture(scope="module")
def entry() -> Accession:
    return load_registry()["GSE87053"]


def sample(**facts: str) -> SourceSample:
    return SourceSample("GSM1", "450k", {c.replace("_", " "): text for c, text in facts.items()})


@pytest.mark.parametrize(
    ("status", "diagnosis"), [("HPV_Positive", POSITIVE), ("HPV_Negative", NEGATIVE)]
)
def test_all_columns_of_a_line_must_agree(entry: Accession, status: str, diagnosis: str) -> None:
    assert label(entry, sample(tissue_type="OSCC lesion", hpv_status=status)).diagnosis == diagnosis
    alone = label(entry, sample(hpv_status=status))
    assert alone.diagnosis is None
    assert alone.unmapped == {"diagnosis": f"hpv status: {status}"}


def test_case_and_surplus_spaces_do_not_matter(entry: Accession) -> None:
    assert label(entry, sample(Tissue_Type=" adjacent  NORMAL ")).diagnosis == "normal"


@pytest.mark.parametrize("status", ["HPV+", "positive", "HPV_Positive?", "HPV-Positive", ""])
def test_what_is_not_in_the_map_stays_without_a_diagnosis_and_is_told(
    entry: Accession, status: str
) -> None:
    said = label(entry, sample(tissue_type="OSCC lesion", hpv_status=status))
    assert said.diagnosis is None
    assert status in said.unmapped["diagnosis"]


def test_a_sign_makes_a_difference(entry: Accession) -> None:
    rules = tuple(LabelRule({"status": s}, d) for s, d in (("HPV+", POSITIVE), ("HPV-", NEGATIVE)))
    signed = replace(entry, labels=rules)
    assert label(signed, sample(status="hpv+")).diagnosis == POSITIVE
    assert label(signed, sample(status="hpv-")).diagnosis == NEGATIVE
    assert label(signed, sample(status="hpv")).diagnosis is None


def test_two_lines_that_contradict_each_other_give_no_diagnosis(entry: Accession) -> None:
    rules = (LabelRule({"a": "x"}, POSITIVE), LabelRule({"b": "y"}, NEGATIVE))
    said = label(replace(entry, labels=rules), sample(a="x", b="y"))
    assert said.diagnosis is None
    assert said.unmapped["diagnosis"] == "two labels fit a: x; b: y"


def test_columns_of_the_sheet_come_from_the_source_a_constant_or_stay_empty(
    entry: Accession,
) -> None:
    columns = {
        "sex": ColumnRule(column="gender", values={"Female": "F"}),
        "material": ColumnRule(constant="FFPE"),
        "patient_id": ColumnRule(column="donor"),
    }
    changed = replace(entry, columns=columns)
    said = label(changed, sample(gender="female", donor="D 7"))
    assert (said.sex, said.material, said.patient_id) == ("F", "FFPE", "D 7")
    other = label(changed, sample(gender="unknown"))
    assert (other.sex, other.patient_id) == (None, None)
    assert other.unmapped["sex"] == "gender: unknown"


def test_the_cohort_is_the_centre_unless_the_source_names_one(entry: Accession) -> None:
    assert label(entry, sample()).site == "GSE87053"
    named = replace(entry, columns={"site": ColumnRule(column="centre")})
    assert label(named, sample(centre="Basel")).site == "Basel"


@settings(deadline=None)
@given(facts=st.dictionaries(st.sampled_from(["tissue type", "hpv status"]), st.text(max_size=20)))
def test_no_text_has_a_diagnosis_that_the_map_does_not_give_it(
    entry: Accession, facts: dict[str, str]
) -> None:
    known = {"adjacent normal", "oscc lesion", "hpv_positive", "hpv_negative"}
    said = label(entry, SourceSample("GSM1", "450k", facts))
    if not {" ".join(text.casefold().split()) for text in facts.values()} & known:
        assert said.diagnosis is None
        assert "diagnosis" in said.unmapped


def test_unmapped_words_are_counted_most_frequent_first(entry: Accession) -> None:
    labels = [label(entry, sample(tissue_type=t)) for t in ("tumour", "tumour", "saliva")]
    assert unmapped_words(labels) == [
        ("diagnosis", "tissue type: tumour", 2),
        ("diagnosis", "tissue type: saliva", 1),
    ]


def test_candidates_for_a_map_are_columns_that_do_not_tell_every_sample_apart() -> None:
    samples = [
        SourceSample(f"GSM{i}", "450k", {"title": f"t{i}", "tissue": "ab"[i % 2]}) for i in range(4)
    ]
    assert candidates(samples) == [("tissue", [("a", 2), ("b", 2)])]
