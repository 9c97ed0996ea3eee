"""Simulated measurements: as noisy as the technology says, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.panels.noise import measured_by, only_some
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import technologies

KNOWN = technologies()
SEQ = KNOWN["bisulfite_amplicon_seq"]
PYRO = KNOWN["pyrosequencing"]


def betas_of(value: float, n: int = 20_000, q: int = 4) -> np.ndarray:
    return np.full((n, q), value, dtype=np.float32)


def test_the_noise_and_the_losses_are_those_of_the_profile() -> None:
    measured = measured_by(PYRO, betas_of(0.5), 1)
    assert np.nanmean(measured) == pytest.approx(0.5, abs=0.001)
    assert np.nanstd(measured) == pytest.approx(PYRO.sd, rel=0.02)
    assert np.isnan(measured).mean() == pytest.approx(PYRO.dropout, abs=0.004)


def test_counted_molecules_add_the_noise_of_counting() -> None:
    nanopore = replace(KNOWN["nanopore_adaptive"], sd=0.0, dropout=0.0)
    measured = measured_by(nanopore, betas_of(0.3), 1)
    # E[1/n] of a Poisson number n of mean 20, without 0, is .0528.
    assert np.nanvar(measured) == pytest.approx(0.3 * 0.7 * 0.0528, rel=0.03)
    rare = measured_by(replace(nanopore, molecules=2), betas_of(0.3), 1)
    assert np.isnan(rare).mean() == pytest.approx(np.exp(-2), abs=0.005)
    assert set(np.unique(measured_by(nanopore, betas_of(1.0), 1))) == {1.0}


def test_cpgs_of_an_amplicon_are_lost_together_and_others_by_themselves() -> None:
    lossy = replace(SEQ, dropout=0.3)
    missing = np.isnan(measured_by(lossy, betas_of(0.5), 1, ["A1", "A2", "A1", "A3"]))
    assert (missing[:, 0] == missing[:, 2]).all()
    both = (missing[:, 0] & missing[:, 1]).mean()
    assert both == pytest.approx(0.09, abs=0.01)
    alone = np.isnan(measured_by(lossy, betas_of(0.5), 1))
    assert (alone[:, 0] & alone[:, 2]).mean() == pytest.approx(0.09, abs=0.01)


def test_pcr_gives_the_mean_of_an_amplicon_for_each_of_its_cpgs() -> None:
    exact = replace(KNOWN["ddpcr"], sd=0.0, dropout=0.0)
    betas = np.array([[0.2, 0.9, 0.4, 0.1], [np.nan, 0.9, 0.4, np.nan]], dtype=np.float32)
    measured = measured_by(exact, betas, 1, [7, 3, 7, 5])
    expected = np.array([[0.3, 0.9, 0.3, 0.1], [0.4, 0.9, 0.4, np.nan]])
    np.testing.assert_allclose(measured, expected, atol=1e-6)
    noisy = measured_by(KNOWN["ddpcr"], betas[:1], 1, [7, 3, 7, 5])
    assert noisy[0, 0] == noisy[0, 2]
    # A sequencer keeps them apart, and what the array did not measure stays unknown.
    kept = measured_by(replace(SEQ, sd=0.0, dropout=0.0, molecules=None), betas, 1, [7, 3, 7, 5])
    np.testing.assert_array_equal(kept, betas)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KNOWN)),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
)
def test_a_seed_gives_the_same_bits_and_values_stay_betas(
    name: str, seed: int, amplicons: list[int]
) -> None:
    betas = np.random.default_rng(seed).random((12, len(amplicons))).astype(np.float32)
    betas[betas < 0.1] = np.nan
    before = betas.copy()
    measured = measured_by(KNOWN[name], betas, seed, amplicons)
    np.testing.assert_array_equal(measured, measured_by(KNOWN[name], betas, seed, amplicons))
    np.testing.assert_array_equal(betas, before)
    assert measured.dtype == np.float32
    known = measured[~np.isnan(measured)]
    assert ((known >= 0) & (known <= 1)).all()
    if KNOWN[name].resolution == "cpg":
        assert np.isnan(measured[np.isnan(betas)]).all()


def test_another_seed_gives_another_measurement() -> None:
    one, other = (measured_by(PYRO, betas_of(0.5, 5), seed) for seed in (1, 2))
    assert not np.array_equal(one, other, equal_nan=True)


def test_only_some_keeps_as_many_as_asked_and_any_of_them_as_often() -> None:
    kept = ~np.isnan(only_some(betas_of(0.5), 3, 1))
    assert (kept.sum(axis=1) == 3).all()
    np.testing.assert_allclose(kept.mean(axis=0), 0.75, atol=0.015)
    assert not np.isnan(only_some(betas_of(0.5), 4, 1)).any()
    own = np.arange(20_000)[:, None] % 4 + 1
    assert ((~np.isnan(only_some(betas_of(0.5), own, 1))).sum(axis=1) == own[:, 0]).all()


def test_what_is_no_beta_or_has_no_amplicon_is_refused() -> None:
    with pytest.raises(PanelError, match="2 amplicons are given for 4 CpGs"):
        measured_by(SEQ, betas_of(0.5, 2), 1, ["A1", "A2"])
    with pytest.raises(PanelError, match=r"outside of 0\.\.1 cannot be measured"):
        measured_by(SEQ, betas_of(1.5, 2), 1)
    assert measured_by(SEQ, np.empty((0, 3), dtype=np.float32), 1).shape == (0, 3)
    assert measured_by(SEQ, np.empty((2, 0), dtype=np.float32), 1).shape == (2, 0)
