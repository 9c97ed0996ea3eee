"""Every normalisation method against its published definition, and the laws they share."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.methylome import (
    BetaParameters,
    Manifest,
    SignalError,
    load_manifests,
    process_batch,
    process_pair,
    read_idat,
)
from cup_assets.methylome.histogram import counts_of
from cup_assets.methylome.idat import Idat
from cup_assets.methylome.methods import METHODS
from cup_assets.methylome.methods.dye_bias import middle_table
from cup_assets.methylome.parameters import BETA_OFFSETS
from cup_assets_tests.methylome import textbook

LETTING_ALL_PASS = {"detection_p": 1.0, "min_beads": 0}


@pytest.fixture(scope="module")
def mini(mini_cohort, tmp_path_factory) -> Manifest:
    (manifest,) = load_manifests(mini_cohort.manifests, tmp_path_factory.mktemp("cache"))
    return manifest


@pytest.fixture(scope="module")
def items(mini_cohort) -> list[tuple[str, object, object]]:
    green = sorted(mini_cohort.landing.glob("*/*_Grn.idat*"))[:3]
    return [(f"s{i}", g, g.with_name(g.name.replace("_Grn", "_Red"))) for i, g in enumerate(green)]


@pytest.fixture(scope="module")
def pair(items) -> tuple[Idat, Idat]:
    return read_idat(items[0][1]), read_idat(items[0][2])


@pytest.fixture(scope="module")
def moved(pair, mini) -> tuple[Idat, Idat, np.ndarray]:
    """Return the pair with the colours of 60 Type I probes exchanged, as by SNPs, and which."""
    one = np.flatnonzero((mini.probes["design"] == "I").to_numpy())
    rows = np.random.default_rng(4).choice(one, 60, replace=False)
    columns = (
        mini.probes["address_a"].to_numpy(),
        mini.probes["address_b"].fill_null(0).to_numpy(),
    )
    beads = np.isin(pair[0].address, np.concatenate([column[rows] for column in columns]))
    grn, red = pair
    mixed = (
        dataclasses.replace(grn, mean=np.where(beads, red.mean, grn.mean)),
        dataclasses.replace(red, mean=np.where(beads, grn.mean, red.mean)),
    )
    return *mixed, rows


def assert_equals_textbook(signal, m: np.ndarray, u: np.ndarray, offset: float) -> None:
    np.testing.assert_array_equal(signal.mask, 0)
    np.testing.assert_allclose(signal.beta, m / (m + u + offset), atol=3e-6)
    np.testing.assert_allclose(signal.log2_total, np.log2(np.maximum(m + u, 1)), atol=2e-5)


def test_raw_is_the_intensities_as_scanned(pair, mini) -> None:
    signal = process_pair(*pair, mini, BetaParameters("raw", **LETTING_ALL_PASS))
    probes = textbook.probes_of(*pair, mini)
    assert_equals_textbook(signal, probes.m(), probes.u(), 100)


def test_illumina_mnp_equals_the_textbook(pair, mini) -> None:
    signal = process_pair(*pair, mini, BetaParameters("illumina_mnp", **LETTING_ALL_PASS))
    m, u = textbook.illumina_mnp(*pair, mini)
    assert (np.minimum(m, u) == 0).mean() > 0.001, "the floor is met"
    assert_equals_textbook(signal, m, u, 100)


def test_illumina_mnp_scales_every_sample_to_the_same_controls(pair, mini) -> None:
    bright = [dataclasses.replace(one, mean=one.mean // 2 * 2) for one in pair]
    half = [dataclasses.replace(one, mean=one.mean // 2) for one in bright]
    parameters = BetaParameters("illumina_mnp")
    one, other = (process_pair(*two, mini, parameters) for two in (bright, half))
    np.testing.assert_allclose(one.beta, other.beta, atol=1e-6)
    np.testing.assert_allclose(one.log2_total, other.log2_total, atol=1e-4)


@pytest.mark.parametrize("subtracted", [0, 200])
def test_sesame_equals_the_textbook(moved, mini, subtracted) -> None:
    grn, red, rows = moved
    # Some scanners subtract a background themselves: zeros are then frequent.
    grn, red = (
        dataclasses.replace(one, mean=np.maximum(one.mean, subtracted) - np.uint16(subtracted))
        for one in (grn, red)
    )
    green = mini.probes.filter(mini.probes["channel"] == "Grn")
    beads = np.isin(grn.address, green["address_a"].to_numpy()) & (grn.mean > 5_000)
    # Probes that bind in several places shine in both colours: they are no background.
    red = dataclasses.replace(red, mean=np.where(beads, 4_000, red.mean).astype(np.uint16))
    assert beads.sum() > 100
    signal = process_pair(grn, red, mini, BetaParameters("sesame", **LETTING_ALL_PASS))
    m, u, p, probes = textbook.sesame(grn, red, mini)
    assert_equals_textbook(signal, m, u, 0)
    np.testing.assert_allclose(signal.detection_p, p, atol=1e-7)
    listed = mini.probes["channel"].str.slice(0, 1).fill_null("2").to_numpy()
    there = set(np.flatnonzero(probes.color != listed).tolist())
    assert len(there & set(rows.tolist())) > 55
    found = signal.measures["moved_to_red"] + signal.measures["moved_to_green"]
    assert found == len(there)
    assert min(signal.measures["moved_to_red"], signal.measures["moved_to_green"]) > 10


def test_sesame_reads_a_probe_in_the_colour_it_shines_in(pair, moved, mini) -> None:
    grn, red, rows = moved
    before = process_pair(*pair, mini, BetaParameters("sesame"))
    there, noob = (
        process_pair(grn, red, mini, BetaParameters(method)) for method in ("sesame", "noob")
    )
    shown = rows[before.mask[rows] == 0]
    error = np.abs(there.beta - before.beta)[shown]
    assert np.nanmedian(error) < 0.02
    assert np.mean(there.mask[shown] == 0) > 0.95
    lost = (noob.mask[shown] > 0) | (np.abs(noob.beta - before.beta)[shown] > 0.1)
    assert lost.mean() > 0.5, "read in the manifest's colour most of them are lost"


def test_sesame_refuses_a_sample_of_which_one_channel_failed(pair, mini) -> None:
    for failing, name in enumerate(("Grn", "Red")):
        two = list(pair)
        dim = np.minimum(two[failing].mean, 200 + two[failing].mean % 50)
        two[failing] = dataclasses.replace(two[failing], mean=dim)
        with pytest.raises(SignalError, match="shine in the other channel"):
            process_pair(*two, mini, BetaParameters("sesame"))
        assert name in two[failing].path.name


def test_sesame_refuses_a_dye_bias_that_differs_tenfold_between_dark_and_bright(pair, mini) -> None:
    grn, red = pair
    on_red = mini.probes.filter(mini.probes["channel"] == "Red")[:30]
    brightest = np.concatenate([on_red[f"address_{bead}"].to_numpy() for bead in "ab"])
    rot = np.where(np.isin(red.address, brightest), 65_535, red.mean // 4).astype(np.uint16)
    two = (
        dataclasses.replace(grn, mean=np.minimum(grn.mean, 2_500)),
        dataclasses.replace(red, mean=rot),
    )
    with pytest.raises(SignalError, match="too unlike for the dye-bias correction"):
        process_pair(*two, mini, BetaParameters("sesame"))


def test_illumina_mnp_needs_31_negative_controls(tiny, levels) -> None:
    _, grn, red = tiny.write("100", methylation=levels)
    with pytest.raises(SignalError, match="has 20 negative controls"):
        process_pair(read_idat(grn), read_idat(red), tiny.manifest, BetaParameters("illumina_mnp"))


@pytest.mark.parametrize("method", METHODS)
def test_a_blank_scan_is_refused(pair, mini, method) -> None:
    grn, red = pair
    blank = dataclasses.replace(grn, mean=np.zeros_like(grn.mean))
    with pytest.raises(SignalError, match="scan the array again"):
        process_pair(blank, red, mini, BetaParameters(method))


@pytest.mark.parametrize("method", METHODS)
def test_a_samples_betas_do_not_depend_on_the_batch(items, mini, method) -> None:
    parameters = BetaParameters(method)
    batch = process_batch(items, mini, parameters).arrays[0]
    turned = process_batch(items[::-1], mini, parameters).arrays[0]
    for i, (_, grn, red) in enumerate(items):
        alone = process_pair(read_idat(grn), read_idat(red), mini, parameters)
        for kind in ("beta", "detection_p", "log2_total"):
            expected = getattr(alone, kind).tobytes()
            assert getattr(batch, kind)[:, i].tobytes() == expected, kind
            assert getattr(turned, kind)[:, 2 - i].tobytes() == expected, kind


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_beads_does_not_matter(moved, mini, method) -> None:
    order = np.random.default_rng(1).permutation(len(moved[0].address))
    mixed = [
        dataclasses.replace(
            one, address=one.address[order], mean=one.mean[order], n_beads=one.n_beads[order]
        )
        for one in moved[:2]
    ]
    straight = process_pair(*moved[:2], mini, BetaParameters(method))
    shuffled = process_pair(*mixed, mini, BetaParameters(method))
    np.testing.assert_allclose(straight.beta, shuffled.beta, atol=1e-6)
    np.testing.assert_array_equal(straight.mask, shuffled.mask)


@pytest.mark.parametrize("method", METHODS)
def test_betas_are_in_range_and_missing_exactly_where_masked(moved, mini, method) -> None:
    for offset in (None, 0, 50.0):
        signal = process_pair(*moved[:2], mini, BetaParameters(method, beta_offset=offset))
        assert np.nanmin(signal.beta) >= 0
        assert np.nanmax(signal.beta) <= 1
        np.testing.assert_array_equal(np.isnan(signal.beta), signal.mask > 0)
        assert np.isfinite(signal.log2_total).all()
        expected = BETA_OFFSETS[method] if offset is None else offset
        assert signal.measures["beta_offset"] == expected


def test_a_probe_without_any_intensity_left_fails_detection(pair, mini) -> None:
    bare = {"beta_offset": 0, "detection_p": 1.0}
    signal = process_pair(*pair, mini, BetaParameters("illumina_mnp", **bare))
    m, u = textbook.illumina_mnp(*pair, mini)
    gone = m + u == 0
    assert gone.any()
    assert (signal.mask[gone] > 0).all()
    assert np.isnan(signal.beta[gone]).all()
    assert (signal.log2_total[gone] == 0).all()


def test_every_registered_method_has_a_beta_offset() -> None:
    assert set(METHODS) == set(BETA_OFFSETS)


values = st.lists(st.integers(0, 65_535), min_size=2, max_size=60).filter(
    lambda drawn: len(set(drawn)) > 1
)


@settings(deadline=None, max_examples=50)
@given(own=values, other=values)
def test_the_dye_map_increases_strictly_and_equals_the_slow_one(
    own: list[int], other: list[int]
) -> None:
    tables = [counts_of(np.array(v, dtype=np.uint16)) for v in (own, other)]
    table = middle_table(*tables)
    assert (np.diff(table) > 0).all()
    assert table[0] >= 0
    slow = textbook.dye_map(np.array(own, dtype=float), np.array(other, dtype=float))
    np.testing.assert_allclose(table, slow(np.arange(65_536, dtype=float)), rtol=1e-9, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(own=values)
def test_two_channels_alike_need_no_dye_correction(own: list[int]) -> None:
    counts = counts_of(np.array(own, dtype=np.uint16))
    seen = np.unique(own)
    np.testing.assert_allclose(middle_table(counts, counts)[seen], seen, atol=1e-6)


def test_after_the_dye_maps_the_two_channels_have_one_distribution() -> None:
    rng = np.random.default_rng(3)
    # Distinct values: equal ones have one rank in their own channel and several in the other.
    green, red = (np.sort(rng.choice(top, 5_000, replace=False)) for top in (30_000, 60_000))
    counts = [counts_of(values.astype(np.uint16)) for values in (green, red)]
    both = (middle_table(*counts)[green], middle_table(*counts[::-1])[red])
    np.testing.assert_allclose(*both, rtol=0, atol=1e-6)
    np.testing.assert_allclose(both[0], (green + red) / 2)


def test_the_methods_agree_on_real_hm27_samples(hm27_items, hm27_manifest) -> None:
    for _, grn_path, red_path in hm27_items:
        two = read_idat(grn_path), read_idat(red_path)
        signals = {
            method: process_pair(*two, hm27_manifest, BetaParameters(method)) for method in METHODS
        }
        noob, sesame = signals["noob"], signals["sesame"]
        for method, signal in signals.items():
            both = (signal.mask == 0) & (noob.mask == 0)
            assert both.mean() > 0.98, method
            assert np.corrcoef(signal.beta[both], noob.beta[both])[0, 1] > 0.995, method
        assert 0 < sesame.measures["moved_to_red"] < 60, "of 27,578: SNPs at the extension base"
        assert 0 < sesame.measures["moved_to_green"] < 60
        assert 0.8 < sesame.measures["dye_distortion"] < 1.25
