"""Time and memory from a pair of IDAT files to betas: ours, mepylome and methylprep.

    make bench-normalisation
    python benchmarks/normalisation.py --rounds 31 --without-methylprep

Full-size 450k samples (Illumina's own manifest where the reference data are at hand). Every engine
runs in a process of its own with one thread, is warmed (manifest read, modules imported, files in
the page cache), and is then asked in turn with the others, so that whatever else the machine does
meets them all. mepylome is installed into an environment of its own, kept in the user's temporary
folder, and takes its manifest from the local CSV into a cache folder of this run.

Processor seconds are those of the process; where the machine is busy they say more than wall time.
Memory is the process's largest resident set, the interpreter and reading the manifest included.
Ours ends with betas, detection p-values, masks and quality measures, mepylome's with betas. About
four minutes, most of them methylprep's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.full_size_pairs import Pairs, plain_manifest, real_450k, simulated_pairs
from benchmarks.peers.contest import Answer, Contender
from benchmarks.peers.environments import MEPYLOME, default_folder, mepylome_python
from cup_assets.methylome.methods import METHODS

_OURS = "ours noob"
_READING = ("bytes", "reading")


def main() -> None:
    options = _options()
    console = Console(highlight=False, width=130)
    python = None if options.without_mepylome else mepylome_python(options.environments)
    manifest = options.manifest or (real_450k() if options.array == "450k" else None)
    with (
        simulated_pairs(options.array, manifest) as found,
        TemporaryDirectory(prefix="cup-normalisation-") as work,
    ):
        quick = _quick(found, Path(work), python)
        answers = _in_turn(quick, options.rounds)
        if not options.without_methylprep:
            slow = [
                _contender("methylprep", method, found, Path(work)) for method in ("noob", "sesame")
            ]
            answers |= _in_turn(slow, 2, warm=False)
    console.print(_table(answers, found.manifest.name))
    for line in _verdict(answers):
        console.print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k", help="450k, epic or epicv2")
    parser.add_argument("--manifest", type=Path, help="Illumina's manifest CSV of the array")
    parser.add_argument("--rounds", type=int, default=21, help="runs of each engine but methylprep")
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--without-mepylome", action="store_true")
    parser.add_argument("--without-methylprep", action="store_true")
    return parser.parse_args()


def _contender(
    engine: str, method: str, found: Pairs, work: Path, python: Path = Path(sys.executable)
) -> Contender:
    manifest = plain_manifest(found.manifest, work) if engine == "mepylome" else found.manifest
    return Contender(engine, method, manifest, work / f"{engine}-{method}", found.pairs, python)


def _quick(found: Pairs, work: Path, python: Path | None) -> list[Contender]:
    quick = [_contender(engine, "", found, work) for engine in _READING]
    quick += [_contender("ours", method, found, work) for method in METHODS]
    if python:
        quick += [
            _contender("mepylome", method, found, work, python)
            for method in ("noob", "illumina", "raw")
        ]
    return quick


def _in_turn(
    contenders: list[Contender], rounds: int, *, warm: bool = True
) -> dict[str, list[Answer]]:
    """Ask all contenders round by round, the two samples alternating."""
    if warm:
        # The first start fills caches on disk (parsed manifests); the process measured finds them.
        for contender in contenders:
            contender.ask()
            contender.end()
        for _ in range(3):
            for contender in contenders:
                contender.ask(0)
                contender.ask(1)
    answers: dict[str, list[Answer]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            answers[contender.name].append(contender.ask(turn % 2))
    for contender in contenders:
        contender.end()
    return answers


def _table(answers: dict[str, list[Answer]], manifest: str) -> Table:
    table = Table(title=f"IDAT pair to betas, one core, {manifest}; load {os.getloadavg()[0]:.1f}")
    table.add_column("engine, method")
    for name in ("runs", "wall best", "wall median", "CPU best", "CPU median", "peak MB"):
        table.add_column(name, justify="right")
    table.add_column("CPU median / ours noob", justify="right")
    ours = statistics.median(answer.processor for answer in answers[_OURS])
    for name, found in answers.items():
        wall = [answer.wall for answer in found]
        processor = [answer.processor for answer in found]
        table.add_row(
            _label(name),
            str(len(found)),
            *(f"{value:.4f}" for value in (min(wall), statistics.median(wall))),
            *(f"{value:.4f}" for value in (min(processor), statistics.median(processor))),
            f"{max(answer.memory for answer in found) / 1e6:.0f}",
            f"{statistics.median(processor) / ours:.2f}",
        )
    return table


def _label(name: str) -> str:
    if name == "bytes":
        return "the files' bytes only"
    if name == "reading":
        return "ours, reading only"
    return name.replace("mepylome", f"mepylome {MEPYLOME}")


def _verdict(answers: dict[str, list[Answer]]) -> list[str]:
    """Ratios by wall and by processor time, best over best and median over median."""

    def ratio(name: str) -> str:
        parts = []
        for what, of in (("wall", 0), ("CPU", 1)):
            theirs = [answer[of] for answer in answers[name]]
            ours = [answer[of] for answer in answers[_OURS]]
            parts.append(
                f"{what} {min(theirs) / min(ours):.1f} (best) "
                f"{statistics.median(theirs) / statistics.median(ours):.1f} (median)"
            )
        return ", ".join(parts)

    ours = statistics.median(answer.processor for answer in answers[_OURS])
    lines = [
        f"{_label(name)}: {statistics.median(a.processor for a in answers[name]) / ours:.0%} "
        f"of {_OURS}"
        for name in _READING
    ]
    return lines + [
        f"{_label(name)} / {_OURS}: {ratio(name)}"
        for name in ("mepylome noob", "methylprep noob")
        if name in answers
    ]


if __name__ == "__main__":
    main()
