"""A lower bound of the purity, from CpGs that normal controls leave unmethylated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from cup_assets.methylome.purity import NormalMethylation, normal_methylation, purity_at_least

N = 20_000
PROBES = pl.DataFrame(
    {
        "chrom": ["X" if i % 50 == 0 else "1" if i % 2 else "2" for i in range(N)],
        "kind": ["rs" if i % 101 == 0 else "cg" for i in range(N)],
    }
)


def controls(n: int = 6) -> NDArray[np.float32]:
    """Half of the CpGs unmethylated, the others methylated; a few vary between people."""
    rng = np.random.default_rng(0)
    base = np.where(np.arange(N) < N // 2, 0.05, 0.85)
    betas = base + 0.015 * rng.standard_normal((n, N))
    betas[:, :500] += rng.choice([0, 0.4], (n, 500))
    return np.clip(betas, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def normal() -> NormalMethylation:
    return normal_methylation(controls(), PROBES)


def tumour(purity: float, changed: float = 0.05) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    betas = controls(1)[0].astype(np.float64)
    where = rng.random(N) < changed
    betas[where] += purity * (np.where(betas[where] < 0.5, 0.95, 0.05) - betas[where])
    return np.clip(betas + 0.015 * rng.standard_normal(N), 0, 1).astype(np.float32)


def test_the_reference_is_what_all_controls_leave_unmethylated(normal: NormalMethylation) -> None:
    assert normal.mean.max() < 0.15
    assert not set(normal.rows) & set(range(N // 2, N))
    kinds = PROBES[normal.rows]
    assert kinds["kind"].unique().to_list() == ["cg"]
    assert "X" not in kinds["chrom"].to_list()
    # Those that vary between people are left out, chance apart.
    assert np.isin(np.arange(500), normal.rows).mean() < 0.1


@pytest.mark.parametrize("purity", [0.2, 0.5, 0.9])
def test_the_bound_follows_the_purity_from_below(purity: float, normal: NormalMethylation) -> None:
    bound = purity_at_least(tumour(purity)[normal.rows], normal)
    assert bound is not None
    assert purity - 0.12 < bound < purity + 0.06


def test_a_normal_sample_shows_next_to_nothing(normal: NormalMethylation) -> None:
    bound = purity_at_least(tumour(0.0)[normal.rows], normal)
    assert bound is not None
    assert bound < 0.08


def test_a_gradual_change_gives_less_than_the_purity_never_more(
    normal: NormalMethylation,
) -> None:
    half = tumour(0.8) * 0.5 + controls(1)[0] * 0.5  # on one of two alleles
    bound = purity_at_least(half[normal.rows], normal)
    assert bound is not None
    assert bound < 0.5


def test_masked_betas_do_not_count_and_too_few_give_no_bound(normal: NormalMethylation) -> None:
    betas = tumour(0.6)[normal.rows]
    some = np.where(np.arange(betas.size) % 3 == 0, np.nan, betas).astype(np.float32)
    whole, part = purity_at_least(betas, normal), purity_at_least(some, normal)
    assert whole is not None
    assert part == pytest.approx(whole, abs=0.03)
    assert purity_at_least(np.full_like(betas, np.nan), normal) is None


def test_three_controls_are_too_few() -> None:
    assert normal_methylation(controls(3), PROBES).rows.size == 0


def test_the_version_is_the_content(normal: NormalMethylation) -> None:
    assert normal.version == normal_methylation(controls(), PROBES).version
    assert normal.version != NormalMethylation(normal.rows, normal.mean + 0.01).version
