"""What the chain stores about a simulated cohort is what is true of it.

The cohort is harder than a toy: two batches and centres, FFPE and frozen material, purities down to
0.5, one label exchange, one duplicate under another name, a wrong sex and a degraded sample.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from cup_assets.classify.models import MODELS
from cup_assets.genome import chromosome_arms
from cup_assets.orchestration.conventions import BALANCED, LEADERBOARD, REFERENCE, cv_key
from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.warehouse import Catalogue
from cup_assets_tests.orchestration.chain import Chain, cheaply, mark

DESIGN = replace(
    CohortDesign.tiny(seed=3),
    classes=tuple((name, 11) for name, _ in CohortDesign.tiny().classes),
    normals=8,
    diagnostic=0,
    purity=(0.5, 0.95),
    wrong_sexes=1,
    degraded=1,
)
PARAMETERS = """\
[cohort]
outer_folds = 3
inner_folds = 3
[evaluation]
schemes = ["stratified"]
n_probes = 1000
trees = 100
xgboost_rounds = [25]
network_hidden = [64]
network_epochs = 40
bootstraps = 20
"""


@dataclass(frozen=True)
class Known:
    """What is stored, and what is true."""

    catalogue: Catalogue
    samples: pl.DataFrame
    truth: Path


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    data = tmp_path_factory.mktemp("truth") / "data"
    cohort = simulate_cohort(data, DESIGN)
    for batch in cohort.batches:
        mark(cohort.landing / batch)
    (data / "parameters.toml").write_text(PARAMETERS)
    with cheaply(), dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(data, instance)
        for batch in cohort.batches:
            assert chain.run("read_batch", batch).success
        assert chain.run("refresh_controls").success
        for batch in cohort.batches:
            assert chain.run("profile_batch", batch).success
        learnt = [REFERENCE, BALANCED, *(cv_key(model) for model in MODELS), LEADERBOARD]
        assert chain.run("refresh_aggregates_now", only=learnt).success
    hidden = shutil.move(cohort.truth, data.parent / "truth")  # nothing could have read it
    return Known(chain.catalogue, pl.read_parquet(Path(hidden) / "samples.parquet"), Path(hidden))


def test_betas_are_near_the_true_ones_on_both_materials(known: Known) -> None:
    true = pl.read_parquet(known.truth / "betas.parquet").unpivot(
        index="probe_id", variable_name="sample_id", value_name="true"
    )
    stored = known.catalogue.query("SELECT * FROM betas")
    error = (
        stored.join(true, on=["sample_id", "probe_id"])
        .join(known.samples.filter(~pl.col("degraded")), on="sample_id")
        .group_by("material")
        .agg(mae=(pl.col("beta") - pl.col("true")).abs().mean())
    )
    found = dict(error.iter_rows())
    assert found["frozen"] < 0.045
    assert found["FFPE"] < 0.065


def test_arms_are_called_as_they_are(known: Known) -> None:
    segments = pl.read_parquet(known.truth / "segments.parquet")
    overlap = pl.min_horizontal("end", "end_arm") - pl.max_horizontal("start", "start_arm")
    level = pl.col("true")
    state = pl.when(level > 0.01).then(pl.lit("gain")).when(level < -0.01).then(pl.lit("loss"))
    arms = (
        segments.join(chromosome_arms("hg19"), on="chrom", suffix="_arm")
        .with_columns(overlap=overlap)
        .filter(pl.col("overlap") > 0)
        .sort("overlap")
        .group_by("sample_id", region="arm")
        .agg(true=pl.col("log2").last())
        .with_columns(state=state.otherwise(pl.lit("neutral")))
    )
    calls = known.catalogue.query(
        "SELECT sample_id, region, call FROM cnv_calls"
        " WHERE kind = 'arm' AND call IN ('gain', 'loss', 'neutral')"
    ).join(arms, on=["sample_id", "region"])
    altered = calls.filter(pl.col("state") != "neutral")
    neutral = calls.filter(pl.col("state") == "neutral")
    assert altered.height > 100
    sensitivity = float((altered["call"] == altered["state"]).mean())  # type: ignore[arg-type]
    specificity = float((neutral["call"] == "neutral").mean())  # type: ignore[arg-type]
    assert sensitivity > 0.93
    assert specificity > 0.98


def test_the_sex_is_measured_and_the_wrong_one_in_the_sheet_is_told(known: Known) -> None:
    predicted = known.catalogue.query("SELECT sample_id, predicted_sex FROM sample_measures")
    both = predicted.join(known.samples.filter(~pl.col("degraded")), on="sample_id")
    assert (both["predicted_sex"] == both["sex"]).all()
    (wrong,) = known.samples.filter(pl.col("sex") != pl.col("labelled_sex"))["sample_id"]
    findings = known.catalogue.current("datasets/reference").summary["findings"]  # type: ignore[union-attr]
    (told,) = [f["description"] for f in findings if f["name"] == "recorded_sex"]
    assert told.count("recorded") == 1
    assert told.startswith(f"{wrong}: ")


def test_every_pair_of_samples_of_one_person_is_found_and_no_other(known: Known) -> None:
    good = known.samples.filter(~pl.col("degraded"))
    same = good.join(good, on="person", suffix="_b").filter(
        pl.col("sample_id") != pl.col("sample_id_b")
    )
    found = known.catalogue.query("SELECT sample_id, same_as FROM identities")
    assert set(found.rows()) == set(same.select("sample_id", "sample_id_b").rows())
    (copy,) = good.filter(pl.col("duplicate_of").is_not_null()).iter_rows(named=True)
    left_out = known.catalogue.query(
        "SELECT reason FROM dataset_members WHERE NOT included AND list_contains(?, sample_id)",
        [[copy["sample_id"], copy["duplicate_of"]]],
    )
    assert "same genotypes as" in left_out["reason"][0]


def test_the_degraded_sample_is_no_member_and_says_why(known: Known) -> None:
    (degraded,) = known.samples.filter("degraded")["sample_id"]
    member = known.catalogue.query(
        "SELECT included, reason FROM dataset_members WHERE sample_id = ?", [degraded]
    )
    assert member["included"][0] is False
    assert "quality" in member["reason"][0]


def test_both_exchanged_labels_are_doubted_and_the_true_class_is_suggested(known: Known) -> None:
    swapped = known.samples.filter("swapped")
    assert swapped.height == 2
    doubts = known.catalogue.query('SELECT sample_id, "class", suggested FROM label_doubts')
    found = {name: (own, other) for name, own, other in doubts.iter_rows()}
    classes = dict(
        known.catalogue.query('SELECT DISTINCT diagnosis, "class" FROM samples').iter_rows()
    )
    for row in swapped.iter_rows(named=True):
        expected = (classes[row["labelled_class"]], classes[row["true_class"]])
        assert found.get(row["sample_id"]) == expected
    assert len(found) <= 2 + 0.05 * DESIGN.n_reference  # and hardly any other


def test_models_learn_the_classes(known: Known) -> None:
    accuracy = known.catalogue.query(
        "SELECT model, value FROM cv_metrics WHERE metric = 'accuracy' AND \"class\" IS NULL"
        " AND scheme = 'stratified' AND study = 'leaderboard'"
    )
    assert set(accuracy["model"]) == set(MODELS)
    assert accuracy["value"].min() > 0.8  # type: ignore[operator]
