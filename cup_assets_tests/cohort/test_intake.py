"""The intake takes what is good, and notes what a person should know of it."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from cup_assets.cohort import array_files
from cup_assets.cohort.intake import IntakeError, batch_signature, take_inventory
from cup_assets.cohort.samplesheet import SAMPLE_SCHEMA
from cup_assets.methylome.idat import read_idat
from cup_assets.methylome.manifest import load_manifests
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.cohort.small_batches import (
    MANIFESTS,
    SLIDE,
    error_lines,
    idat,
    names,
    row,
    sheet,
    take,
)


def test_a_good_batch_is_taken_whole(batch: Path) -> None:
    inventory = take(batch)
    assert inventory.usable
    assert inventory.problems == ()
    assert inventory.samples.schema == SAMPLE_SCHEMA
    assert inventory.signature == batch_signature(batch)
    first = inventory.samples.row(0, named=True)
    assert first == first | {
        "sample_id": "S1",
        "batch": "b1",
        "sentrix_id": SLIDE,
        "array": "mini",
        "class": "normal",
        "family": "normal",
        "grn": f"{SLIDE}_R01C01_Grn.idat",
        "scan_date": "2020-01-01T00:00:00",
    }
    digests = dict(inventory.files.select("path", "sha256").iter_rows())
    assert len(digests) == 7
    assert first["red_sha256"] == digests[f"{SLIDE}_R01C01_Red.idat"]


def test_the_data_version_follows_the_bytes_and_nothing_else(batch: Path) -> None:
    before = take(batch)
    os.utime(batch / "samplesheet.csv", ns=(0, 10**18))
    (batch / "notes.txt").write_text("x")
    touched = take(batch)
    assert touched.signature != before.signature
    assert touched.data_version == before.data_version
    sheet(batch, row("S1", "R01C01"), row("S2", "R02C01"), row("S3", "R03C01", "diagnostic"))
    assert take(batch).data_version != before.data_version


def test_a_compressed_pair_under_a_geo_name_is_taken(batch: Path) -> None:
    for colour in ("Grn", "Red"):
        plain = batch / f"{SLIDE}_R01C01_{colour}.idat"
        plain.unlink()
        idat(batch, "R01C01", colour, name=f"GSM1_{plain.name}.gz", gz=True)
    assert error_lines(take(batch)) == []


@pytest.mark.parametrize("colour", ["Grn", "Red"])
def test_a_missing_colour_is_named(batch: Path, colour: str) -> None:
    (batch / f"{SLIDE}_R02C01_{colour}.idat").unlink()
    inventory = take(batch)
    assert names(inventory) == ["S1", "S3"]
    assert error_lines(inventory) == [
        f"samplesheet.csv, line 3 (S2): {SLIDE}_R02C01_{colour}.idat is missing:"
        " copy it from the scanner"
    ]


def test_the_record_of_where_a_batch_came_from_is_one_of_its_files(
    batch: Path, tmp_path: Path
) -> None:
    without = take(batch)
    record = batch / "provenance.json"
    record.write_text("{}")
    inventory = take(batch)
    files = dict(inventory.files["path", "sha256"].iter_rows())
    assert files["provenance.json"] == array_files.file_digest(record)[1]
    assert inventory.data_version != without.data_version
    assert inventory.samples.equals(without.samples)
    record.unlink()
    (tmp_path / "elsewhere.json").write_text("{}")
    record.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntakeError, match=r"provenance\.json"):
        take(batch)


def test_references_that_cannot_train_are_taken_with_a_warning(batch: Path) -> None:
    sheet(
        batch,
        row("S1", "R01C01", diagnosis=""),
        row("S2", "R02C01", diagnosis="zebra"),
        row("S3", "R03C01", "diagnostic", diagnosis=""),
    )
    inventory = take(batch)
    assert names(inventory) == ["S1", "S2", "S3"]
    assert [(p.code, p.severity) for p in inventory.problems] == [
        ("no_diagnosis", "warning"),
        ("unmapped_diagnosis", "warning"),
    ]
    assert "line 3: diagnosis 'zebra'" in inventory.problems[1].line
    assert inventory.samples["class"].to_list() == [None, None, None]


def test_errors_come_before_warnings_and_notes(batch: Path) -> None:
    sheet(batch, row("S1", "R01C01", "", diagnosis=""), row("S2", "R02C01", diagnosis="zebra"))
    severities = [p.severity for p in take(batch).problems]
    assert severities == ["error", "warning", "note"]


def test_progress_counts_files(batch: Path) -> None:
    seen: list[tuple[int, int]] = []
    take_inventory(
        batch, batch.parent, MANIFESTS, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (6, 6)


def test_a_simulated_cohort_is_taken_whole(mini_cohort: SimulatedCohort, tmp_path: Path) -> None:
    manifests = load_manifests(mini_cohort.manifests, tmp_path / "cache")
    known: dict[str, str] = {}
    for batch in mini_cohort.batches:
        folder = mini_cohort.landing / batch
        inventory = take_inventory(folder, mini_cohort.landing, manifests, known=known)
        assert error_lines(inventory) == []
        known |= dict.fromkeys(inventory.samples["sample_id"], batch)
    truth = pl.read_parquet(mini_cohort.truth / "samples.parquet")
    assert known == dict(truth.select("sample_id", "batch").iter_rows())


def test_the_real_27k_files_are_a_batch_of_their_own(reference_data: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    batch = landing / "hm27"
    batch.mkdir(parents=True)
    source = reference_data / "hm27"
    for path in source.glob("*.idat"):
        (batch / path.name).write_bytes(path.read_bytes())
    lines = [f"real_{p},5318317007,{p},P{p},,diagnostic,frozen" for p in "ABC"]
    sheet(batch, *lines)
    inventory = take_inventory(batch, landing, load_manifests(source, tmp_path / "cache"))
    assert inventory.samples["array"].to_list() == ["hm27"] * 3
    assert inventory.samples["scan_date"][0] == "2010-05-25T05:30:34"
    assert inventory.problems == ()


def test_real_files_of_other_arrays_are_refused(reference_data: Path, batch: Path) -> None:
    foreign = reference_data / "not_methylation"
    snp, expression = "4019585376_B_Red.idat.gz", "6016741005_A_Grn.idat"
    for name in (snp, expression):
        (batch / name).write_bytes((foreign / name).read_bytes())
    (batch / expression.replace("Grn", "Red")).write_bytes((foreign / expression).read_bytes())
    addresses = read_idat(foreign / snp).address
    idat(batch, "B", "Grn", slide="4019585376", addresses=addresses)
    sheet(
        batch,
        row("S1", "R01C01"),
        row("S2", "R02C01"),
        row("S3", "R03C01"),
        "SNP,4019585376,B,P4,,diagnostic,frozen",
        "RNA,6016741005,A,P5,,diagnostic,frozen",
    )
    inventory = take(batch)
    assert names(inventory) == ["S1", "S2", "S3"]
    snp_line, *expression_lines = error_lines(inventory)
    assert snp_line.startswith("4019585376_B_Grn.idat: no manifest describes these 381,079 bead")
    assert len(expression_lines) == 2
    assert all("version 1" in line for line in expression_lines)
