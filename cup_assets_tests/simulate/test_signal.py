from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from cup_assets.simulate import CohortDesign
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.cohort import measure_sample
from cup_assets.simulate.controls import expected_signal
from cup_assets.simulate.copy_number import tumour_segments
from cup_assets.simulate.effects import SharedEffects
from cup_assets.simulate.hashing import probe_keys
from cup_assets.simulate.people import Sample, draw_samples

LAYOUT = array_layout("mini")
PROBES = LAYOUT.probes
KEYS = probe_keys(PROBES["name"])
AUTOSOMAL = ~PROBES["chrom"].is_in(["X", "Y"]).to_numpy()
TWO = (PROBES["design"] == "II").to_numpy()
QUIET: dict[str, Any] = dict.fromkeys(
    (
        "background",
        "out_of_band",
        "dye_bias",
        "type_two_compression",
        "noise",
        "intensity_variation",
        "low_beads",
        "failed_probes",
        "batch_effect",
        "site_effect",
        "copy_number",
    ),
    0.0,
)


def _design(**changes: Any) -> CohortDesign:
    return replace(CohortDesign.tiny(), **changes)


def _sample(**changes: Any) -> Sample:
    samples = draw_samples(CohortDesign.tiny(), LAYOUT.positions)
    return replace(next(s for s in samples if s.role == "reference"), material="frozen", **changes)


class _Measured:
    """One measured sample, taken apart probe by probe."""

    def __init__(self, sample: Sample, **changes: Any) -> None:
        self.raw, self.truth = measure_sample(_design(**changes), sample)
        a = np.searchsorted(self.raw.address, PROBES["address_a"].to_numpy())
        b = np.searchsorted(self.raw.address, PROBES["address_b"].fill_null(0).to_numpy())
        green, red = self.raw.mean.astype(float)
        is_green = (PROBES["channel"] == "Grn").fill_null(False).to_numpy()
        in_band = np.where(is_green, green[[a, b]], red[[a, b]])
        self.m = np.where(TWO, green[a], in_band[1])
        self.u = np.where(TWO, red[a], in_band[0])
        self.out_of_band = np.where(is_green, red[b], green[b])[~TWO]
        self.beta = self.m / np.maximum(self.m + self.u, 1)
        self.total = self.m + self.u
        where = np.searchsorted(self.raw.address, LAYOUT.controls["address"].to_numpy())
        self.controls = LAYOUT.controls.with_columns(
            green=pl.Series(green[where]), red=pl.Series(red[where])
        )

    def control(self, kind: str, color: str, label: str = "") -> float:
        rows = self.controls.filter(
            pl.col("kind") == kind, pl.col("label").str.contains(label, literal=True)
        )
        return float(rows[color].median())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> _Measured:
    """Measure a frozen sample with every technical effect off."""
    return _Measured(_sample(), **QUIET)


@pytest.fixture(scope="module")
def usual() -> _Measured:
    return _Measured(_sample())


def test_without_technical_effects_the_betas_are_the_truth(plain: _Measured) -> None:
    strong = AUTOSOMAL
    assert np.abs(plain.beta - plain.truth)[strong & TWO].max() < 0.002
    assert np.abs(plain.beta - plain.truth)[strong & ~TWO].max() < 0.012
    assert plain.raw.n_beads.min() >= 3


def test_with_them_the_betas_are_close_to_the_truth(usual: _Measured) -> None:
    assert np.corrcoef(usual.beta, usual.truth)[0, 1] > 0.95
    assert 0.02 < np.abs(usual.beta - usual.truth)[AUTOSOMAL].mean() < 0.1


def test_type_two_probes_have_a_narrower_range(usual: _Measured, plain: _Measured) -> None:
    off = _Measured(_sample(), **QUIET)
    on = _Measured(_sample(), **(QUIET | {"type_two_compression": 1.0}))
    high = plain.truth > 0.9
    assert (off.beta - on.beta)[TWO & high].mean() == pytest.approx(0.055, abs=0.01)
    np.testing.assert_array_equal(off.beta[~TWO], on.beta[~TWO])


def test_background_lifts_the_negative_controls(plain: _Measured) -> None:
    on = _Measured(_sample(), **(QUIET | {"background": 1.0}))
    assert plain.control("NEGATIVE", "green") == 0
    assert 150 < on.control("NEGATIVE", "green") < 450
    assert on.control("NEGATIVE", "red") > on.control("NEGATIVE", "green")


def test_type_one_probes_leak_into_the_other_colour(plain: _Measured) -> None:
    on = _Measured(_sample(), **(QUIET | {"out_of_band": 1.0}))
    assert plain.out_of_band.max() == 0
    in_band = on.m[~TWO]
    assert np.median(on.out_of_band[in_band > 1000] / in_band[in_band > 1000]) == pytest.approx(
        0.012, rel=0.1
    )


def test_dye_bias_favours_red(plain: _Measured) -> None:
    on = _Measured(_sample(), **(QUIET | {"dye_bias": 1.0}))
    for measured, balanced in ((plain, True), (on, False)):
        ratio = measured.control("NORM_A", "red") / measured.control("NORM_C", "green")
        assert (ratio == pytest.approx(1, abs=0.01)) is balanced
        assert ratio >= 0.99


def test_noise_separates_repeated_measurements_of_the_same_dna(plain: _Measured) -> None:
    sample = _sample(number=99)
    quiet = _Measured(sample, **QUIET)
    np.testing.assert_array_equal(quiet.raw.mean, plain.raw.mean)
    noisy = _Measured(sample, **(QUIET | {"noise": 1.0}))
    np.testing.assert_array_equal(noisy.truth, plain.truth)
    again = _Measured(_sample(number=98), **(QUIET | {"noise": 1.0}))
    assert (noisy.m != again.m).mean() > 0.9
    spread = np.std(np.log2(noisy.total[AUTOSOMAL] / plain.total[AUTOSOMAL]))
    assert 0.08 < spread < 0.25


def test_brightness_varies_over_probes_and_samples(plain: _Measured) -> None:
    on = _Measured(_sample(), **(QUIET | {"intensity_variation": 1.0}))
    assert np.log2(plain.total[AUTOSOMAL & TWO]).std() < 0.01
    assert 0.4 < np.log2(on.total[AUTOSOMAL & TWO]).std() < 0.5


def test_a_few_beads_are_counted_fewer_than_three_times(usual: _Measured) -> None:
    assert 0.001 < (usual.raw.n_beads < 3).mean() < 0.01
    assert (usual.raw.mean[:, usual.raw.n_beads == 0] == 0).all()
    assert 12 < np.median(usual.raw.n_beads) < 18


def test_failed_probes_lose_their_signal(plain: _Measured) -> None:
    on = _Measured(_sample(), **(QUIET | {"failed_probes": 5.0}))
    lost = (on.total == 0) & AUTOSOMAL
    assert (plain.total[AUTOSOMAL] > 0).all()
    assert 0.0005 < lost.mean() < 0.02


def test_ffpe_is_darker_fails_more_and_shifts_betas(plain: _Measured) -> None:
    settings = QUIET | {"failed_probes": 1.0}
    ffpe = _Measured(replace(_sample(), material="FFPE"), **settings)
    off = _Measured(replace(_sample(), material="FFPE"), **(settings | {"ffpe_effect": 0.0}))
    loss = np.log2(np.median(plain.total[AUTOSOMAL]) / np.median(ffpe.total[AUTOSOMAL]))
    assert loss == pytest.approx(0.8, abs=0.15)
    middle = AUTOSOMAL & (plain.truth > 0.2) & (plain.truth < 0.8) & (ffpe.total > 0)
    assert (ffpe.beta - plain.beta)[middle].mean() < -0.01
    assert (ffpe.total[AUTOSOMAL] == 0).mean() > 2 * (off.total[AUTOSOMAL] == 0).mean()
    assert np.median(off.total) == pytest.approx(np.median(plain.total), rel=1e-3)


@pytest.mark.parametrize(("effect", "field"), [("batch_effect", "batch"), ("site_effect", "site")])
def test_batches_and_centres_shift_betas(effect: str, field: str) -> None:
    settings = QUIET | {effect: 1.0}
    one = _Measured(_sample(), **settings)
    other = _Measured(replace(_sample(), **{field: "another"}), **settings)
    middle = AUTOSOMAL & (one.truth > 0.3) & (one.truth < 0.7)
    assert 0.02 < np.abs(one.beta - other.beta)[middle].mean() < 0.08


def test_a_batch_happens_once_and_a_centre_stays_the_same() -> None:
    for effect, same in (("batch_effect", False), ("site_effect", True)):
        one, other = (
            SharedEffects(_design(seed=seed, **{effect: 1.0}), KEYS).offset(effect[:-7], "A", "m")
            for seed in (1, 2)
        )
        assert np.array_equal(one, other) is same
        assert one.std() == pytest.approx(0.12, rel=0.05)


def test_a_degraded_sample_is_useless() -> None:
    bad, good = _Measured(_sample(degraded=True)), _Measured(_sample())
    assert np.median(bad.total) < np.median(good.total) / 5


def test_copy_number_events_show_in_the_intensities() -> None:
    diagnosis = "hpv-negative squamous cell carcinoma"
    sample = _sample(diagnosis=diagnosis, purity=0.8, sex="F")
    settings = QUIET | {"copy_number": 1.0}
    on, off = _Measured(sample, **settings), _Measured(sample, **QUIET)
    segments = tumour_segments(_design(), sample.person, diagnosis, "F", "hg19")
    altered = 0
    for part in segments:
        here = (
            (PROBES["chrom"] == part.chrom) & PROBES["pos"].is_between(part.start, part.end - 1)
        ).to_numpy()
        if not here.any():
            continue
        seen = np.median(np.log2(on.total[here] / off.total[here]))
        mixed = 0.8 * part.copies + 0.2 * part.normal_copies
        assert seen == pytest.approx(np.log2(mixed / part.normal_copies), abs=0.01)
        altered += part.kind != "neutral"
    assert altered >= 3


def test_sex_shows_in_x_and_y_intensities_and_can_be_switched_off() -> None:
    def median(measured: _Measured, chrom: str) -> float:
        here = (PROBES["chrom"] == chrom).to_numpy()
        return float(np.median(measured.total[here]) / np.median(measured.total[AUTOSOMAL]))

    tumour: dict[str, Any] = {"purity": 0.0, "diagnosis": "normal"}
    female, male = (_Measured(_sample(sex=sex, **tumour), **QUIET) for sex in "FM")
    assert median(female, "X") == pytest.approx(1, abs=0.2)
    assert median(male, "X") == pytest.approx(0.5, abs=0.1)
    assert median(male, "Y") == pytest.approx(0.5, abs=0.1)
    assert median(female, "Y") < 0.05
    off = QUIET | {"sex_effect": 0.0}
    one, other = (_Measured(_sample(sex=sex, **tumour), **off) for sex in "FM")
    np.testing.assert_array_equal(one.total, other.total)


def test_control_probes_behave(usual: _Measured) -> None:
    green_background = usual.control("NEGATIVE", "green")
    red_background = usual.control("NEGATIVE", "red")
    for kind in ("NORM_C", "NORM_G"):
        assert usual.control(kind, "green") > 5 * green_background
        assert usual.control(kind, "red") < 2 * red_background
    for kind in ("NORM_A", "NORM_T", "BISULFITE CONVERSION II", "SPECIFICITY II"):
        assert usual.control(kind, "red") > 5 * red_background
        assert usual.control(kind, "green") < 2 * green_background
    conversion = "BISULFITE CONVERSION I"
    assert usual.control(conversion, "green", "C1") > 5 * usual.control(conversion, "green", "U1")
    assert usual.control(conversion, "red", "C5") > 5 * usual.control(conversion, "red", "U5")
    assert usual.control("SPECIFICITY I", "green", "1 (PM)") > 5 * green_background
    assert usual.control("SPECIFICITY I", "green", "1 (MM)") < 2 * green_background
    assert usual.control("STAINING", "red", "DNP (High)") > 5 * red_background
    assert usual.control("STAINING", "green", "Biotin (Bkg)") < 2 * green_background
    assert usual.control("EXTENSION", "green", "(C)") > 5 * green_background
    assert usual.control("EXTENSION", "green", "(A)") < 2 * green_background
    assert usual.control("NON-POLYMORPHIC", "red", "(T)") > 5 * red_background
    levels = [usual.control("HYBRIDIZATION", "green", x) for x in ("High", "Medium", "Low")]
    assert levels == sorted(levels, reverse=True)
    assert usual.control("TARGET REMOVAL", "green") < 2 * green_background


def test_conversion_controls_change_colour_where_their_array_does() -> None:
    six, five = (
        pl.DataFrame(
            {
                "kind": ["BISULFITE CONVERSION I"] * n,
                "label": [f"BS Conversion I-C{k}" for k in range(1, n + 1)],
            }
        )
        for n in (6, 5)
    )
    assert expected_signal(six)[:, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert expected_signal(five)[:, 0].tolist() == [1, 1, 0, 0, 0]


def test_incomplete_conversion_shows_in_probes_and_conversion_controls_alone() -> None:
    good, poor = (_Measured(_sample(unconverted=no), **QUIET) for no in (False, True))
    low = good.truth < 0.1
    assert np.median(poor.beta[low] - good.beta[low]) == pytest.approx(0.24, abs=0.02)
    np.testing.assert_array_equal(good.truth, poor.truth)
    controls = LAYOUT.controls
    at = np.searchsorted(good.raw.address, controls["address"].to_numpy())
    changed = (good.raw.mean[:, at] != poor.raw.mean[:, at]).any(axis=0)
    kinds = set(controls.filter(pl.Series(changed))["kind"])
    assert kinds == {"BISULFITE CONVERSION I", "BISULFITE CONVERSION II"}
    whole = good.control("BISULFITE CONVERSION I", "green", "C1")
    for label, share in (("C1", 0.75), ("U1", 0.25)):
        left = poor.control("BISULFITE CONVERSION I", "green", label)
        assert left == pytest.approx(share * whole, rel=0.01)
    whole = good.control("BISULFITE CONVERSION II", "red")
    assert poor.control("BISULFITE CONVERSION II", "red") == pytest.approx(0.75 * whole, rel=0.01)
    assert poor.control("BISULFITE CONVERSION II", "green") == pytest.approx(0.25 * whole, rel=0.01)


def test_few_beads_are_fewer_and_leave_some_probes_without_enough() -> None:
    good, few = (_Measured(_sample(few_beads=no)).raw.n_beads for no in (False, True))
    assert np.median(good) >= 14
    assert np.median(few) == 5
    assert 0.1 < np.mean(few < 3) < 0.25
