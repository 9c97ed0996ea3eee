"""The doctor finds what is amiss, and nothing where nothing is."""

from __future__ import annotations

from collections import namedtuple

import pytest

from cup_assets.console import doctor
from cup_assets.console.doctor import run_doctor
from cup_assets.console.errors import ConsoleError
from cup_assets.settings import Settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def roomy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))


def printed_lines(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    out = capsys.readouterr().out
    return out, [line for line in out.splitlines() if line.startswith("✗")]


def test_a_complete_platform_is_in_good_health(
    platform: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    run_doctor(platform)
    out, amiss = printed_lines(capsys)
    assert amiss == []
    assert "manifest mini" in out
    assert "2 batches, 30 samples" in out


def test_a_broken_parameters_file_is_named(
    platform: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.parameters.write_text("[evaluation]\ntress = 3\n")
    with pytest.raises(ConsoleError, match="1 thing"):
        run_doctor(platform)
    (line,) = printed_lines(capsys)[1]
    assert "unknown entry 'tress'" in line
    assert "[evaluation]" in line  # brackets are no markup


def test_a_broken_database_is_named_with_the_remedy(
    platform: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.catalogue.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConsoleError, match="1 thing"):
        run_doctor(platform)
    (line,) = printed_lines(capsys)[1]
    assert "restore it from a backup" in line


def test_a_disk_that_is_nearly_full_is_told(
    platform: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 2**30))
    with pytest.raises(ConsoleError, match="1 thing"):
        run_doctor(platform)
    (line,) = printed_lines(capsys)[1]
    assert "1 GiB free" in line
