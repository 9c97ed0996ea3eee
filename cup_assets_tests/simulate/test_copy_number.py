from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.genome import chromosome_lengths
from cup_assets.simulate import CohortDesign
from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.copy_number import copies_at, tumour_segments
from cup_assets.simulate.genes import BY_NAME
from cup_assets.simulate.truth import expected_log2

DESIGN = CohortDesign.tiny()
SCC = "hpv-negative squamous cell carcinoma"


@settings(deadline=None, max_examples=50)
@given(
    person=st.integers(1, 10_000),
    diagnosis=st.sampled_from([*CLASSES, "normal"]),
    sex=st.sampled_from("FM"),
    build=st.sampled_from(["hg19", "hg38"]),
)
def test_segments_cover_every_chromosome_once(
    person: int, diagnosis: str, sex: str, build: str
) -> None:
    segments = tumour_segments(DESIGN, person, diagnosis, sex, build)
    lengths = chromosome_lengths(build)
    chroms = list(dict.fromkeys(s.chrom for s in segments))
    assert chroms == [c for c in lengths if c != "Y" or sex == "M"]
    for chrom in chroms:
        parts = [s for s in segments if s.chrom == chrom]
        assert parts[0].start == 0
        assert parts[-1].end == lengths[chrom]
        for before, after in pairwise(parts):
            assert before.end == after.start
            assert before.start < before.end
    assert all(s.copies >= 0 for s in segments)
    assert all(s.copies == s.normal_copies for s in segments if s.kind == "neutral")


def test_events_have_the_frequency_of_their_class() -> None:
    seen: Counter[str] = Counter()
    for person in range(400):
        segments = tumour_segments(DESIGN, person, SCC, "M", "hg19")
        seen.update({s.region for s in segments if s.region})
    for event in CLASSES[SCC].events:
        assert abs(seen[event.region] / 400 - event.frequency) < 0.1, event.region


def test_a_focal_event_covers_its_gene_on_top_of_its_arm() -> None:
    for person in range(200):
        segments = tumour_segments(DESIGN, person, SCC, "F", "hg38")
        for part in segments:
            if part.kind == "focal":
                start, end = BY_NAME[part.region or ""].span("hg38")
                assert part.start <= start < end <= part.end
                assert part.end - part.start < 4_000_000


def test_normal_tissue_and_a_switched_off_design_have_no_events() -> None:
    off = replace(DESIGN, copy_number=0.0)
    for design, diagnosis in ((DESIGN, "normal"), (off, SCC)):
        segments = tumour_segments(design, 1, diagnosis, "M", "hg19")
        assert {s.kind for s in segments} == {"neutral"}
        assert {s.chrom: s.copies for s in segments}["X"] == 1


def test_copies_at_probes_follow_the_segments() -> None:
    segments = tumour_segments(DESIGN, 3, SCC, "F", "hg19")
    inside = [(s.chrom, s.start + (s.end - s.start) // 2, float(s.copies)) for s in segments]
    probes = pl.DataFrame(
        [*((c, p) for c, p, _ in inside), ("Y", 3_000_000), (None, None)],
        schema={"chrom": pl.String, "pos": pl.Int64},
        orient="row",
    )
    assert copies_at(segments, probes).tolist() == [*(k for _, _, k in inside), 0.0, 2.0]


@pytest.mark.parametrize(
    ("purity", "copies", "log2"),
    [(1.0, 4, 1.0), (1.0, 1, -1.0), (0.5, 4, np.log2(1.5)), (0.0, 4, 0.0), (1.0, 0, np.log2(0.02))],
)
def test_the_expected_log_ratio_is_diluted_by_purity(
    purity: float, copies: int, log2: float
) -> None:
    assert expected_log2(DESIGN, purity, copies, 2) == pytest.approx(log2)
