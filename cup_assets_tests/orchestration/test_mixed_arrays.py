"""One cohort on two arrays: what they share is learnt from, and each is measured by its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.problems import MatrixError
from cup_assets.methylome import ManifestError
from cup_assets.orchestration.conventions import REFERENCE
from cup_assets.orchestration.inputs import installed_manifests, read_samples
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    cases_to_place,
    diagnostic_cases,
    load_training_data,
    probe_space,
    stack_betas,
)
from cup_assets_tests.orchestration.chain import Chain
from cup_assets_tests.orchestration.mixed import MOVED, NEW, OLD, SHIFT, mixed_folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which a batch of each array is computed; read only."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Chain(mixed_folder(tmp_path_factory), instance)


@pytest.fixture
def platform(mixed: Chain) -> Platform:
    return Platform(data=str(mixed.data))


def test_what_both_arrays_measure_is_learnt_from(mixed: Chain, platform: Platform) -> None:
    members = mixed.catalogue.query("SELECT \"array\", count(*) AS n FROM dataset_members"
                                    " WHERE included GROUP BY ALL ORDER BY ALL")  # fmt: skip
    assert members.rows() == [(NEW, 15), (OLD, 15)]
    names = probe_space(platform, [OLD, NEW]).names
    assert set(names) <= set(probe_space(platform, [OLD]).names)
    # What is on X in one of the builds is learnt from on no array.
    assert MOVED in probe_space(platform, [OLD]).names
    assert MOVED not in names
    assert set(names) == set(probe_space(platform, [NEW]).names)
    data = load_training_data(platform)
    assert tuple(data.probe_ids.tolist()) == names
    version = mixed.catalogue.current("datasets/reference")
    assert version is not None
    assert f"not_on_{NEW}" in str(version.summary["notes"]["probes not used"])


def test_every_array_has_its_own_controls_and_its_cases_are_called(mixed: Chain) -> None:
    pools = mixed.catalogue.query('SELECT "array", n_controls FROM cnv_pools WHERE is_current')
    assert sorted(pools.rows()) == [(NEW, 6), (OLD, 6)]
    cases = mixed.catalogue.query(
        'SELECT "array", count(score) AS n FROM predictions JOIN samples USING (sample_id)'
        " GROUP BY ALL ORDER BY ALL"
    )
    assert cases.rows() == [(NEW, 2), (OLD, 2)]


def test_classes_are_told_apart_over_arrays(mixed: Chain) -> None:
    error = mixed.catalogue.query(
        "SELECT min(value) AS error FROM cv_metrics WHERE metric = 'error' AND \"class\" IS NULL"
        " AND scheme = 'stratified' AND study = 'leaderboard'"
    )
    assert error["error"][0] < 0.25


def test_probes_that_an_array_lacks_are_an_error_unless_asked_for(
    mixed: Chain, platform: Platform
) -> None:
    samples = mixed.catalogue.query('SELECT sample_id, batch, "array" FROM samples ORDER BY ALL')
    lost = sorted(
        set(probe_space(platform, [OLD]).names)
        - set(probe_space(platform, [OLD, NEW]).names)
        - {MOVED}
    )[:3]
    with pytest.raises(MatrixError, match=f"{NEW} lacks 3 of the 3 probes"):
        stack_betas(platform, samples, lost, "mean")
    names, X = stack_betas(platform, samples, lost, "mean", absent_as_nan=True)
    on_new = (samples["array"] == NEW).to_numpy()
    assert names == lost
    assert np.isnan(X[on_new]).all()
    assert not np.isnan(X[~on_new]).all(axis=0).any()


def test_a_case_whose_array_lacks_much_of_the_landscape_is_not_placed(platform: Platform) -> None:
    cases = diagnostic_cases(platform)
    common = probe_space(platform, [OLD, NEW]).names
    placed, X, left_out = cases_to_place(platform, cases, common, 0.2)
    assert (placed.height, X.shape, left_out.height) == (4, (4, len(common)), 0)
    names = probe_space(platform, [OLD]).names
    placed, X, left_out = cases_to_place(platform, cases, names, 0.2)
    assert placed["array"].to_list() == [OLD, OLD]
    assert left_out["array"].to_list() == [NEW, NEW]
    assert left_out["missing"].min() > 0.2  # type: ignore[operator]
    np.testing.assert_array_equal(X, stack_betas(platform, placed, names, "best_detection")[1])


def test_samples_of_two_arrays_are_not_one_matrix(mixed: Chain, platform: Platform) -> None:
    samples = mixed.catalogue.query('SELECT sample_id, batch, "array" FROM samples ORDER BY ALL')
    with pytest.raises(ValueError, match="samples of one array are needed"):
        read_samples(platform, "betas", samples)
    shuffled = samples.filter(array=OLD).sample(fraction=1, shuffle=True, seed=1)
    probes, values = read_samples(platform, "betas", shuffled)
    one, row = read_samples(platform, "betas", shuffled[3:4])
    assert one == probes
    np.testing.assert_array_equal(values[3], row[0])


def test_manifests_are_read_once_and_again_when_a_file_changes(
    mixed: Chain, tmp_path: Path
) -> None:
    platform = Platform(data=str(tmp_path))
    shutil.copytree(mixed.settings.manifests, tmp_path / "manifests")
    first = installed_manifests(platform)
    assert installed_manifests(platform) is first
    assert {manifest.array for manifest in first} == {OLD, NEW}
    (tmp_path / "manifests" / "CupNext_v1_SIMULATED.csv").unlink()
    assert [manifest.array for manifest in installed_manifests(platform)] == [OLD]


def test_two_manifests_of_one_array_are_refused(mixed: Chain, tmp_path: Path) -> None:
    shutil.copytree(mixed.settings.manifests, tmp_path / "manifests")
    source = tmp_path / "manifests" / "CupMini_v1_SIMULATED.csv"
    source.with_name("another.csv").write_text(source.read_text().replace("v1_SIM", "v1b_SIM", 1))
    with pytest.raises(ManifestError, match="are both of mini: keep one, the same"):
        installed_manifests(Platform(data=str(tmp_path)))


def test_coordinates_say_their_build_wherever_they_are_stored_or_shown(mixed: Chain) -> None:
    for table in ("cnv_profiles", "cnv_bins", "cnv_segments", "cnv_calls", "probes"):
        join = "" if table == "probes" else " JOIN samples USING (sample_id)"
        builds = mixed.catalogue.query(
            f'SELECT DISTINCT "array", build FROM {table}{join} ORDER BY ALL'
        )
        assert builds.rows() == [(NEW, "hg38"), (OLD, "hg19")], table
    old = mixed.catalogue.query(
        "SELECT name, chrom, pos FROM probes WHERE \"array\" = ? AND kind = 'cg'", [OLD]
    )
    place = {name: (chrom, pos) for name, chrom, pos in old.iter_rows()}
    for asset, note in (
        ("panels/importance", "most important"),
        ("panels/cpg", "recommended panel"),
    ):
        version = mixed.catalogue.current(asset)
        assert version is not None
        (table,) = [text for name, text in version.summary["notes"].items() if note in name]
        heading, _, first, *_ = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        ]
        row = dict(zip(heading, first, strict=True))
        chrom, pos = place[row["probe_id"]]
        assert (row["hg19"], row["hg38"]) == (f"{chrom}:{pos}", f"{chrom}:{pos - SHIFT}"), asset


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("min_shared_fraction = 0.99", "less than min_shared_fraction 0.99: name all arrays to"),
        (f'arrays = ["{OLD}"]', "is not among those to learn from"),
    ],
)
def test_samples_of_an_array_left_out_say_so_with_numbers(
    mixed: Chain, tmp_path: Path, line: str, reason: str
) -> None:
    data = shutil.copytree(mixed.data, tmp_path / "data")
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(data, instance)
        chain.parameters("[cohort]\n", f"[cohort]\n{line}\n")
        run = chain.run("refresh_aggregates_now", only=[REFERENCE])
    assert run.success
    members = chain.catalogue.query(
        'SELECT d."array", included, reason FROM dataset_members d JOIN samples USING (sample_id)'
        " WHERE role = 'reference'"
    )
    assert members.filter("included")["array"].unique().to_list() == [OLD]
    left_out = members.filter(~pl.col("included"))
    assert left_out.height == 15
    assert left_out["reason"].str.contains(reason, literal=True).all()
    (told,) = [e for e in run.get_asset_check_evaluations() if e.check_name == "arrays"]
    assert not told.passed
    assert reason in str(told.description)
    version = chain.catalogue.current("datasets/reference")
    assert version is not None
    assert f"| {NEW} | 15 |" in version.summary["notes"]["arrays"]
    probes = probe_space(Platform(data=str(data)), [OLD]).names
    assert f"{len(probes):,}" in version.summary["notes"]["arrays"]
    assert version.summary["numbers"]["probes"] == len(probes)
