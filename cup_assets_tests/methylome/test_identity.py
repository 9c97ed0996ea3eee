"""Samples of one person are found by their SNPs, and only they."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.methylome import duplicates, snp_betas


def genotypes(rng: np.random.Generator, people: int, snps: int = 65) -> np.ndarray:
    return rng.choice([0.08, 0.5, 0.92], size=(snps, people), p=[0.3, 0.4, 0.3])


def noisy(rng: np.random.Generator, betas: np.ndarray) -> np.ndarray:
    return (betas + rng.normal(0, 0.03, betas.shape)).clip(0, 1).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_two_samples_of_one_person_are_found_and_strangers_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = genotypes(rng, 30)
    betas = noisy(rng, people[:, [*range(30), 4]])
    names = [f"S{i:02d}" for i in range(31)]
    found = duplicates(names, betas)
    assert found.select("sample_id", "same_as").rows() == [("S04", "S30"), ("S30", "S04")]
    assert found["concordance"].min() > 0.9


def test_missing_snps_are_left_out_and_too_few_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    betas = noisy(rng, genotypes(rng, 1))[:, [0, 0]]
    betas[:30, 0] = np.nan
    assert duplicates(["a", "b"], betas).height == 2
    betas[:50, 0] = np.nan
    assert duplicates(["a", "b"], betas).height == 0
    assert duplicates(["a", "b"], betas, min_probes=10).height == 2


def test_no_snps_give_an_empty_frame_with_the_columns() -> None:
    found = duplicates(["a", "b"], np.empty((0, 2), dtype=np.float32))
    assert found.columns == ["sample_id", "same_as", "concordance"]
    assert found.is_empty()


def test_snp_probes_are_picked_by_name(tiny_manifest, hm27_manifest) -> None:
    beta = np.linspace(0, 1, tiny_manifest.probes.height, dtype=np.float32)
    names, values = snp_betas(tiny_manifest, np.stack([beta, 1 - beta], axis=1))
    assert len(names) == 40
    assert names[0] == "rs0000600"
    np.testing.assert_array_equal(values[0], [beta[600], 1 - beta[600]])
    empty, none = snp_betas(hm27_manifest, np.zeros(27_578, dtype=np.float32))
    assert (empty, none.shape) == ((), (0, 1))
