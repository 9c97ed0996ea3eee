"""Every division of the reference set: what is held out, who is not used, and what keeps its place.

Two arrays, a batch on each, two centres: all four schemes are possible.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import polars as pl
import pytest

from cup_assets.classify.models import MODELS
from cup_assets.cohort.schemes import HELD_OUT_BY, SCHEMES
from cup_assets.orchestration.conventions import REFERENCE
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import read_folds
from cup_assets_tests.orchestration.chain import Chain
from cup_assets_tests.orchestration.mixed import NEW, OLD, mixed_folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which a batch of each array is computed; read only."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Chain(mixed_folder(tmp_path_factory), instance)


def folds(chain: Chain) -> pl.DataFrame:
    return chain.catalogue.query(
        'SELECT f.*, d.person, d."class", d.batch, d.site, d."array"'
        " FROM folds f JOIN dataset_members d USING (sample_id)"
    )


def notes(chain: Chain, asset: str) -> dict[str, str]:
    version = chain.catalogue.current(asset)
    assert version is not None
    return dict(version.summary["notes"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_is_held_out_shares_nothing_with_who_is_trained_on(mixed: Chain, scheme: str) -> None:
    mine = folds(mixed).filter(scheme=scheme)
    assert mine["outer_fold"].n_unique() == {"stratified": 3}.get(scheme, 2)
    apart = ["person", *([HELD_OUT_BY[scheme]] if scheme in HELD_OUT_BY else [])]
    for _, part in mine.group_by("repeat", "outer_fold"):
        tested, trained = (part.filter(pl.col("inner_fold").is_null() == side) for side in (1, 0))
        for column in apart:
            assert set(tested[column]).isdisjoint(trained[column]), column
        assert set(tested["class"]) <= set(trained["class"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_member_is_tested_or_listed_with_the_reason(mixed: Chain, scheme: str) -> None:
    members = set(
        mixed.catalogue.query("SELECT sample_id FROM dataset_members WHERE included")["sample_id"]
    )
    tested = set(folds(mixed).filter(pl.col("inner_fold").is_null(), scheme=scheme)["sample_id"])
    listed = mixed.catalogue.query(
        "SELECT sample_id, reason FROM scheme_not_used WHERE scheme = ? AND part = 'test'", [scheme]
    )
    assert tested | set(listed["sample_id"]) == members
    assert all(listed["reason"])


def test_what_each_scheme_holds_out_is_stored_and_told(mixed: Chain) -> None:
    parts = mixed.catalogue.query(
        "SELECT scheme, held_out, n_train, n_test FROM scheme_parts ORDER BY ALL"
    )
    assert parts.filter(scheme="cross_array").rows() == [
        ("cross_array", NEW, 15, 15),
        ("cross_array", OLD, 15, 15),
    ]
    assert parts.filter(scheme="leave_site_out")["held_out"].to_list() == [
        "SIM-centre-1",
        "SIM-centre-2",
    ]
    told = notes(mixed, "datasets/reference")
    assert all(scheme in told["schemes"] for scheme in SCHEMES)
    assert "SIM-centre-2" in told["held out"]


def test_every_model_is_judged_under_every_scheme_on_whom_it_did_not_see(mixed: Chain) -> None:
    scored = mixed.catalogue.query(
        "SELECT model, scheme, repeat, outer_fold, sample_id, study FROM cv_scores GROUP BY ALL"
    ).filter(study="leaderboard")
    tested = folds(mixed).filter(pl.col("inner_fold").is_null())
    keys = ["scheme", "repeat", "outer_fold", "sample_id"]
    for model in MODELS:
        mine = scored.filter(model=model).select(keys).sort(keys)
        assert mine.equals(tested.select(keys).sort(keys)), model
    judged = mixed.catalogue.query(
        "SELECT model, scheme, strategy, features FROM cv_choices WHERE study = 'leaderboard'"
    )
    assert set(judged.rows()) == {
        (model, scheme, "class_weight", "betas") for model in MODELS for scheme in SCHEMES
    }
    variants = mixed.catalogue.query("SELECT DISTINCT model, scheme FROM cv_calibrations")
    assert variants.height == len(MODELS) * len(SCHEMES)
    assert all(scheme in notes(mixed, "evaluation/cv/svm")["by scheme"] for scheme in SCHEMES)


def test_folds_are_read_one_scheme_at_a_time(mixed: Chain) -> None:
    platform = Platform(data=str(mixed.data))
    assert set(read_folds(platform)["scheme"]) == {"stratified"}
    assert set(read_folds(platform, "cross_array")["scheme"]) == {"cross_array"}


def test_a_scheme_that_is_impossible_is_said_to_be_with_the_reason(complete: Chain) -> None:
    assert set(folds(complete)["scheme"]) == {"stratified", "leave_batch_out"}
    told = notes(complete, "datasets/reference")["schemes"]
    assert "cross_array needs samples of at least two values of array: found only 'mini'" in told
    assert "leave_site_out needs samples of at least two values of site" in told
    complete.parameters('"leave_batch_out"]', '"leave_site_out"]')
    assert complete.run("refresh_aggregates_now", only=[CV]).success
    (line,) = [row for row in notes(complete, "evaluation/cv/svm")["by scheme"].splitlines()
               if "leave_site_out" in row]  # fmt: skip
    assert "impossible with these samples: datasets/reference says why" in line


CV = dg.AssetKey(["evaluation", "cv", "svm"])


def test_samples_keep_their_folds_in_every_scheme_when_a_batch_comes(complete: Chain) -> None:
    before = folds(complete)
    cases = pl.read_csv(complete.data / "aside" / "cases" / "samplesheet.csv", infer_schema=False)
    complete.land("cases")
    complete.write_sheet(
        "cases",
        cases.with_columns(role=pl.lit("reference"), diagnosis=pl.lit("olfactory neuroblastoma")),
    )
    assert complete.run("process_batch", "cases").success
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    after = folds(complete)
    new = set(cases["Sample_ID"])
    assert new <= set(after.filter(scheme="stratified")["sample_id"])
    assert after.filter(pl.col("batch") == "cases", pl.col("inner_fold").is_null())[
        "scheme"
    ].unique().sort().to_list() == ["leave_batch_out", "stratified"]
    keys = ["scheme", "repeat", "outer_fold", "sample_id", "inner_fold"]
    kept = after.filter(~pl.col("sample_id").is_in(new))
    again = kept.join(before.select("scheme", "outer_fold").unique(), on=["scheme", "outer_fold"])
    assert again.select(keys).sort(keys).equals(before.select(keys).sort(keys))
