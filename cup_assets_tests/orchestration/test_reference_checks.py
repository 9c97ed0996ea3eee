"""What people read of the reference set."""

from __future__ import annotations

import polars as pl

from cup_assets.orchestration.reference_checks import class_members


def test_a_class_names_the_diagnoses_that_were_merged_into_it_the_most_frequent_first() -> None:
    samples = pl.DataFrame(
        {
            "sample_id": ["s1", "s2", "s3", "s4", "s5"],
            "batch": "b1",
            "diagnosis": ["SNUC", "itac", "snuc", "SNUC", "left out"],
        }
    )
    members = pl.DataFrame(
        {
            "sample_id": ["s1", "s2", "s3", "s4"],
            "batch": "b1",
            "class": ["undifferentiated", "intestinal", "undifferentiated", "undifferentiated"],
            "family": "sinonasal",
            "person": ["p1", "p2", "p1", "p3"],
        }
    )
    assert class_members(members, samples).rows() == [
        ("sinonasal", "intestinal", 1, 1, "itac (1)"),
        ("sinonasal", "undifferentiated", 3, 2, "SNUC (2); snuc (1)"),
    ]
