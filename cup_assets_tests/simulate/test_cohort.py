from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cup_assets.compute import local
from cup_assets.methylome.idat import read_idat
from cup_assets.simulate import CohortDesign, SimulatedCohort, SimulationError, simulate_cohort
from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.cohort import measure_sample
from cup_assets.simulate.people import draw_samples

COLUMNS = "Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material,sex,site,cohort"
SMALL = replace(
    CohortDesign.tiny(),
    classes=(("nut carcinoma", 3), ("warthin tumour", 3)),
    normals=2,
    diagnostic=1,
    second_samples=0,
)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sheet(cohort: SimulatedCohort, batch: str) -> pl.DataFrame:
    text = (cohort.landing / batch / "samplesheet.csv").read_text()
    return pl.read_csv(text[text.index("Sample_ID") :].encode(), infer_schema=False)


@pytest.fixture(scope="module")
def samples(mini_cohort: SimulatedCohort) -> pl.DataFrame:
    return pl.read_parquet(mini_cohort.truth / "samples.parquet")


def test_the_same_seed_gives_the_same_bytes_whoever_computes_them(tmp_path: Path) -> None:
    for name, mapper in (("one", None), ("two", local(2))):
        extra: dict[str, Any] = {"mapper": mapper} if mapper else {}
        simulate_cohort(tmp_path / name, SMALL, **extra)
    one, two = _hashes(tmp_path / "one"), _hashes(tmp_path / "two")
    assert one == two
    assert len([name for name in one if name.endswith(".idat")]) == 2 * SMALL.n_samples


def test_another_seed_gives_another_cohort_on_the_same_array(tmp_path: Path) -> None:
    one = simulate_cohort(tmp_path / "one", SMALL)
    two = simulate_cohort(tmp_path / "two", replace(SMALL, seed=2))
    assert _hashes(one.manifests) == _hashes(two.manifests)
    kept = set(_hashes(one.landing).items()) & set(_hashes(two.landing).items())
    assert {Path(name).name for name, _ in kept} <= {"_COMPLETE"}


def test_compressed_files_hold_the_same_bytes(tmp_path: Path) -> None:
    plain = simulate_cohort(tmp_path / "plain", SMALL)
    packed = simulate_cohort(tmp_path / "packed", replace(SMALL, gz=True))
    files = sorted(plain.landing.rglob("*.idat"))
    assert files
    for file in files:
        other = packed.landing / file.relative_to(plain.landing).with_suffix(".idat.gz")
        assert gzip.decompress(other.read_bytes()) == file.read_bytes()
    assert not list(packed.landing.rglob("*.idat"))


def test_every_sample_has_its_pair_and_every_batch_is_complete(
    mini_cohort: SimulatedCohort, samples: pl.DataFrame
) -> None:
    assert mini_cohort.batches == ("SIM-B01", "SIM-B02")
    for batch in mini_cohort.batches:
        rows = samples.filter(pl.col("batch") == batch)
        stems = (rows["sentrix_id"] + "_" + rows["sentrix_position"]).to_list()
        expected = {f"{stem}_{color}.idat" for stem in stems for color in ("Grn", "Red")}
        found = {path.name for path in (mini_cohort.landing / batch).iterdir()}
        assert found == expected | {"samplesheet.csv", "_COMPLETE"}


def test_the_files_name_their_chip_position_and_scan(
    mini_cohort: SimulatedCohort, samples: pl.DataFrame
) -> None:
    for row in samples.head(3).iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        green, red = (
            read_idat(mini_cohort.landing / row["batch"] / f"{stem}_{color}.idat")
            for color in ("Grn", "Red")
        )
        for idat in (green, red):
            assert f"{idat.barcode}_{idat.position}" == stem
            assert len(idat.address) == 15_800
            assert idat.scan_date is not None
            assert idat.scan_date.startswith("2020")
        np.testing.assert_array_equal(green.address, red.address)
        assert not np.array_equal(green.mean, red.mean)


def test_sheets_come_in_both_layouts_with_the_documented_columns(
    mini_cohort: SimulatedCohort,
) -> None:
    texts = [
        (mini_cohort.landing / batch / "samplesheet.csv").read_text()
        for batch in mini_cohort.batches
    ]
    assert texts[0].startswith("[Header]")
    assert texts[0].split("[Data]")[1].split("\n")[1] == COLUMNS
    assert texts[1].split("\n")[0] == COLUMNS
    assert all("SIMULATED" in text for text in texts)


def test_the_truth_agrees_with_the_sheets(
    mini_cohort: SimulatedCohort, samples: pl.DataFrame
) -> None:
    sheets = pl.concat([_sheet(mini_cohort, batch) for batch in mini_cohort.batches])
    both = sheets.join(samples, left_on="Sample_ID", right_on="sample_id", validate="1:1")
    assert len(both) == len(samples) == 47
    same = ("patient_id", "role", "material", "site", ("sex", "labelled_sex"))
    for name in same:
        sheet, truth = name if isinstance(name, tuple) else (name, f"{name}_right")
        assert (both[sheet] == both[truth]).all()
    assert (
        both["diagnosis"]
        .fill_null("")
        .equals(both["labelled_class"].fill_null("").rename("diagnosis"))
    )
    assert set(both["labelled_class"].drop_nulls()) <= set(CLASSES) | {"normal"}
    assert set(both["cohort"]) == {"SIMULATED"}
    assert both["swapped"].sum() == 2
    assert both["duplicate_of"].drop_nulls().len() == 1


def test_the_true_betas_are_those_of_the_samples(
    mini_cohort: SimulatedCohort, samples: pl.DataFrame
) -> None:
    betas = pl.read_parquet(mini_cohort.truth / "betas.parquet")
    assert betas.columns == ["probe_id", *samples["sample_id"]]
    assert set(betas.dtypes[1:]) == {pl.Float32}
    design = CohortDesign.tiny(seed=1)
    drawn = draw_samples(design, tuple(f"R{r:02d}C{c:02d}" for c in (1, 2) for r in range(1, 7)))
    for sample in drawn[:2]:
        _, truth = measure_sample(design, sample)
        np.testing.assert_allclose(betas[sample.sample_id].to_numpy(), truth, atol=6e-5)
    assert not list(mini_cohort.truth.glob(".*"))


def test_the_other_tables_of_the_truth_name_known_samples_and_probes(
    mini_cohort: SimulatedCohort, samples: pl.DataFrame
) -> None:
    truth = {path.stem: pl.read_parquet(path) for path in mini_cohort.truth.glob("*.parquet")}
    assert set(truth) == {"samples", "betas", "segments", "probes", "effects"}
    ids = set(truth["betas"]["probe_id"])
    assert set(truth["segments"]["sample_id"]) == set(samples["sample_id"])
    assert set(truth["probes"]["probe_id"]) < ids
    assert set(truth["probes"]["level"]) == {"tumour", "family", "class"}
    assert set(truth["probes"].filter(pl.col("level") == "class")["group"]) == {
        name for name, _ in CohortDesign.tiny().classes
    }
    assert set(truth["effects"]["probe_id"]) == ids
    assert "batch/SIM-B01/m" in truth["effects"].columns
    assert "ffpe/FFPE/u" in truth["effects"].columns
    normals = samples.filter(pl.col("role") == "normal_control")["sample_id"]
    flat = truth["segments"].filter(pl.col("sample_id").is_in(normals.implode()))
    assert (flat["log2"] == 0).all()
    assert truth["segments"].filter(pl.col("kind") == "arm").height > 20
    assert truth["segments"].filter(pl.col("kind") == "focal").height > 3


def test_everything_a_person_opens_says_simulated(mini_cohort: SimulatedCohort) -> None:
    assert "SIMULATED" in (mini_cohort.folder / "README.txt").read_text()
    for manifest in mini_cohort.manifests.iterdir():
        assert "SIMULATED" in manifest.name
        assert "SIMULATED" in manifest.read_text()[:300]


def test_the_truth_of_betas_can_be_left_out(tmp_path: Path) -> None:
    cohort = simulate_cohort(tmp_path, replace(SMALL, truth_betas=False))
    assert not (cohort.truth / "betas.parquet").exists()
    assert (cohort.truth / "samples.parquet").exists()


def test_a_users_manifest_gives_the_array(tmp_path: Path, mini_cohort: SimulatedCohort) -> None:
    manifest = next(mini_cohort.manifests.iterdir())
    cohort = simulate_cohort(tmp_path, replace(SMALL, manifest=manifest))
    written = cohort.manifests / manifest.name
    assert written.read_bytes() == manifest.read_bytes()
    idat = read_idat(next(cohort.landing.rglob("*_Grn.idat")))
    assert len(idat.address) == 15_800 - _spare(manifest)


def _spare(manifest: Path) -> int:
    from cup_assets.methylome.manifest import read_manifest

    return 15_800 - len(read_manifest(manifest).addresses)


def test_a_complete_cohort_is_not_overwritten(mini_cohort: SimulatedCohort) -> None:
    with pytest.raises(SimulationError, match="already holds a simulated cohort"):
        simulate_cohort(mini_cohort.folder, CohortDesign.tiny(seed=1))


def test_a_cohort_cut_short_is_finished_by_its_design_only(tmp_path: Path) -> None:
    whole = simulate_cohort(tmp_path / "whole", SMALL)

    class KilledError(RuntimeError):
        pass

    def killed(done: int, total: int) -> None:
        if done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        simulate_cohort(tmp_path / "cut", SMALL, progress=killed)
    assert not list((tmp_path / "cut").rglob("_COMPLETE"))
    with pytest.raises(SimulationError, match="beginning of another simulated cohort"):
        simulate_cohort(tmp_path / "cut", replace(SMALL, seed=2))
    simulate_cohort(tmp_path / "cut", SMALL)
    assert _hashes(tmp_path / "cut") == _hashes(whole.folder)


def test_progress_counts_the_samples(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate_cohort(tmp_path, SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, SMALL.n_samples) for i in range(1, SMALL.n_samples + 1)]
