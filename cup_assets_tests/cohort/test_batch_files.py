"""Names and signatures: what the sensor can tell without opening a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cup_assets.cohort.batch_files import (
    MARKER,
    batch_key,
    batch_signature,
    idat_name,
    is_sheet,
    observe_batches,
)
from cup_assets.cohort.problems import IntakeError


def make_batch(landing: Path, name: str = "b1") -> Path:
    folder = landing / name
    folder.mkdir(parents=True)
    (folder / "samplesheet.csv").write_text("sheet")
    (folder / "1_R01C01_Grn.idat").write_text("grn")
    return folder


@pytest.mark.parametrize("name", ["b1", "B-2_x", "0", "a" * 64])
def test_a_plain_name_is_a_batch_key(name: str) -> None:
    assert batch_key(name) == name


@pytest.mark.parametrize("name", ["", "-b", "_b", "a/b", "..", "a.b", "a b", "é", "b\n", "a" * 65])
def test_a_name_with_path_or_odd_characters_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(IntakeError, match="rename the folder") as caught:
        batch_key(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("200360140012_R01C01_Grn.idat", ("200360140012", "R01C01", "Grn")),
        ("GSM123_200360140012_R08C01_red.IDAT.gz", ("200360140012", "R08C01", "Red")),
        ("5318317007_A_Red.idat", ("5318317007", "A", "Red")),
        ("200360140012_R01C01.idat", None),
        ("200360140012_R01C01_Grn.idat.part", None),
        ("notes.txt", None),
    ],
)
def test_an_idat_name_says_array_and_colour(
    name: str, expected: tuple[str, str, str] | None
) -> None:
    found = idat_name(name)
    assert (found and (found.barcode, found.position, found.colour)) == expected


def test_the_sheet_is_found_whatever_its_capitals() -> None:
    assert all(map(is_sheet, ("samplesheet.csv", "SampleSheet.csv", "Sample_Sheet.CSV")))
    assert not any(map(is_sheet, ("samplesheet.xlsx", "old samplesheet.csv.bak")))


def test_the_signature_changes_with_every_change_that_matters(tmp_path: Path) -> None:
    folder = make_batch(tmp_path)
    grn = folder / "1_R01C01_Grn.idat"
    seen = {batch_signature(folder)}
    grn.write_text("longer")
    seen.add(batch_signature(folder))
    os.utime(grn, ns=(0, 10**18))
    seen.add(batch_signature(folder))
    grn.rename(folder / "1_R01C01_Red.idat")
    seen.add(batch_signature(folder))
    (folder / "new").write_text("")
    seen.add(batch_signature(folder))
    assert len(seen) == 5


def test_the_signature_ignores_what_editors_and_copiers_leave(tmp_path: Path) -> None:
    folder = make_batch(tmp_path)
    before = batch_signature(folder)
    for name in (".DS_Store", ".~lock.x#", "~$x", "x~", "x.part", "x.TMP", "x.filepart", MARKER):
        (folder / name).write_text("x")
    (folder / "sub").mkdir()
    assert batch_signature(folder) == before


def test_the_marker_vouches_only_for_files_older_than_itself(tmp_path: Path) -> None:
    folder = make_batch(tmp_path)
    (folder / MARKER).touch()
    (seen,) = observe_batches(tmp_path)
    assert (seen.name, seen.marked, seen.n_files, seen.fault) == ("b1", True, 2, None)
    assert seen.signature == batch_signature(folder)
    later = (folder / MARKER).stat().st_mtime_ns + 10**9
    os.utime(folder / "samplesheet.csv", ns=(later, later))
    (seen,) = observe_batches(tmp_path)
    assert not seen.marked


def test_an_unfinished_copy_is_seen(tmp_path: Path) -> None:
    folder = make_batch(tmp_path)
    (folder / "1_R01C01_Red.idat.part").write_text("half")
    (seen,) = observe_batches(tmp_path)
    assert seen.partial == "1_R01C01_Red.idat.part"


def test_what_is_no_batch_is_left_out_or_explained(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    make_batch(landing)
    make_batch(tmp_path, "elsewhere")
    (landing / ".hidden").mkdir()
    (landing / "README.md").write_text("x")
    (landing / "1_R01C01_Grn.idat").write_text("x")
    (landing / "linked").symlink_to(tmp_path / "elsewhere")
    (landing / "inside").symlink_to(landing / "b1")
    faults = {seen.name: seen.fault or "" for seen in observe_batches(landing)}
    assert faults.keys() == {"1_R01C01_Grn.idat", "b1", "inside", "linked"}
    assert "outside of a batch" in faults["1_R01C01_Grn.idat"]
    assert "link out of the landing folder" in faults["linked"]
    assert faults["b1"] == faults["inside"] == ""


def test_a_dangling_link_does_not_stop_the_look(tmp_path: Path) -> None:
    folder = make_batch(tmp_path)
    (folder / "1_R01C01_Red.idat").symlink_to(folder / "gone")
    (seen,) = observe_batches(tmp_path)
    assert seen.n_files == 3


def test_a_missing_landing_folder_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="create or mount it"):
        observe_batches(tmp_path / "gone")
    with pytest.raises(IntakeError, match="check that the folder is there"):
        batch_signature(tmp_path / "gone")
