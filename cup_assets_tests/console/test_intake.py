"""A batch is checked where it lies, and copied as a whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cup_assets.cohort.batch_files import observe_batches
from cup_assets.console import intake
from cup_assets.console.errors import ConsoleError
from cup_assets.console.intake import run_intake
from cup_assets.settings import Settings


@pytest.fixture
def batch(platform: Settings, tmp_path: Path) -> Path:
    """Return a batch outside of the landing folder that is good to take in."""
    return shutil.copytree(platform.data / "aside" / "cases", tmp_path / "scanner" / "cases")


def landed(platform: Settings) -> list[str]:
    return [seen.name for seen in observe_batches(platform.landing)]


def test_a_good_batch_is_copied_and_marked_complete(
    platform: Settings, batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_intake(platform, batch)
    assert "batch cases: 3 usable samples" in capsys.readouterr().out
    (seen,) = [seen for seen in observe_batches(platform.landing) if seen.name == "cases"]
    assert seen.marked
    for file in batch.iterdir():
        assert (platform.landing / "cases" / file.name).read_bytes() == file.read_bytes()


def test_a_check_copies_nothing(platform: Settings, batch: Path) -> None:
    before = sorted(path.name for path in platform.landing.iterdir())
    run_intake(platform, batch, check_only=True)
    assert sorted(path.name for path in platform.landing.iterdir()) == before


def test_a_copy_that_breaks_off_is_never_seen_as_a_batch_and_can_be_repeated(
    platform: Settings, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[object] = []

    def copy(source: Path, target: Path) -> None:
        if len(copied) == 3:
            raise OSError(28, "No space left on device")
        copied.append(shutil.copyfile(source, target))

    monkeypatch.setattr(intake.shutil, "copy2", copy)
    with pytest.raises(OSError, match="No space left"):
        run_intake(platform, batch)
    assert len(copied) == 3
    assert "cases" not in landed(platform)
    monkeypatch.undo()
    run_intake(platform, batch)
    assert "cases" in landed(platform)
    assert not [path for path in platform.landing.iterdir() if path.name.startswith(".")]


def test_a_faulty_sample_is_printed_as_it_is_written_and_the_rest_is_copied(
    platform: Settings, batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = batch / "samplesheet.csv"
    first, second, *others = sheet.read_text().splitlines()
    spoilt = second.replace(",diagnostic,", ",[/red],")
    assert spoilt != second
    sheet.write_text("\n".join([first, spoilt, *others, ""]))
    run_intake(platform, batch)
    printed = capsys.readouterr().out
    assert "[/red]" in printed
    assert "line 2" in printed
    assert "2 usable samples" in printed


def test_a_batch_without_a_usable_sample_is_not_copied(platform: Settings, batch: Path) -> None:
    for path in batch.glob("*_Red.idat"):
        path.unlink()
    with pytest.raises(ConsoleError, match="no sample of cases can be used"):
        run_intake(platform, batch)
    assert "cases" not in landed(platform)


def test_samples_and_arrays_of_another_batch_are_refused(
    platform: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(platform.landing / "beta", tmp_path / "scanner" / "again")
    sheet = again / "samplesheet.csv"
    sheet.write_text(sheet.read_text().replace("SIM-0", "NEW-0"))
    with pytest.raises(ConsoleError, match="no sample of again"):
        run_intake(platform, again)
    assert "batch beta" in capsys.readouterr().out


def test_a_batch_of_the_same_name_is_not_overwritten(platform: Settings, tmp_path: Path) -> None:
    other = shutil.copytree(platform.data / "aside" / "cases", tmp_path / "scanner" / "beta")
    before = sorted((platform.landing / "beta").iterdir())
    with pytest.raises(ConsoleError, match="exists already: rename beta"):
        run_intake(platform, other)
    assert sorted((platform.landing / "beta").iterdir()) == before
