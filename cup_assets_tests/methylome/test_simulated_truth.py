"""What is measured on a simulated cohort agrees with what was simulated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import duplicates, load_manifests, process_batch, snp_betas
from cup_assets.methylome.batch import ArraySignals


@pytest.fixture(scope="module")
def truth(mini_cohort) -> pl.DataFrame:
    return pl.read_parquet(mini_cohort.truth / "samples.parquet")


@pytest.fixture(scope="module")
def measured(mini_cohort, truth, tmp_path_factory) -> ArraySignals:
    manifests = load_manifests(mini_cohort.manifests, tmp_path_factory.mktemp("cache"))
    items = []
    for row in truth.iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        folder = mini_cohort.landing / row["batch"]
        grn, red = (next(folder.glob(f"{stem}_{color}.idat*")) for color in ("Grn", "Red"))
        items.append((row["sample_id"], grn, red))
    batch = process_batch(items, manifests)
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
