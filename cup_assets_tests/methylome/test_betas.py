"""Betas, detection and masks of one sample against slow textbook implementations."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cup_assets.methylome import (
    BetaParameters,
    IdatError,
    Manifest,
    SignalError,
    process_pair,
    read_idat,
)
from cup_assets.methylome.idat import Idat
from cup_assets.methylome.masks import DETECTION, LOW_BEADS, NOT_MEASURED
from cup_assets.methylome.methods.normexp import Background, expected_signal
from cup_assets_tests.methylome import textbook


def pair(item: tuple[str, Path, Path]) -> tuple[Idat, Idat]:
    return read_idat(item[1]), read_idat(item[2])


def noob_textbook(grn: Idat, red: Idat, manifest: Manifest) -> dict[str, np.ndarray]:
    """Return M, U, betas and detection p-values, one probe at a time."""
    green = dict(zip(grn.address.tolist(), grn.mean.astype(float), strict=True))
    rot = dict(zip(red.address.tolist(), red.mean.astype(float), strict=True))
    probes = manifest.probes.to_dicts()
    in_band: dict[str, list[float]] = {"Grn": [], "Red": []}
    out_of_band: dict[str, list[float]] = {"Grn": [], "Red": []}
    raw = []
    for probe in probes:
        a, b = probe["address_a"], probe["address_b"]
        if probe["design"] == "II":
            in_band["Grn"].append(green[a])
            in_band["Red"].append(rot[a])
            raw.append((green[a], "Grn", rot[a], "Red"))
            continue
        own, other = (green, rot) if probe["channel"] == "Grn" else (rot, green)
        other_name = "Red" if probe["channel"] == "Grn" else "Grn"
        in_band[probe["channel"]] += [own[a], own[b]]
        out_of_band[other_name] += [other[a], other[b]]
        raw.append((own[b], probe["channel"], own[a], probe["channel"]))
    kinds = dict(manifest.controls.select("address", "kind").iter_rows())

    def corrected(x: list[float], channel: str) -> np.ndarray:
        return textbook.normexp(
            np.array(x), np.array(out_of_band[channel]), np.array(in_band[channel])
        )

    def control(values: dict[int, float], *wanted: str) -> list[float]:
        return [values[a] for a, kind in kinds.items() if kind in wanted]

    factor = (
        corrected(control(green, "NORM_C", "NORM_G"), "Grn").mean()
        / corrected(control(rot, "NORM_A", "NORM_T"), "Red").mean()
    )
    gain = {"Grn": 1.0, "Red": factor}
    m = np.array([corrected([x], c)[0] * gain[c] for x, c, _, _ in raw])
    u = np.array([corrected([x], c)[0] * gain[c] for _, _, x, c in raw])
    ecdf = {
        "Grn": stats.ecdf(out_of_band["Grn"] + control(green, "NEGATIVE")).cdf,
        "Red": stats.ecdf(out_of_band["Red"] + control(rot, "NEGATIVE")).cdf,
    }
    p = np.array([min(1 - ecdf[c].evaluate(x), 1 - ecdf[d].evaluate(y)) for x, c, y, d in raw])
    return {"m": m, "u": u, "beta": m / (m + u + 100), "p": p}


def test_noob_and_poobah_equal_the_textbook(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels, dead=range(0, 640, 16)))
    signal = process_pair(grn, red, tiny.manifest)
    truth = noob_textbook(grn, red, tiny.manifest)
    kept = signal.mask == 0
    assert 0.9 < kept.mean() < 0.97, "most of the dead probes are masked"
    np.testing.assert_allclose(signal.beta[kept], truth["beta"][kept], atol=2e-6)
    np.testing.assert_allclose(signal.log2_total, np.log2(truth["m"] + truth["u"]), atol=1e-5)
    np.testing.assert_allclose(signal.detection_p, truth["p"], atol=1e-7)
    np.testing.assert_array_equal(np.isnan(signal.beta), truth["p"] > 0.05)


def test_betas_recover_the_true_methylation_despite_dye_bias(tiny, levels) -> None:
    for gain in (0.6, 1.0, 1.8):
        grn, red = pair(tiny.write("100", methylation=levels, red_gain=gain))
        signal = process_pair(grn, red, tiny.manifest)
        kept = signal.mask == 0
        assert np.abs(signal.beta - levels)[kept].mean() < 0.02
        assert signal.measures["dye_factor"] == pytest.approx(1 / gain, rel=0.05)


def test_a_beta_grows_with_the_methylated_intensity(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    probe = tiny.manifest.probes.row(2, named=True)
    assert probe["design"] == "II"
    at = int(np.searchsorted(grn.address, probe["address_a"]))
    betas = []
    for value in (0, 500, 2000, 8000, 65535):
        mean = grn.mean.copy()
        mean[at] = value
        changed = dataclasses.replace(grn, mean=mean)
        signal = process_pair(changed, red, tiny.manifest, BetaParameters(detection_p=1.0))
        betas.append(signal.beta[2])
    assert np.all(np.diff(betas) > 0)


@settings(deadline=None, max_examples=50)
@given(mu=st.floats(0, 5000), sigma=st.floats(1, 2000), alpha=st.floats(10, 20000))
def test_the_expected_signal_is_positive_grows_and_approaches_x_minus_background(
    mu: float, sigma: float, alpha: float
) -> None:
    x = np.arange(65536, dtype=float)
    signal = expected_signal(x, Background(mu, sigma, alpha))
    assert np.isfinite(signal).all()
    assert (signal > 0).all()
    assert (np.diff(signal) >= -1e-6).all()
    far = x > mu + sigma**2 / alpha + 10 * sigma
    np.testing.assert_allclose(signal[far], (x - mu - sigma**2 / alpha)[far], rtol=1e-9)


def test_masks_carry_the_first_reason_that_applies(tiny, levels) -> None:
    address = tiny.manifest.addresses
    probes = tiny.manifest.probes
    n_beads = np.full(len(address), 12)
    few, gone = probes["address_a"][5], probes["address_a"][9]
    n_beads[address == few] = 2
    n_beads[address == gone] = 0
    grn, red = pair(tiny.write("100", methylation=levels, n_beads=n_beads))
    keep = address != gone
    grn, red = (
        dataclasses.replace(
            one, address=one.address[keep], mean=one.mean[keep], n_beads=one.n_beads[keep]
        )
        for one in (grn, red)
    )
    signal = process_pair(grn, red, tiny.manifest)
    assert signal.mask[5] == LOW_BEADS
    assert signal.mask[9] == NOT_MEASURED
    assert np.isnan([signal.beta[5], signal.beta[9], signal.detection_p[9]]).all()
    assert np.isnan(signal.log2_total).sum() == np.isnan(signal.detection_p).sum() == 1
    others = np.delete(np.arange(probes.height), [5, 9])
    assert set(signal.mask[others]) <= {0, DETECTION}
    np.testing.assert_array_equal(np.isnan(signal.beta), signal.mask > 0)
    assert signal.measures["low_beads_fraction"] == pytest.approx(1 / (probes.height - 1))


def test_the_order_of_the_beads_in_the_file_does_not_matter(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    order = np.random.default_rng(1).permutation(len(grn.address))
    mixed = [
        dataclasses.replace(
            one, address=one.address[order], mean=one.mean[order], n_beads=one.n_beads[order]
        )
        for one in (grn, red)
    ]
    straight, shuffled = (process_pair(*two, tiny.manifest) for two in ((grn, red), mixed))
    np.testing.assert_array_equal(straight.beta, shuffled.beta)
    np.testing.assert_array_equal(straight.detection_p, shuffled.detection_p)


def test_a_blank_scan_is_refused(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    blank = dataclasses.replace(grn, mean=np.zeros_like(grn.mean))
    with pytest.raises(SignalError, match="the Grn intensities cannot be normalised"):
        process_pair(blank, red, tiny.manifest)


def test_an_array_without_normalisation_controls_is_refused(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    controls = tiny.manifest.controls
    bare = dataclasses.replace(
        tiny.manifest, content_hash="bare", controls=controls.filter(controls["kind"] != "NORM_A")
    )
    assert np.isfinite(process_pair(grn, red, bare).measures["dye_factor"])
    bare = dataclasses.replace(
        bare,
        content_hash="barer",
        controls=controls.filter(~controls["kind"].str.contains("NORM_")),
    )
    with pytest.raises(SignalError, match="no normalisation controls"):
        process_pair(grn, red, bare)


def test_files_that_are_no_pair_are_refused(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    half = slice(0, 300)
    cases = {
        "barcode": dataclasses.replace(red, barcode="999"),
        "position": dataclasses.replace(red, position="R09C01"),
        "chip type": dataclasses.replace(red, chip_type="BeadChip 12x1"),
        "number of bead types": dataclasses.replace(red, address=red.address[half]),
        "different bead addresses": dataclasses.replace(red, address=red.address + 1),
        "one file twice": dataclasses.replace(red, mean=grn.mean),
    }
    for fault, other in cases.items():
        with pytest.raises(IdatError, match=fault) as caught:
            process_pair(grn, other, tiny.manifest)
        assert "100_R01C01_Grn.idat and 100_R01C01_Red.idat" in str(caught.value)


def test_an_unknown_method_is_refused(tiny, levels) -> None:
    grn, red = pair(tiny.write("100", methylation=levels))
    with pytest.raises(ValueError, match="unknown normalisation 'swan'"):
        process_pair(grn, red, tiny.manifest, BetaParameters(method="swan"))


def test_real_hm27_pairs_give_plausible_betas(hm27_items, hm27_manifest) -> None:
    betas = []
    for item in hm27_items:
        signal = process_pair(*pair(item), hm27_manifest)
        kept = signal.beta[signal.mask == 0]
        low, high = np.mean(kept < 0.2), np.mean(kept > 0.7)
        assert kept.min() >= 0
        assert kept.max() <= 1
        assert low > 0.5, "most probes of this array lie in unmethylated promoters"
        assert high > 0.15
        assert np.mean((kept > 0.3) & (kept < 0.6)) < 0.12
        assert np.median(signal.detection_p) < 0.001
        assert signal.measures["failed_fraction"] < 0.05
        assert np.isfinite(signal.log2_total).all()
        betas.append(signal.beta)
    assert np.nanmin(np.corrcoef(np.nan_to_num(betas))) > 0.88
