"""Verdicts, predicted sex and control ratios follow the intensities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cup_assets.methylome import (
    BetaParameters,
    QualityParameters,
    predict_sex,
    process_pair,
    read_idat,
    sample_quality,
)
from cup_assets.methylome.controls import (
    BACKGROUND_MEASURES,
    CONTROL_RATIOS,
    background_measures,
    control_ratios,
)
from cup_assets.methylome.layout import layout_of
from cup_assets.methylome.quality import LIMITS


@pytest.fixture
def signal(tiny, levels):
    _, grn, red = tiny.write("100", methylation=levels)
    return process_pair(read_idat(grn), read_idat(red), tiny.manifest)


def test_a_good_sample_passes_with_every_control_in_order(signal, tiny) -> None:
    row = sample_quality(signal, tiny.manifest)
    assert (row["verdict"], row["reasons"]) == ("pass", "")
    for name in ("bisulfite_i_grn", "bisulfite_i_red", "bisulfite_ii", "staining_grn"):
        assert row[name] > 5
    assert row["array"] == "mini"
    assert row["hybridisation_high"] is None, "this array has no such control"
    assert "hybridisation_high" in row["not_measured"]
    assert row["bisulfite_conversion"] > 0.9
    assert row["signal_to_background"] > 3
    assert "x_probes" not in row


@pytest.mark.parametrize(
    ("measures", "verdict", "reason"),
    [
        ({"failed_fraction": 0.15}, "warn", "share of failed probes 15.0% is above 10%"),
        ({"failed_fraction": 0.4}, "fail", "share of failed probes 40.0% is above 25%"),
        ({"median_m": 9.0, "median_u": 9.5}, "fail", "median log2 intensity 9.25 is below 10.5"),
        ({"bisulfite_ii": 0.4}, "fail", "bisulfite conversion II control ratio 0.40 is below 1"),
        ({"bisulfite_conversion": 0.83}, "warn", "bisulfite conversion 83.0% is below 85%"),
        ({"bisulfite_conversion": 0.7}, "fail", "bisulfite conversion 70.0% is below 80%"),
        ({"staining_red": 2.0}, "warn", "staining (red) control ratio 2.00 is below 5"),
        ({"target_removal_1": 0.5}, "warn", "background over target removal 1 0.50 is below 1"),
        (
            {"hybridisation_medium": 0.9},
            "warn",
            "hybridisation (medium over low) control ratio 0.90 is below 1",
        ),
        (
            {"negative_grn": 1500.0},
            "warn",
            "negative controls (green), median intensity 1500 is above 1000",
        ),
        ({"signal_to_background": 2.0}, "warn", "signal over background 2.0 is below 3"),
        (
            {"bisulfite_ii_background": 0.9},
            "warn",
            "background over bisulfite II 0.90 is below 1",
        ),
        ({"median_beads": 4.0}, "warn", "median number of beads 4.0 is below 8"),
        (
            {"low_beads_fraction": 0.1},
            "warn",
            "share of probes with too few beads 10.0% is above 5%",
        ),
    ],
)
def test_a_bad_measure_is_given_as_the_reason(signal, tiny, measures, verdict, reason) -> None:
    bad = dataclasses.replace(signal, measures=signal.measures | measures)
    row = sample_quality(bad, tiny.manifest)
    assert (row["verdict"], row["reasons"]) == (verdict, reason)


def test_failures_are_given_before_doubts_and_every_reason_is_given(signal, tiny) -> None:
    measures = {"staining_grn": 1.0, "failed_fraction": 0.5, "extension_red": 2.0}
    row = sample_quality(
        dataclasses.replace(signal, measures=signal.measures | measures), tiny.manifest
    )
    assert row["verdict"] == "fail"
    assert [reason.split(" ")[0] for reason in row["reasons"].split("; ")] == [
        "share", "staining", "extension",
    ]  # fmt: skip


def test_every_measure_that_decides_has_a_threshold_and_every_threshold_a_measure() -> None:
    named = {name for limit in LIMITS for name in (limit.warn, limit.fail) if name}
    others = {"female_below", "min_sex_probes", "min_identity_probes", "same_identity",
              "different_identity"}  # fmt: skip
    assert named | others == {field.name for field in dataclasses.fields(QualityParameters)}
    assert {limit.measure for limit in LIMITS} >= {*CONTROL_RATIOS, *BACKGROUND_MEASURES}


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"warn_failed_fraction = 0\.5 is above .*: exchange them"):
        QualityParameters(warn_failed_fraction=0.5)


def test_thresholds_come_from_the_parameters(signal, tiny) -> None:
    row = sample_quality(signal, tiny.manifest, QualityParameters(min_median=15.0))
    assert row["verdict"] == "fail"


def test_sex_is_told_by_y_against_x(tiny, levels) -> None:
    on_y = layout_of(tiny.manifest).on_y
    found = []
    for absent in (False, True):
        _, grn_path, red_path = tiny.write("100", methylation=levels)
        grn, red = read_idat(grn_path), read_idat(red_path)
        if absent:
            beads = np.isin(grn.address, tiny.manifest.probes["address_a"].to_numpy()[on_y])
            beads |= np.isin(
                grn.address, tiny.manifest.probes["address_b"].fill_null(0).to_numpy()[on_y]
            )
            grn, red = (
                dataclasses.replace(one, mean=np.where(beads, one.mean // 20 + 200, one.mean))
                for one in (grn, red)
            )
        row = sample_quality(process_pair(grn, red, tiny.manifest), tiny.manifest)
        found.append(row["predicted_sex"])
    assert found == ["M", "F"]


def test_an_array_without_y_probes_does_not_tell_the_sex() -> None:
    measures = {"x_probes": 900.0, "y_probes": 2.0, "x_total": 13.0, "y_total": 9.0}
    sex, why = predict_sex(measures, QualityParameters())
    assert sex is None
    assert why == "the array has 900 probes on X and 2 on Y, too few to tell"


def test_a_failed_sample_is_given_no_sex(signal, tiny) -> None:
    dark = dataclasses.replace(signal, measures=signal.measures | {"failed_fraction": 0.6})
    row = sample_quality(dark, tiny.manifest)
    assert (row["predicted_sex"], row["sex_note"]) == (None, "the sample failed")


def test_control_ratios_are_the_worst_high_over_the_worst_low(tiny_manifest) -> None:
    layout = layout_of(tiny_manifest)
    n = len(layout.control_label)
    green, red = np.full(n, 100, dtype=np.uint16), np.full(n, 100, dtype=np.uint16)
    at = {label: i for i, label in enumerate(layout.control_label)}
    for label, value in (("C1", 900), ("C2", 600), ("C3", 800), ("U2", 300)):
        green[at[f"BS Conversion I-{label}"]] = value
    for n_th, value in ((1, 900), (2, 500), (3, 700), (4, 800)):
        red[at[f"BS Conversion II-{n_th}"]] = value
    green[at["BS Conversion II-3"]] = 250
    present = np.ones(n, dtype=bool)
    ratios = control_ratios(layout, green, red, present)
    assert ratios["bisulfite_i_grn"] == 600 / 300
    assert ratios["bisulfite_ii"] == 500 / 250
    shares = [600 / 900, 800 / 900, 900 / 1000, 500 / 600, 700 / 950, 800 / 900]
    shares += [900 / 1000, 0.5, 0.5, 0.5]  # C1 over U1, and the red pairs, which are all 100
    assert ratios["bisulfite_conversion"] == pytest.approx(np.median(shares))
    present[:] = False
    assert all(np.isnan(value) for value in control_ratios(layout, green, red, present).values())


def test_real_hm27_samples_pass_and_leave_what_they_cannot_show_empty(
    hm27_items, hm27_manifest
) -> None:
    for _, grn, red in hm27_items:
        signal = process_pair(read_idat(grn), read_idat(red), hm27_manifest)
        row = sample_quality(signal, hm27_manifest)
        assert row["verdict"] == "pass"
        assert row["bisulfite_ii"] is None
        assert row["bisulfite_conversion"] > 0.95
        assert min(row["staining_grn"], row["staining_red"], row["target_removal_1"]) > 5
        assert set(row["not_measured"].split(", ")) == {
            *("bisulfite_i_red", "bisulfite_i_red_background", "bisulfite_ii"),
            *("bisulfite_ii_background", "target_removal_2", "specificity_i_grn"),
            *("specificity_i_red", "specificity_ii", "specificity_ii_background"),
        }
        assert row["predicted_sex"] is None
        assert row["sex_note"] == "the array has 1087 probes on X and 8 on Y, too few to tell"
        assert row["extension_grn"] > 5


def test_a_control_that_no_bead_measured_gives_no_warning(tiny, levels) -> None:
    address, controls = tiny.manifest.addresses, tiny.manifest.controls
    lost = controls.filter(controls["label"].is_in(["BS Conversion I-C2", "BS Conversion II-1"]))
    n_beads = np.where(np.isin(address, lost["address"].to_numpy()), 0, 12)
    _, *paths = tiny.write("100", methylation=levels, n_beads=n_beads)
    pair = [read_idat(path) for path in paths]
    pair = [dataclasses.replace(one, mean=np.where(n_beads == 0, 0, one.mean)) for one in pair]
    rows = [
        sample_quality(
            process_pair(*pair, tiny.manifest, BetaParameters(min_beads=least)), tiny.manifest
        )
        for least in (3, 0)
    ]
    assert (rows[0]["verdict"], rows[0]["reasons"]) == ("pass", "")
    assert rows[0]["bisulfite_i_grn"] > 5
    assert rows[1]["reasons"].startswith(
        "bisulfite conversion I (green) control ratio 0.00 is below 1"
    )


KINDS = [
    *[("EXTENSION", f"Extension ({base})") for base in "ATCG"],
    *[("TARGET REMOVAL", f"Target Removal {n}") for n in (1, 2)],
    *[("HYBRIDIZATION", f"Hyb ({level})") for level in ("High", "Medium", "Low")],
    *[("SPECIFICITY II", f"Specificity {n}") for n in (1, 2, 3)],
    *[("NON-POLYMORPHIC", f"NP ({base})") for base in ("A", "T", "C", "G", "G")],
    *[("BISULFITE CONVERSION I", f"BS Conversion I-{c}{n}") for c in "CU" for n in range(1, 6)],
]


def test_the_ratios_are_those_of_the_guide(tiny_manifest) -> None:
    layout = dataclasses.replace(
        layout_of(tiny_manifest),
        content_hash="controls of EPIC",
        control_kind=tuple(kind for kind, _ in KINDS),
        control_label=tuple(label for _, label in KINDS),
    )
    # One colour at a time: extension, target removal, hybridisation, specificity II, NP, pairs.
    green = [300, 500, 9000, 8000, 700, 7000, 16000, 8000, 4000, 300, 200, 400]
    green += [300, 400, 6000, 5000, 10, 9000, 6000, 50, 60, 70, 500, 400, 60, 70, 80]
    red = [7000, 6000, 800, 400, 0, 0, 0, 0, 0, 5000, 2000, 4000]
    red += [7000, 6000, 500, 300, 9999, 60, 70, 4000, 8000, 2000, 90, 90, 1000, 500, 250]
    present = np.ones(len(KINDS), dtype=bool)
    found = control_ratios(
        layout, np.array(green, dtype=np.uint16), np.array(red, dtype=np.uint16), present
    )
    expected = {
        "extension_grn": 8000 / 500,
        "extension_red": 6000 / 800,
        "target_removal_1": 3500 / 700,
        "target_removal_2": 3500 / 7000,
        "hybridisation_high": 2.0,
        "hybridisation_medium": 2.0,
        "specificity_ii": 2000 / 400,
        "specificity_ii_background": 3500 / 400,
        "non_polymorphic_grn": 5000 / 400,  # the second NP (G) does not count
        "non_polymorphic_red": 6000 / 500,
        "bisulfite_i_grn": 6000 / 500,  # two green pairs where there are five
        "bisulfite_i_red": 2000 / 1000,
        "bisulfite_i_grn_background": 3500 / 500,
        "bisulfite_i_red_background": 3800 / 1000,
    }
    assert {name: found[name] for name in expected} == expected
    assert np.isnan(found["staining_grn"])


def test_the_background_is_the_level_of_the_negative_controls() -> None:
    levels = np.array([100, 200, 900], dtype=np.uint16)
    found = background_measures(levels, levels + np.uint16(100), 11.0, 10.0)
    assert found == {
        "negative_grn": 200.0,
        "negative_red": 300.0,
        "signal_to_background": (2048 + 1024) / 500,
    }
    none = background_measures(levels[:0], levels[:0], 11.0, 10.0)
    assert all(np.isnan(value) for value in none.values())
