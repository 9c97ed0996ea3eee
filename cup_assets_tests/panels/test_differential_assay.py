"""A differential diagnosis by few amplicons: within the technology's limits, judged blindly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.panels.assay_folds import Assay
from cup_assets.panels.differential_assay import DifferentialAssay, differential_assay
from cup_assets.panels.masked import Simulation
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import technologies

QUICK = PanelParameters(sizes=(3, 12), candidates=100, bootstraps=30, correlated=0.95)
PCR = technologies()["msp_qpcr"]
Folds = Callable[[TrainingData], pl.DataFrame]


def asked(
    data: TrainingData, folds: pl.DataFrame, classes: list[str], **changes: object
) -> DifferentialAssay:
    names = data.probe_ids.tolist()
    places = pl.DataFrame(
        {"probe_id": names, "hg38": [f"1:{1000 + 400 * at}" for at in range(len(names))]}
    )
    technology = dataclasses.replace(PCR, **changes)  # type: ignore[arg-type]
    assay = Assay(technology, places, {"cg00000000": "SNP under the probe"}, 4)
    return differential_assay(data, classes, assay, QUICK, folds, Simulation(2, 1))


def error(found: DifferentialAssay, by: str) -> float:
    rows = found.performance.filter((pl.col("measured_by") == by) & (pl.col("metric") == "error"))
    return float(rows["value"].item())


def test_the_limits_of_the_technology_hold_and_noise_costs(
    cohort: TrainingData, folds_of: Folds, informative: list[str]
) -> None:
    found = asked(cohort, folds_of(cohort), ["acinic", "adenoid"], max_amplicons=3, sd=0.3)
    chosen = found.cpgs["probe_id"].to_list()
    assert len(chosen) == 3
    assert set(chosen) <= set(informative[1:8])
    assert found.cpgs["difference"].abs().min() >= 0.25  # type: ignore[operator]
    assert found.cpgs["build"].to_list() == ["hg38"] * 3  # a place without its build is none
    assert found.n_folds == 4
    assert error(found, "array") < error(found, PCR.name) < found.chance_error
    left = dict(found.panel.left_out.select("probe_id", "reason").iter_rows())
    assert left["cg00000000"] == "excluded: SNP under the probe"


def test_one_class_is_told_from_all_others(
    cohort: TrainingData, folds_of: Folds, informative: list[str]
) -> None:
    found = asked(cohort, folds_of(cohort), ["nut"], sd=0.02)
    assert set(found.cpgs["probe_id"]) <= set(informative[8:])
    assert found.groups["group"].to_list() == ["not nut", "nut"]
    assert error(found, "array") < 0.06


def test_labels_without_meaning_are_not_told_apart(cohort: TrainingData, folds_of: Folds) -> None:
    # Patients keep one label, as folds need it.
    labels = np.array(["acinic", "adenoid"])[np.random.default_rng(4).permutation(36) % 2]
    y = np.repeat(labels, 2)
    data = dataclasses.replace(cohort, y=y)
    found = asked(data, folds_of(data), ["acinic", "adenoid"], least_effect=0.0)
    assert error(found, "array") > 0.3


def test_what_cannot_be_measured_says_what_it_is_for(cohort: TrainingData, folds_of: Folds) -> None:
    with pytest.raises(PanelError, match=r"can be measured by methylation-specific .* most often"):
        asked(cohort, folds_of(cohort), ["acinic", "adenoid"], least_effect=0.9)
