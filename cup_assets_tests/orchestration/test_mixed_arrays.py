"""One cohort on two arrays: what they share is learnt from, and each is measured by its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.problems import MatrixError
from cup_assets.console.classify import current_release, score_array
from cup_assets.methylome import BetaParameters, ManifestError, process_batch
from cup_assets.orchestration.inputs import installed_manifests, read_samples
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    cases_to_place,
    diagnostic_cases,
    load_training_data,
    probe_space,
    stack_betas,
)
from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.manifest_writer import write_manifest
from cup_assets_tests.orchestration.chain import DESIGN, PARAMETERS, Chain, failures

OLD, NEW = "mini", "cupnext-v1-simulated"
KEPT, TWICE, THRICE = 9_000, 300, 100
SHIFT = 5_000
# On chromosome 10 of the old build; the new one says X.
MOVED = "cg00009413"


def successor_manifest(folder: Path) -> Path:
    """Write the manifest of an array that follows ``mini`` as EPICv2 follows EPIC.

    It lacks a quarter of the probes, has some of them two or three times, names every probe with a
    suffix, has bead addresses of its own, and is on another genome build: positions are shifted,
    and `MOVED` lies on another chromosome.
    """
    old = array_layout(OLD)
    rs = old.probes.filter(kind="rs")
    cg = old.probes.filter(kind="cg").sort(pl.col("name") != MOVED, pl.col("name").hash(seed=1))[
        :KEPT
    ]
    twice = cg.filter(design="II")[: TWICE + THRICE]
    copies = [(pl.concat([cg, rs]), 1), (twice, 2), (twice[:THRICE], 3)]
    probes = pl.concat(
        [part.with_columns(probe_id=pl.format("{}_TC2{}", "name", pl.lit(n))) for part, n in copies]
    ).sort("probe_id")
    rng = np.random.default_rng(1)
    taken = 2 * len(probes) + len(old.controls)
    address = (10_700_000 + rng.permutation(10 * taken)[:taken]).astype(np.int32)
    a, b, control = np.split(address, [len(probes), 2 * len(probes)])
    layout = replace(
        old,
        descriptor="CupNext_v1_SIMULATED.bpm",
        build="hg38",
        probes=probes.with_columns(
            pos=pl.col("pos") - SHIFT,
            chrom=pl.when(pl.col("name") == MOVED).then(pl.lit("X")).otherwise("chrom"),
            address_a=pl.Series(a),
            address_b=pl.when(pl.col("design") == "I").then(pl.Series(b)),
        ),
        controls=old.controls.with_columns(address=pl.Series(control)),
    )
    folder.mkdir(parents=True)
    return write_manifest(layout, folder)


def cohort(design: CohortDesign, part: Path, data: Path) -> None:
    """Simulate a part of the cohort and move its batches and manifest into the data folder."""
    simulated = simulate_cohort(part, design)
    for source, target in (("landing", "landing"), ("manifests", "manifests")):
        (data / target).mkdir(parents=True, exist_ok=True)
        for item in (part / source).iterdir():
            shutil.move(item, data / target / item.name)
    assert len(simulated.batches) == 1


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which a batch of each array is computed; read only."""
    folder = tmp_path_factory.mktemp("mixed")
    data = folder / "data"
    classes = tuple((name, 5) for name, _ in DESIGN.classes)
    old = replace(DESIGN, classes=classes, diagnostic=2, biology=3, truth_betas=False)
    manifest = successor_manifest(folder / "new")
    new = replace(old, manifest=manifest, seed=2, first_number=101)
    cohort(old, folder / "one", data)
    cohort(new, folder / "two", data)
    (data / "parameters.toml").write_text(PARAMETERS)
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(data, instance)
        assert not failures(chain.up_to_date())
        yield chain


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
    for asset, note in (("panels/importance", "most important"), ("panels/cpg", "recommended")):
        version = mixed.catalogue.current(asset)
        assert version is not None
        (table,) = [text for name, text in version.summary["notes"].items() if note in name]
        heading, _, first, *_ = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        ]
        row = dict(zip(heading, first, strict=True))
        chrom, pos = place[row["probe_id"]]
        assert (row["hg19"], row["hg38"]) == (f"{chrom}:{pos}", f"{chrom}:{pos - SHIFT}"), asset
