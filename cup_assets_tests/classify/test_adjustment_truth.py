"""The adjustment, taught by one simulated cohort, brings samples of another nearer to the truth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.adjustment import Measured, compared, confounded, design, measured_cohort
from cup_assets.classify.adjustment import explained_share


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Measured, Measured]:
    folder = tmp_path_factory.mktemp("adjustment")
    return (
        measured_cohort(folder / "train", design(1, 12, n_classes=4)),
        measured_cohort(folder / "test", design(2, 5, n_classes=4)),
    )


def test_unseen_samples_lose_the_material_and_keep_the_class(
    cohorts: tuple[Measured, Measured],
) -> None:
    found = dict(compared(*cohorts))
    raw, adjusted = found["not adjusted"], found["adjusted"]
    assert raw["variance by material"] > 0.05
    assert adjusted["variance by material"] < raw["variance by material"] / 3
    assert adjusted["by class, 500 CpGs"] > raw["by class, 500 CpGs"] - 0.01
    assert adjusted["error, FFPE"] < 0.9 * raw["error, FFPE"]
    assert adjusted["error, all"] < raw["error, all"]
    assert adjusted["r of shift with truth"] > 0.7


def test_terms_for_classes_keep_class_signal_out_of_the_shift(
    cohorts: tuple[Measured, Measured],
) -> None:
    train, test = cohorts
    found = dict(compared(confounded(train), test))
    assert found["adjusted"]["500 CpGs"] < 0.9 * found["adjusted, no class terms"]["500 CpGs"]
    assert found["adjusted"]["variance by material"] < found["not adjusted"]["variance by material"]


def test_the_share_explained_is_that_of_an_analysis_of_variance() -> None:
    generator = np.random.default_rng(1)
    label, given = generator.choice(["a", "b"], 4000), generator.choice(["x", "y", "z"], 4000)
    noise = generator.normal(0, 1, (4000, 3))
    m_values = noise + (label == "b")[:, None] * 1.0 + (given == "z")[:, None] * 3.0
    betas = 1 / (1 + np.exp2(-m_values))
    expected = 0.25 / 1.25  # variance of the label's effect over all but that of the other
    assert explained_share(betas, label, given) == pytest.approx(expected, abs=0.02)
    assert explained_share(betas, generator.permutation(label), given) == pytest.approx(0, abs=2e-3)
