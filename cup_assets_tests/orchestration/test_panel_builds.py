"""Panels of a cohort on two arrays: places by build, CpGs by the names that the arrays share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.problems import MatrixError
from cup_assets.console.classify_panel import panel_release, run_classify_panel
from cup_assets.console.panel import run_panel
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.orchestration.mixed import NEW, OLD, mixed_folder

Truth = dict[tuple[str, str], tuple[str, int]]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return where a batch of each array is computed; read only."""
    return Settings(mixed_folder(tmp_path_factory), workers=1)


@pytest.fixture(scope="module")
def truth(mixed: Settings) -> Truth:
    """Return the place of each CpG by build and name, as the manifest of its array says."""
    rows = Catalogue(mixed.catalogue).query("SELECT DISTINCT build, name, chrom, pos FROM probes")
    return {(build, name): (chrom, pos) for build, name, chrom, pos in rows.iter_rows()}


def check_bed(file: Path, build: str, truth: Truth, names: set[str]) -> None:
    """Compare a file of targets, of which none had to be left out, with the build's places."""
    head, *lines = file.read_text().splitlines()
    assert f"genome build {build}," in head
    found = {
        name: (chrom, int(start), int(end)) for chrom, start, end, name in map(str.split, lines)
    }
    assert found == {
        name: (f"chr{chrom}", pos - 1, pos + 1)
        for (of, name), (chrom, pos) in truth.items()
        if of == build and name in names
    }


def test_targets_lie_where_their_build_says_in_the_table_and_in_every_file(
    mixed: Settings, truth: Truth
) -> None:
    targets = Catalogue(mixed.catalogue).query("SELECT * FROM assay_targets ORDER BY ALL")
    assert set(targets["technology"]) == {"array", "pyrosequencing"}
    assert targets["build"].n_unique() == 1  # windows are laid in one, and moved to the other
    for name, build, chrom, start, end in targets.select(
        "probe_id", "build", "chrom", "start", "end"
    ).iter_rows():
        assert (chrom, start + 1) == truth[build, name]
        assert end == start + 2
    for technology, own in targets.partition_by("technology", as_dict=True).items():
        for build in ("hg19", "hg38"):
            file = mixed.reports / "assays" / f"{technology[0]}_targets_{build}.bed"
            check_bed(file, build, truth, set(own["probe_id"]))
    assert all(truth["hg19", name] != truth["hg38", name] for name in targets["probe_id"])


def test_a_differential_diagnosis_has_its_files_in_both_builds(
    mixed: Settings, truth: Truth, tmp_path: Path
) -> None:
    classes = ["adenoid_cystic_carcinoma", "olfactory_neuroblastoma"]
    out = run_panel(mixed, classes, 4, out=tmp_path / "asked", technology="pyrosequencing")
    cpgs = pl.read_csv(out / "cpgs.csv", schema_overrides={"chrom": pl.String})
    for name, build, chrom, start in cpgs.select("probe_id", "build", "chrom", "start").iter_rows():
        assert (chrom, start + 1) == truth[build, name]
    for build in ("hg19", "hg38"):
        check_bed(out / f"targets_{build}.bed", build, truth, set(cpgs["probe_id"]))
        assert set(pl.read_csv(out / f"order_{build}.csv")["build"]) == {build}


@pytest.mark.parametrize("technology", ["array", "pyrosequencing"])
def test_a_released_panel_calls_samples_of_either_array_by_the_common_names(
    mixed: Settings, truth: Truth, tmp_path: Path, technology: str
) -> None:
    release = panel_release(mixed, technology)
    about, names = release.record["panel"], release.probe_ids.tolist()
    for target in about["targets"]:
        assert (target["chrom"], target["start"] + 1) == truth[about["build"], target["probe_id"]]
    data = load_training_data(Platform(data=str(mixed.data)))
    at = [data.probe_ids.tolist().index(name) for name in names]
    betas = dict(zip(names, data.X[:, at].T.astype(float), strict=True))
    run = pl.DataFrame({"sample_id": data.sample_ids, "material": data.material, **betas})
    run = run.with_columns(pl.col(names).fill_nan(None))
    run.write_csv(tmp_path / "run.csv")
    calls = pl.read_csv(run_classify_panel(mixed, tmp_path / "run.csv", technology))
    right = (calls["class"] == pl.Series(data.y.tolist())).to_numpy()
    assert set(data.array) == {OLD, NEW}
    for array in (OLD, NEW):
        assert np.mean(right[data.array == array]) > 0.6  # blindly: a third
    run.rename({names[0]: f"{names[0]}_TC21"}).write_csv(tmp_path / "next.csv")
    with pytest.raises(MatrixError, match=f"name {names[0]}_TC21 by the CpG alone: {names[0]}"):
        run_classify_panel(mixed, tmp_path / "next.csv", technology)
