"""The intake: one fault refuses one sample with one line, and the rest of the batch goes on."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort import array_files
from cup_assets.cohort.intake import IntakeError, Inventory, batch_signature, take_inventory
from cup_assets.cohort.samplesheet import SAMPLE_SCHEMA
from cup_assets.methylome.idat import read_idat
from cup_assets.methylome.manifest import Manifest, load_manifests
from cup_assets.simulate import SimulatedCohort
from cup_assets.simulate.idat_writer import write_idat

HEADER = "Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material"
SLIDE = "200360140012"
ADDRESSES = np.arange(1_000, 1_060, dtype=np.int32)


def make_manifest(array: str, addresses: np.ndarray) -> Manifest:
    probes = pl.DataFrame({"address_a": addresses, "address_b": [None] * len(addresses)})
    return Manifest(
        array,
        f"{array}_manifest",
        "hg19",
        "hash",
        probes.cast(pl.Int32),
        pl.DataFrame({"address": []}, schema={"address": pl.Int32}),
    )


MANIFESTS = (make_manifest("mini", ADDRESSES), make_manifest("other", ADDRESSES + 50_000))


def idat(
    folder: Path,
    position: str,
    colour: str,
    *,
    slide: str = SLIDE,
    addresses: np.ndarray = ADDRESSES,
    name: str | None = None,
    gz: bool = False,
) -> Path:
    path = folder / (name or f"{slide}_{position}_{colour}.idat{'.gz' if gz else ''}")
    level = np.full(len(addresses), 900 if colour == "Grn" else 700)
    write_idat(path, addresses, level, level, level // 100, barcode=slide, position=position, gz=gz)
    return path


def row(sample: str, position: str, role: str = "reference", diagnosis: str = "normal") -> str:
    return f"{sample},{SLIDE},{position},P-{sample},{diagnosis},{role},FFPE"


def sheet(folder: Path, *rows: str) -> Path:
    path = folder / "samplesheet.csv"
    path.write_text("\n".join((HEADER, *rows, "")), encoding="utf-8")
    return path


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Three good samples S1, S2, S3 at R01C01, R02C01, R03C01."""
    folder = tmp_path / "landing" / "b1"
    folder.mkdir(parents=True)
    for position in ("R01C01", "R02C01", "R03C01"):
        for colour in ("Grn", "Red"):
            idat(folder, position, colour)
    sheet(folder, *(row(f"S{i}", f"R0{i}C01") for i in (1, 2, 3)))
    return folder


def take(batch: Path, **options: dict[str, str]) -> Inventory:
    return take_inventory(batch, batch.parent, MANIFESTS, **options)  # type: ignore[arg-type]


def names(inventory: Inventory) -> list[str]:
    return inventory.samples["sample_id"].to_list()


def error_lines(inventory: Inventory) -> list[str]:
    lines = [p.line for p in inventory.problems if p.severity == "error"]
    assert all(line.isprintable() for line in lines)
    return lines


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


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _wrong_magic(path: Path) -> None:
    path.write_bytes(b"XXXX" + path.read_bytes()[4:])


def _wrong_version(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4] + (1).to_bytes(8, "little") + content[12:])


def _corrupt_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes())[:-40])


def _huge(path: Path) -> None:
    content = bytearray(path.read_bytes())
    offset = content.index((60).to_bytes(4, "little"), 100)
    content[offset : offset + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)


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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "ends inside|truncated"),
        (_empty, "is empty"),
        (_wrong_magic, "is not an IDAT file"),
        (_wrong_version, "version 1"),
        (_corrupt_gz, "corrupt or truncated gzip"),
        (_huge, "bead types"),
    ],
)
@pytest.mark.parametrize("colour", ["Grn", "Red"])
def test_a_damaged_file_is_named_and_only_its_sample_refused(
    batch: Path, damage: Callable[[Path], None], message: str, colour: str
) -> None:
    path = batch / f"{SLIDE}_R02C01_{colour}.idat"
    damage(path)
    inventory = take(batch)
    assert names(inventory) == ["S1", "S3"]
    (line,) = error_lines(inventory)
    assert line.startswith(f"{path.name}: ")
    assert line.count(path.name) == 1
    assert re.search(message, line)
    assert path.name in inventory.files["path"].to_list()


def test_grn_and_red_with_other_bead_counts_are_refused(batch: Path) -> None:
    idat(batch, "R02C01", "Red", addresses=ADDRESSES[:-1])
    inventory = take(batch)
    assert names(inventory) == ["S1", "S3"]
    (line,) = error_lines(inventory)
    assert "hold 60 and 59 bead types: they are of different arrays" in line


def test_grn_and_red_of_other_arrays_are_refused(batch: Path) -> None:
    idat(batch, "R02C01", "Red", addresses=ADDRESSES + 50_000)
    (line,) = error_lines(take(batch))
    assert "hold different bead addresses" in line


def test_one_file_under_both_colours_is_refused(batch: Path) -> None:
    grn = batch / f"{SLIDE}_R02C01_Grn.idat"
    (batch / f"{SLIDE}_R02C01_Red.idat").write_bytes(grn.read_bytes())
    (line,) = error_lines(take(batch))
    assert "are the same file twice" in line


def test_a_renamed_pair_is_refused_because_its_header_says_otherwise(batch: Path) -> None:
    for colour in ("Grn", "Red"):
        idat(batch, "R08C01", colour, name=f"{SLIDE}_R02C01_{colour}.idat")
    inventory = take(batch)
    assert names(inventory) == ["S1", "S3"]
    assert all(f"was scanned as {SLIDE}_R08C01" in line for line in error_lines(inventory))


def test_an_unknown_array_is_refused_and_arrays_may_be_mixed(batch: Path) -> None:
    for colour in ("Grn", "Red"):
        idat(batch, "R02C01", colour, addresses=ADDRESSES + 900_000)
        idat(batch, "R03C01", colour, addresses=ADDRESSES + 50_000)
    inventory = take(batch)
    assert inventory.samples.select("sample_id", "array").rows() == [
        ("S1", "mini"),
        ("S3", "other"),
    ]
    (line,) = error_lines(inventory)
    assert line.startswith(f"{SLIDE}_R02C01_Grn.idat: no manifest describes")


def test_rows_without_files_and_files_without_rows_are_both_named(batch: Path) -> None:
    sheet(batch, row("S1", "R01C01"), row("S2", "R02C01"), row("S4", "R04C01"))
    inventory = take(batch)
    assert names(inventory) == ["S1", "S2"]
    assert error_lines(inventory) == [
        f"samplesheet.csv, line 4 (S4): there is no file {SLIDE}_R04C01_Grn.idat or"
        f" {SLIDE}_R04C01_Red.idat: copy both files into the batch folder",
        f"{SLIDE}_R03C01_Grn.idat and {SLIDE}_R03C01_Red.idat: no row of samplesheet.csv names"
        " this array: add the row, or remove the file",
    ]


def test_the_files_of_a_refused_row_are_not_reported_again(batch: Path) -> None:
    sheet(batch, row("S1", "R01C01"), row("S2", "R02C01", "what"), row("S3", "R03C01"))
    inventory = take(batch)
    assert [p.code for p in inventory.problems] == ["unknown_role"]
    assert names(inventory) == ["S1", "S3"]


def test_a_sample_or_array_of_another_batch_is_refused_but_not_of_this_one(batch: Path) -> None:
    inventory = take(
        batch,
        known={"s1": "b0", "S3": "b1"},
        known_arrays={f"{SLIDE}_R02C01": "b0", f"{SLIDE}_R03C01": "b1"},
    )
    assert names(inventory) == ["S3"]
    assert error_lines(inventory) == [
        "samplesheet.csv, line 2 (S1): Sample_ID 'S1' is already in batch b0:"
        " rename it, or retract the other",
        f"samplesheet.csv, line 3 (S2): array {SLIDE}_R02C01 is already in batch b0:"
        " correct the row, or retract the other",
    ]


def test_two_files_for_one_colour_refuse_the_sample(batch: Path) -> None:
    idat(batch, "R02C01", "Grn", gz=True)
    inventory = take(batch)
    assert names(inventory) == ["S1", "S3"]
    (line,) = error_lines(inventory)
    assert "is a second Grn file beside" in line


def test_a_file_whose_name_says_nothing_is_reported(batch: Path) -> None:
    (batch / "scan1.idat").write_bytes(b"x")
    (line,) = error_lines(take(batch))
    assert line.startswith("scan1.idat: is not named")


def test_links_out_of_the_landing_folder_are_not_followed(batch: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    grn = batch / f"{SLIDE}_R02C01_Grn.idat"
    grn.rename(secret)
    grn.symlink_to(secret)
    gone = batch / f"{SLIDE}_R03C01_Grn.idat"
    gone.unlink()
    gone.symlink_to(batch / "nowhere")
    inventory = take(batch)
    assert names(inventory) == ["S1"]
    assert error_lines(inventory) == [
        f"{grn.name}: is a link out of the landing folder: copy the file itself",
        f"{gone.name}: is a link to nothing: copy the file itself",
    ]
    assert grn.name not in inventory.files["path"].to_list()


def test_a_link_inside_of_the_landing_folder_is_followed(batch: Path) -> None:
    store = batch.parent / "store"
    store.mkdir()
    grn = batch / f"{SLIDE}_R02C01_Grn.idat"
    grn.rename(store / grn.name)
    grn.symlink_to(store / grn.name)
    assert take(batch).problems == ()


def test_a_pipe_is_refused_instead_of_waited_for(batch: Path) -> None:
    grn = batch / f"{SLIDE}_R02C01_Grn.idat"
    grn.unlink()
    os.mkfifo(grn)
    (line,) = error_lines(take(batch))
    assert "is not a regular file" in line


def test_a_batch_or_sheet_that_links_out_is_refused(batch: Path, tmp_path: Path) -> None:
    landing = tmp_path / "other_landing"
    landing.mkdir()
    (landing / "b1").symlink_to(batch)
    with pytest.raises(IntakeError, match="batch b1: is a link out of the landing folder"):
        take_inventory(landing / "b1", landing, MANIFESTS)
    (batch / "samplesheet.csv").rename(tmp_path / "sheet")
    (batch / "samplesheet.csv").symlink_to(tmp_path / "sheet")
    with pytest.raises(IntakeError, match=r"samplesheet.csv: is a link out of the landing"):
        take(batch)


def test_idats_in_a_sub_folder_are_mentioned(batch: Path) -> None:
    sub = batch / SLIDE
    sub.mkdir()
    idat(sub, "R04C01", "Grn")
    (warning,) = take(batch).problems
    assert (warning.code, warning.severity) == ("nested_files", "warning")
    assert f"{SLIDE}/: holds IDAT files" in warning.line


@pytest.mark.parametrize("name", ["b 1", "b\n1", "b...", "*", "-b"])
def test_a_batch_name_with_odd_characters_is_refused(batch: Path, name: str) -> None:
    with pytest.raises(IntakeError, match="rename the folder"):
        take(batch.rename(batch.parent / name))


def test_a_batch_without_a_sheet_is_refused_with_the_remedy(batch: Path) -> None:
    (batch / "samplesheet.csv").unlink()
    with pytest.raises(IntakeError, match=r"batch b1: samplesheet.csv is missing: add it"):
        take(batch)
    (batch / "SampleSheet.xlsx").write_bytes(b"PK")
    with pytest.raises(IntakeError, match=r"save SampleSheet.xlsx as 'CSV UTF-8'"):
        take(batch)


def test_two_sheets_are_refused(batch: Path) -> None:
    (batch / "Sample_Sheet.csv").write_text("x")
    with pytest.raises(IntakeError, match="has 2 sheets"):
        take(batch)


def test_an_unreadable_sheet_names_batch_and_sheet(batch: Path) -> None:
    (batch / "samplesheet.csv").write_text("Sample_ID\nS1\n")
    with pytest.raises(
        IntakeError, match=r"batch b1, samplesheet.csv: lacks the column Sentrix_ID"
    ):
        take(batch)


def test_without_manifests_nothing_is_read(batch: Path) -> None:
    with pytest.raises(IntakeError, match="no array manifest is installed"):
        take_inventory(batch, batch.parent, ())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="batch b9: cannot be listed"):
        take_inventory(tmp_path / "b9", tmp_path, MANIFESTS)


@pytest.mark.parametrize("change", ["rewrite", "add", "delete", "sheet"])
def test_a_batch_that_changes_while_it_is_read_is_refused_for_now(batch: Path, change: str) -> None:
    def meddling_mapper(
        function: Callable[[Path], array_files.ArrayFile],
        items: Iterable[Path],
        progress: object = None,
    ) -> list[array_files.ArrayFile]:
        results = [function(item) for item in items]
        if change == "rewrite":
            _truncate(batch / f"{SLIDE}_R01C01_Grn.idat")
        elif change == "add":
            idat(batch, "R04C01", "Grn")
        elif change == "delete":
            (batch / f"{SLIDE}_R01C01_Grn.idat").unlink()
        else:
            sheet(batch, row("S1", "R01C01"))
        return results

    with pytest.raises(IntakeError, match=r"changed while reading: it will be taken when it is st"):
        take_inventory(batch, batch.parent, MANIFESTS, mapper=meddling_mapper)  # type: ignore[arg-type]
    assert take_inventory(batch, batch.parent, MANIFESTS).usable


def test_a_batch_of_which_every_sample_fails_is_unusable_and_says_why(batch: Path) -> None:
    for path in batch.glob("*_Red.idat"):
        path.unlink()
    inventory = take(batch)
    assert not inventory.usable
    assert inventory.samples.schema == SAMPLE_SCHEMA
    assert len(error_lines(inventory)) == 3
    assert inventory.summary == "batch b1: 0 usable samples; missing_red 3"


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
