"""Coverage-guided fuzzing of the readers: `make fuzz`.

Belongs here: running atheris (libFuzzer) on the targets for a given time, and what it came to. Does
not belong here: the laws (`targets`) and the seeds (`corpus`).

Every target runs in a process of its own, because a finding ends it. What it learnt is kept in the
corpus folder and taken up again the next time; a finding is kept there as a file, and running
``--target NAME --replay FILE`` shows it again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MEGABYTES = 2_000  # of memory a process; native panics and leaks show as findings, too
SLOWEST = 20  # seconds an input may take
LONGEST = {"pair": 60_000}  # bytes of an input
INSTRUMENTED = ("cup_assets.cohort", "cup_assets.methylome", "cup_assets.public", "csv", "gzip")


def fuzz_one(target: str, folder: Path, options: list[str]) -> None:
    """Hand this process over to libFuzzer, which does not come back."""
    import atheris

    with atheris.instrument_imports(include=list(INSTRUMENTED), enable_loader_override=False):
        from cup_assets_tests.fuzz import targets

    scratch = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_fast()))
    for name, seed in _seeds(target).items():
        (folder / name).write_bytes(seed)

    def one(data: bytes) -> None:
        targets.accepts(target, data, scratch)

    atheris.Setup([sys.argv[0], *options, str(folder)], one)
    atheris.Fuzz()


def _fast() -> str | None:
    """Return a folder in memory where there is one: every input is written as a file."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _seeds(target: str) -> dict[str, bytes]:
    from cup_assets_tests.fuzz.corpus import real_seeds, seeds

    found = [*seeds(target), *real_seeds(target)]
    return {f"seed-{hashlib.sha256(seed).hexdigest()[:12]}": seed for seed in found}


def explore(target: str, seconds: int, corpus: Path) -> tuple[str, bool]:
    """Fuzz one target in its own process; return a row of the table, and whether all was well."""
    folder, findings = corpus / target, corpus / "findings" / target
    folder.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-timeout={SLOWEST}",
        f"-max_len={LONGEST.get(target, 20_000)}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-seed=1",
    ]
    command = [sys.executable, "-m", __spec__.name, "--target", target, "--corpus", str(corpus)]
    done = subprocess.run([*command, "--", *options], capture_output=True, text=True, check=False)
    (corpus / f"{target}.log").write_text(done.stdout + done.stderr)
    executed = re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)
    progress = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr)
    first, last = (progress or [("?", "?", "?")])[0], (progress or [("?", "?", "?")])[-1]
    memory = re.findall(r"stat::peak_rss_mb: +(\d+)", done.stderr)
    clean = done.returncode == 0
    finding = "none" if clean else f"FOUND: {_what(done.stderr)}"
    row = (
        f"{target:<14}{int((executed or [0])[-1]):>11,}{first[0]:>8}{last[0]:>8}{last[1]:>10}"
        f"{last[2]:>8}{(memory or ['?'])[-1]:>8}  {finding}"
    )
    return row, clean


def _what(log: str) -> str:
    lines = [
        line for line in log.splitlines() if re.match(r"^(\w+\.)*\w*(Error|Exception)\b", line)
    ]
    return (lines or [line for line in log.splitlines() if "ERROR:" in line] or ["see the log"])[0][
        :150
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--corpus", type=Path, default=Path("data/fuzz"))
    parser.add_argument("--target", help="one target instead of all")
    parser.add_argument("--replay", type=Path, help="read this one file as the target would")
    parser.add_argument("options", nargs="*", help="for libFuzzer, within one process")
    given = parser.parse_args()
    if given.replay:
        from cup_assets_tests.fuzz.targets import accepts

        with tempfile.TemporaryDirectory() as folder:
            accepted = accepts(given.target, given.replay.read_bytes(), Path(folder))
        print("accepted" if accepted else "refused in one line")
        return
    if given.options:
        fuzz_one(given.target, given.corpus / given.target, given.options)
        return
    from cup_assets_tests.fuzz.targets import TARGETS

    print(
        f"{'target':<14}{'executions':>11}{'cov. 0':>8}{'cov.':>8}{'features':>10}{'corpus':>8}"
        f"{'MB':>8}  findings",
        flush=True,
    )
    clean = True
    for target in [given.target] if given.target else TARGETS:
        row, passed = explore(target, given.seconds, given.corpus)
        print(row, flush=True)
        clean &= passed
    sys.exit(not clean)


if __name__ == "__main__":
    main()
