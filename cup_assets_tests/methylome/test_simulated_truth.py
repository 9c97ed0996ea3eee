"""What is measured on a simulated cohort agrees with what was simulated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import (
    BetaParameters,
    duplicates,
    load_manifests,
    process_batch,
    snp_betas,
)
from cup_assets.methylome.batch import ArraySignals
from cup_assets.methylome.methods import METHODS


@pytest.fixture(scope="module")
def truth(mini_cohort) -> pl.DataFrame:
    return pl.read_parquet(mini_cohort.truth / "samples.parquet")


@pytest.fixture(scope="module")
def measured(mini_cohort, truth, tmp_path_factory) -> ArraySignals:
    return process(mini_cohort, truth, tmp_path_factory.mktemp("cache"))


def process(mini_cohort, truth, cache, parameters=None) -> ArraySignals:
    manifests = load_manifests(mini_cohort.manifests, cache)
    items = []
    for row in truth.iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        folder = mini_cohort.landing / row["batch"]
        grn, red = (next(folder.glob(f"{stem}_{color}.idat*")) for color in ("Grn", "Red"))
        items.append((row["sample_id"], grn, red))
    batch = process_batch(items, manifests, parameters)
    assert batch.failed == ()
    return batch.arrays[0]


def test_betas_are_near_the_true_ones(measured, mini_cohort, truth) -> None:
    expected = pl.read_parquet(mini_cohort.truth / "betas.parquet")
    assert expected["probe_id"].to_list() == measured.probe_ids.to_list()
    error = np.abs(measured.beta - expected.select(measured.sample_ids).to_numpy())
    by_sample = np.nanmean(error, axis=0)
    assert np.median(by_sample) < 0.05
    assert by_sample.max() < 0.10
    masked = np.isnan(measured.beta)
    assert 0.001 < masked.mean() < 0.1


def test_the_predicted_sex_is_the_persons(measured, truth) -> None:
    predicted = dict(measured.quality.select("sample_id", "predicted_sex").iter_rows())
    for row in truth.iter_rows(named=True):
        assert predicted[row["sample_id"]] == row["sex"], row["sample_id"]


def test_samples_of_one_person_are_all_found_and_no_others(measured, truth) -> None:
    _, betas = snp_betas(measured.manifest, measured.beta)
    found = duplicates(measured.sample_ids, betas)
    person = truth.select("sample_id", "person")
    same = person.join(person, on="person", suffix="_b").filter(
        pl.col("sample_id") != pl.col("sample_id_b")
    )
    assert same.height > 0
    assert set(found.select("sample_id", "same_as").rows()) == set(
        same.select("sample_id", "sample_id_b").rows()
    )


def test_good_samples_pass(measured, truth) -> None:
    fine = truth.filter(~pl.col("degraded"))["sample_id"]
    verdicts = measured.quality.filter(pl.col("sample_id").is_in(fine.implode()))["verdict"]
    assert (verdicts == "pass").mean() > 0.9


# Mean absolute error of beta, over the samples that are not degraded: measured, and 15 % more.
LARGEST_ERROR = {
    ("noob", "frozen"): 0.046,
    ("noob", "FFPE"): 0.069,
    ("illumina_mnp", "frozen"): 0.050,
    ("illumina_mnp", "FFPE"): 0.071,
    ("sesame", "frozen"): 0.041,
    ("sesame", "FFPE"): 0.058,
    ("raw", "frozen"): 0.090,
    ("raw", "FFPE"): 0.124,
}


@pytest.fixture(scope="module")
def errors(mini_cohort, truth, tmp_path_factory) -> dict[tuple[str, str], float]:
    """Return the mean absolute error of beta by method and material."""
    cache = tmp_path_factory.mktemp("cache")
    expected = pl.read_parquet(mini_cohort.truth / "betas.parquet")
    sound = truth.filter(~pl.col("degraded"))
    found = {}
    for method in METHODS:
        array = process(mini_cohort, sound, cache, BetaParameters(method))
        error = np.abs(array.beta - expected.select(array.sample_ids).to_numpy())
        for material in ("frozen", "FFPE"):
            of = (sound["material"] == material).to_numpy()
            found[method, material] = float(np.nanmean(error[:, of]))
    return found


def test_every_method_is_as_near_the_truth_as_it_was(errors) -> None:
    assert set(errors) == set(LARGEST_ERROR)
    for case, largest in LARGEST_ERROR.items():
        assert errors[case] < largest, case


def test_every_correction_is_nearer_the_truth_than_none(errors) -> None:
    for material in ("frozen", "FFPE"):
        best, second, third, raw = (
            errors[method, material] for method in ("sesame", "noob", "illumina_mnp", "raw")
        )
        assert best < second < third < 0.7 * raw
