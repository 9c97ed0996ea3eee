"""The intake: one fault refuses one sample with one line, and the rest of the batch goes on."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from cup_assets.cohort import array_files
from cup_assets.cohort.intake import IntakeError, take_inventory
from cup_assets.cohort.samplesheet import SAMPLE_SCHEMA
from cup_assets_tests.cohort.small_batches import (
    ADDRESSES,
    MANIFESTS,
    SLIDE,
    error_lines,
    idat,
    names,
    row,
    sheet,
    take,
)


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
