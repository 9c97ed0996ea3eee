"""Samples that nobody measured are found, and no measured one is taken for such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.interpolated import interpolated


def tumours(n: int, p: int, seed: int) -> np.ndarray:
    """Return betas of two classes, alternating, rounded as tables are."""
    generator = np.random.default_rng(seed)
    centres = generator.uniform(0.1, 0.9, (2, p))
    betas = centres[np.arange(n) % 2] + generator.normal(0, 0.04, (n, p))
    return np.clip(betas, 0, 1).round(3).astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 99),
    made=st.integers(0, 8),
    decimals=st.sampled_from([3, 4, 7]),
    p=st.integers(60, 400),
)
def test_exactly_the_made_samples_are_found_and_between_samples_of_their_line(
    seed: int, made: int, decimals: int, p: int
) -> None:
    X = tumours(40, p, seed)
    labels = ["a", "b"] * 20
    generator = np.random.default_rng(seed)
    ends = [generator.choice(np.arange(0, 40, 2), 2, replace=False) for _ in range(made)]
    share = generator.uniform(0.05, 0.95, made)
    rows = [X[i] + t * (X[j] - X[i]) for (i, j), t in zip(ends, share, strict=True)]
    both = np.vstack([X, *rows]).astype(np.float32)
    both[40:] = both[40:].round(decimals)
    found = interpolated(both, [*labels, *(["a"] * made)])
    assert sorted(found) == list(range(40, 40 + made))
    for of, (one, other) in found.items():
        line = both[other].astype(float) - both[one]
        t = (both[of].astype(float) - both[one]) @ line / (line @ line)
        assert 0 < t < 1
        np.testing.assert_allclose(both[of], both[one] + t * line, atol=2e-3)


def test_a_repeated_measurement_and_a_missing_value_are_no_interpolation() -> None:
    X = tumours(40, 300, 1)
    generator = np.random.default_rng(2)
    again = np.clip(X[:4] + generator.normal(0, 0.002, (4, 300)), 0, 1).astype(np.float32)
    between = (X[0] + X[2]) / 2
    both = np.vstack([X, again, X[5], between])
    both[3, 7] = np.nan
    labels: list[str | None] = [*["a", "b"] * 22, "b", None]
    # The copies of a sample are near it, but not on a line; the made one has no class.
    assert interpolated(both, labels) == {}
    assert list(interpolated(both, [*labels[:-1], "a"])) == [45]


def test_nothing_is_said_of_few_probes() -> None:
    assert interpolated(np.array([[0.1], [0.2], [0.3]], np.float32), ["a"] * 3) == {}


def test_the_public_medulloblastomas_hold_140_made_samples(reference_data: Path) -> None:
    table = pl.read_parquet(
        reference_data / "labelled" / "medulloblastoma_GSE85212_663x399.parquet"
    )
    X = table.drop("sample_id", "subgroup").to_numpy().astype(np.float32)
    found = interpolated(X, table["subgroup"].to_list())
    names = table["sample_id"].to_list()
    # GEO's samples have accessions; the others are numbered, and all are of one class.
    assert {names[row] for row in found} == {str(number) for number in range(1, 141)}
    assert {table["subgroup"][row] for row in found} == {"WNT"}


@pytest.mark.parametrize("n", [1, 2])
def test_a_class_too_small_for_a_line_is_passed_over(n: int) -> None:
    assert interpolated(tumours(n, 100, 1), ["a"] * n) == {}
