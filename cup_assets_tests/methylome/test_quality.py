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
from cup_assets.methylome.controls import control_ratios
from cup_assets.methylome.layout import layout_of


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
    assert row["hybridisation"] is None, "this array has no such control"
    assert "x_probes" not in row


@pytest.mark.parametrize(
    ("measures", "verdict", "reason"),
    [
        ({"failed_fraction": 0.15}, "warn", "15.0% of the probes failed"),
        ({"failed_fraction": 0.4}, "fail", "40.0% of the probes failed"),
        ({"median_m": 9.0, "median_u": 9.5}, "fail", "median log2 intensity 9.25 is below 10.5"),
        ({"bisulfite_ii": 0.4}, "warn", "bisulfite_ii control ratio 0.40 is below 1"),
        ({"staining_red": 2.0}, "warn", "staining_red control ratio 2.00 is below 5"),
    ],
)
def test_a_bad_measure_is_given_as_the_reason(signal, tiny, measures, verdict, reason) -> None:
    bad = dataclasses.replace(signal, measures=signal.measures | measures)
    row = sample_quality(bad, tiny.manifest)
    assert (row["verdict"], row["reasons"]) == (verdict, reason)


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
    assert rows[1]["reasons"].startswith("bisulfite_i_grn control ratio 0.00 is below 1")
