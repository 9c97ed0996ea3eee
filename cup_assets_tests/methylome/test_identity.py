"""Samples of one person are found by their SNPs, and only they."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.methylome import QualityParameters, duplicates, snp_betas
from cup_assets.methylome.identity import agreement, identity_conflicts


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
    assert found.columns == ["sample_id", "same_as", "snps", "concordance"]
    assert found.is_empty()


def test_snp_probes_are_picked_by_name(tiny_manifest, hm27_manifest) -> None:
    beta = np.linspace(0, 1, tiny_manifest.probes.height, dtype=np.float32)
    names, values = snp_betas(tiny_manifest, np.stack([beta, 1 - beta], axis=1))
    assert len(names) == 40
    assert names[0] == "rs0000600"
    np.testing.assert_array_equal(values[0], [beta[600], 1 - beta[600]])
    empty, none = snp_betas(hm27_manifest, np.zeros(27_578, dtype=np.float32))
    assert (empty, none.shape) == ((), (0, 1))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_the_agreement_is_the_share_of_equal_genotypes_among_those_called_in_both(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    betas = rng.random((30, 6)).astype(np.float32)
    betas[rng.random(betas.shape) < 0.2] = np.nan
    compared, concordance = agreement(betas[:, :4], betas[:, 3:])

    def genotype(value: float) -> int | None:
        ranges = ((0, 0.3), (0.35, 0.65), (0.7, 1.0))
        return next((g for g, (low, high) in enumerate(ranges) if low <= value <= high), None)

    for i in range(4):
        for j in range(3):
            calls = [
                (genotype(a), genotype(b))
                for a, b in zip(betas[:, i], betas[:, 3 + j], strict=True)
            ]
            both = [(a, b) for a, b in calls if a is not None and b is not None]
            assert compared[i, j] == len(both)
            if both:
                assert concordance[i, j] == np.float32(sum(a == b for a, b in both) / len(both))


def sheet(patients: list[str | None]) -> pl.DataFrame:
    names = [f"S{i}" for i in range(len(patients))]
    return pl.DataFrame(
        {"sample_id": names, "patient_id": patients}, schema_overrides={"patient_id": pl.String}
    )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_duplicates_and_swaps_are_told_with_numbers_and_nobody_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = genotypes(rng, 20)
    # S0 and S1 are of one patient; S2 is S0's person under another name; S4 is not who it says.
    betas = noisy(rng, people[:, [0, 0, 0, 3, 4, 5]])
    found = identity_conflicts(sheet(["A", "A", "B", "C", "C", "E"]), betas, QualityParameters())
    assert found.select("sample_id", "kind", "other", "other_patient").rows() == [
        ("S0", "same_genotype", "S2", "B"),
        ("S1", "same_genotype", "S2", "B"),
        ("S2", "same_genotype", "S0", "A"),
        ("S2", "same_genotype", "S1", "A"),
        ("S3", "other_genotype", "S4", "C"),
        ("S4", "other_genotype", "S3", "C"),
    ]
    first = found.row(0, named=True)
    percent = round(100 * first["concordance"])
    said = (
        f"same genotypes as S2, filed as another patient ({percent}% of {first['snps']} SNPs agree)"
    )
    assert first["note"] == said
    assert found["note"][4].startswith("other genotypes than S4 of the same patient (")


def test_a_new_sample_is_compared_with_all_stored_ones() -> None:
    rng = np.random.default_rng(1)
    betas = noisy(rng, genotypes(rng, 8)[:, [0, 1, 2, 3, 2]])
    everyone = sheet(["A", "B", "C", "D", "N"])
    found = identity_conflicts(everyone[4:], betas[:, 4:], QualityParameters(), (everyone, betas))
    assert found["sample_id", "other", "kind"].rows() == [("S4", "S2", "same_genotype")]


def test_samples_without_patient_or_without_snps_contradict_nothing() -> None:
    rng = np.random.default_rng(2)
    betas = noisy(rng, genotypes(rng, 3)[:, [0, 0, 1, 2]])
    everyone = sheet([None, None, "C", "C"])
    betas[:, 3] = np.nan
    assert identity_conflicts(everyone, betas, QualityParameters()).is_empty()
    betas[:50, 2] = np.nan
    assert identity_conflicts(sheet(["A", "A", "A", "A"]), betas, QualityParameters()).is_empty()


def test_what_lies_between_one_person_and_two_is_left_open() -> None:
    rng = np.random.default_rng(3)
    one = genotypes(rng, 1)[:, 0]
    tumour = one.copy()
    heterozygous = np.flatnonzero(one == 0.5)
    tumour[heterozygous[:13]] = 0.92  # loses 13 of 65: agreement of 0.8
    betas = np.stack([one, tumour], axis=1).astype(np.float32)
    for patients in (["A", "A"], ["A", "B"]):
        assert identity_conflicts(sheet(patients), betas, QualityParameters()).is_empty()
