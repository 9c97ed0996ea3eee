"""The page of a genome: complete, the same every time, and without any network."""

from __future__ import annotations

import re

import polars as pl
import pytest

from cup_assets.report.frequency_figures import frequency_plot
from cup_assets.report.interactive_genome import (
    LIBRARY,
    genes_of_bins,
    interactive_genome,
    library,
)

BINS = pl.DataFrame(
    {
        "chrom": ["1", "1", "9", "X"],
        "start": [0, 50_000, 21_950_000, 1_000_000],
        "end": [50_000, 100_000, 22_050_000, 1_050_000],
        "log2": [0.1, -0.1, -2.5, 0.0],
        "n_probes": [15, 16, 17, 18],
    }
)
SEGMENTS = pl.DataFrame(
    {
        "chrom": ["1", "9", "X"],
        "start": [0, 21_950_000, 1_000_000],
        "end": [100_000, 22_050_000, 1_050_000],
        "log2": [0.0, -2.5, 0.0],
        "call": ["neutral", "deletion", "neutral"],
    }
)
CALLS = pl.DataFrame(
    {
        "kind": ["gene", "gene"],
        "region": ["CDKN2A", "MYC"],
        "log2": [-2.5, 0.0],
        "call": ["deletion", "neutral"],
        "confidence": [0.99, 0.99],
    }
)
GENES = pl.DataFrame(
    {
        "region": ["CDKN2A", "MYC"],
        "chrom": ["9", "8"],
        "start": [21_967_751, 128_748_315],
        "end": [21_995_300, 128_753_680],
    }
)


@pytest.fixture(scope="module")
def page() -> str:
    return interactive_genome(BINS, SEGMENTS, CALLS, "case <1>", "hg19", GENES).decode()


def test_the_page_loads_nothing_but_the_library_beside_it(page: str) -> None:
    assert re.findall(r'<script[^>]* src="([^"]*)"', page) == [f"../{LIBRARY}"]
    assert "cdn.plot.ly" not in page
    assert len(library()) > 1_000_000


def test_the_page_names_altered_genes_and_those_alone(page: str) -> None:
    assert '"text":"CDKN2A"' in page
    assert '"text":"MYC"' not in page
    assert "4 bins, 3 segments; hg19" in page
    assert "9:21,950,000-22,050,000" in page


def test_the_same_profile_gives_the_same_bytes(page: str) -> None:
    again = interactive_genome(BINS, SEGMENTS, CALLS, "case <1>", "hg19", GENES)
    assert again.decode() == page


def test_each_bin_has_the_genes_of_its_own_probes() -> None:
    probes = pl.DataFrame(
        {
            "chrom": ["1", "1", "1", "9", None],
            "pos": [10, 49_999, 50_000, 22_049_999, 5],
            "genes": ["B;A", "A", "C", "CDKN2B", "LOST"],
        }
    )
    assert genes_of_bins(probes, BINS) == ["A, B", "C", "CDKN2B", ""]
    many = pl.DataFrame({"chrom": ["1"], "pos": [5], "genes": [";".join("ABCDEFGHIJ")]})
    assert genes_of_bins(many, BINS)[0] == "A, B, C, D, E, F, G, H …"


def test_frequencies_are_a_picture_and_nothing_is_a_message() -> None:
    rows = pl.DataFrame(
        {
            "class": [f"class {i}" for i in range(16)],
            "chrom": ["3"] * 16,
            "start": [0] * 16,
            "end": [1_000_000] * 16,
            "n": list(range(1, 17)),
            "gain": [0.5] * 16,
            "loss": [0.25] * 16,
        }
    )
    picture = frequency_plot(rows, "hg19")
    assert picture.startswith(b"\x89PNG")
    assert picture == frequency_plot(rows, "hg19")
    assert frequency_plot(rows.clear(), "hg19").startswith(b"\x89PNG")
