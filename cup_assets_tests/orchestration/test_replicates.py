"""What several probes of one CpG come to is the same wherever it is learnt from or predicted."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import numpy as np
import polars as pl
import pytest

from cup_assets.console.classify import current_release, score_array
from cup_assets.methylome import BetaParameters, process_batch
from cup_assets.orchestration.inputs import installed_manifests, read_samples
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    load_training_data,
    probe_space,
    stack_betas,
)
from cup_assets_tests.orchestration.chain import Chain
from cup_assets_tests.orchestration.mixed import NEW, mixed_folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which a batch of each array is computed; read only."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Chain(mixed_folder(tmp_path_factory), instance)


@pytest.fixture
def platform(mixed: Chain) -> Platform:
    return Platform(data=str(mixed.data))


def members_on(chain: Chain, array: str) -> pl.DataFrame:
    return chain.catalogue.query(
        'SELECT sample_id, batch, "array" FROM dataset_members WHERE included AND "array" = ?'
        " ORDER BY sample_id",
        [array],
    )


def by_sample(names: list[str], X: np.ndarray, samples: pl.DataFrame) -> pl.DataFrame:
    """Return sample_id, name, found."""
    wide = pl.DataFrame(X.T, schema=samples["sample_id"].to_list())
    return wide.insert_column(0, pl.Series("name", names)).unpivot(
        index="name", variable_name="sample_id", value_name="found"
    )


def test_the_mean_of_replicates_is_that_of_the_database(mixed: Chain, platform: Platform) -> None:
    samples = members_on(mixed, NEW)
    names, X = stack_betas(platform, samples, probe_space(platform, [NEW]).names, "mean")
    found = by_sample(names, X, samples)
    expected = mixed.catalogue.query(
        "SELECT sample_id, name, avg(beta) AS beta, count(*) AS n FROM betas"
        " JOIN samples USING (sample_id) JOIN probes USING (\"array\", probe_id)"
        " WHERE role = 'reference' AND \"array\" = ? GROUP BY ALL",
        [NEW],
    )  # fmt: skip
    assert expected["n"].max() == 3
    both = found.join(expected, on=["name", "sample_id"])
    assert both["sample_id"].n_unique() == 15
    difference = (both["found"].cast(pl.Float64) - both["beta"]).abs()
    assert difference.max() < 1e-6  # type: ignore[operator]
    unmeasured = found.join(expected, on=["name", "sample_id"], how="anti")
    assert unmeasured.height > 0
    assert unmeasured["found"].is_nan().all()


def test_of_replicates_the_surest_is_learnt_from(mixed: Chain, platform: Platform) -> None:
    samples = members_on(mixed, NEW)
    probe_ids, betas = read_samples(platform, "betas", samples)
    _, p = read_samples(platform, "detection_p", samples)
    long = by_sample(probe_ids, betas, samples).rename({"name": "probe_id", "found": "beta"})
    long = long.hstack([by_sample(probe_ids, p, samples)["found"].alias("p")])
    measured = long.filter(pl.col("beta").is_not_nan()).with_columns(
        name=pl.col("probe_id").str.extract("^([^_]+)")
    )
    each = ["sample_id", "name"]
    best = measured.filter(pl.col("p") == pl.col("p").min().over(each))
    expected = best.group_by(each).agg(pl.col("beta").cast(pl.Float64).mean())
    data = load_training_data(platform)
    on_new = np.isin(data.sample_ids, samples["sample_id"].to_list())
    found = by_sample(data.probe_ids.tolist(), data.X[on_new], samples)
    both = found.join(expected, on=each)
    assert (both["found"].cast(pl.Float64) - both["beta"]).abs().max() < 1e-6  # type: ignore[operator]
    assert found.join(expected, on=each, how="anti")["found"].is_nan().all()
    _, mean = stack_betas(platform, samples, data.probe_ids.tolist(), "mean")
    assert (np.abs(mean - data.X[on_new]) > 0.001).any()


def test_a_single_pair_is_scored_as_its_batch_was(mixed: Chain, platform: Platform) -> None:
    release = current_release(mixed.settings, None)
    assert release.replicates == "best_detection"
    replicated = mixed.catalogue.query(
        'SELECT name FROM probes WHERE "array" = ? GROUP BY name HAVING count(*) > 1', [NEW]
    )["name"]
    assert set(release.probe_ids.tolist()) & set(replicated)
    case = mixed.catalogue.query(
        "SELECT * FROM samples WHERE role = 'diagnostic' AND \"array\" = ? ORDER BY sample_id",
        [NEW],
    ).row(0, named=True)
    folder = mixed.folder(case["batch"])
    signals = process_batch(
        [(case["sample_id"], folder / case["grn"], folder / case["red"])],
        installed_manifests(platform),
        BetaParameters(**release.record["normalisation"]),
    )
    scores = score_array(release, signals.arrays[0], [{"material": case["material"]}]).scores
    stored = mixed.catalogue.query(
        'SELECT "class", score FROM prediction_scores WHERE sample_id = ? ORDER BY "class"',
        [case["sample_id"]],
    )
    assert scores.sort("class").select("class", "score").equals(stored)
