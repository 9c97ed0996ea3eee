"""The `cup` command as a user meets it: exit codes, and every error as one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.console.errors import ConsoleError, explained
from cup_assets_tests.console.conftest import Cup


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["materialize"], {}, "nothing has landed in "),
        (["audit", "NOBODY"], {}, "no sample NOBODY in "),
        (["classify", "nowhere"], {}, "nowhere is not a folder: "),
        (["doctor"], {"CUP_WORKERS": "none"}, "CUP_WORKERS='none': give a whole number"),
        (["simulate", "here", "--array", "9k"], {}, "9k"),
    ],
    ids=["nothing landed", "unknown sample", "no folder", "bad environment", "unknown array"],
)
def test_an_error_is_one_line_on_standard_error_and_the_exit_code_is_not_zero(
    cup: Cup, arguments: list[str], variables: dict[str, str], message: str
) -> None:
    run = cup(*arguments, **variables)
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("cup: ")
    assert message in line


def test_a_command_that_worked_exits_with_zero(cup: Cup) -> None:
    run = cup("--help")
    assert run.returncode == 0
    commands = (
        "demo",
        "simulate",
        "intake",
        "fetch",
        "materialize",
        "classify",
        "evaluate",
        "audit",
    )
    for command in (*commands, "panel", "export", "doctor", "ui"):
        assert command in run.stdout


def test_the_doctor_asks_for_the_manifests_of_an_empty_folder(cup: Cup) -> None:
    run = cup("doctor")
    assert run.returncode == 1
    amiss = [line for line in run.stdout.splitlines() if line.startswith("✗")]
    (line,) = (line for line in amiss if "GiB free" not in line)  # this machine's disk may be full
    assert "holds no manifest; put Illumina's manifest CSV file there" in line
    assert run.stderr.startswith(f"cup: {len(amiss)} thing(s) need a hand")


def test_errors_of_the_platform_are_explained_and_bugs_are_not() -> None:
    def clear() -> None:
        raise ConsoleError("do this")

    def full() -> None:
        raise OSError(28, "No space left on device", "betas.parquet")

    def bug() -> None:
        raise ValueError("shapes do not fit")

    assert explained(clear) == "do this"
    assert explained(full) == "the disk is full (betas.parquet): free space, run again"
    assert explained(lambda: None) is None
    with pytest.raises(ValueError, match="shapes"):
        explained(bug)


def test_two_headless_runs_on_one_folder_are_refused(cup: Cup, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / ".materialize.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = cup("materialize")
    assert run.returncode == 1
    assert "another `cup materialize` is at work" in run.stderr
