"""Compare our betas and p-values with two other engines', probe by probe, and explain what remains.

    make bench-parity
    python benchmarks/parity.py --manifest HumanMethylation450_15017482_v1-2.csv

One frozen and one FFPE sample are simulated on a full-size array (Illumina's own 450k manifest
where the reference data are at hand) and go through all engines; so do the three real
HumanMethylation27 samples of the reference data, where at hand. Then each of the other engine's
choices that differs from the published definition is put into a plain copy of ours, one after the
other, until nothing remains.

methylprep is the reference. mepylome's noob follows minfi's to the letter and rounds nothing; it
runs in an environment of its own. Where R has them, both methods also run on the R functions that
minfi and sesame are made of. "error" is the mean distance of ours, so changed, from the true beta.
About four minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.full_size_pairs import (
    Pair,
    real_450k,
    real_hm27,
    simulated_pairs,
)
from benchmarks.peers import ladder
from benchmarks.peers.contest import mepylome_betas
from benchmarks.peers.environments import default_folder, mepylome_python
from benchmarks.peers.plain import Intensities, intensities
from benchmarks.peers.r_functions import betas_in_r, missing
from cup_assets.methylome import (
    BetaParameters,
    Idat,
    Manifest,
    SampleSignal,
    process_pair,
    read_idat,
)
from cup_assets.methylome import read_manifest as read
from cup_assets.methylome.reference_engine import (
    MODES,
    ReferenceEngineError,
    ReferenceSignal,
    reference_signal,
)

Floats = NDArray[np.float64]
_CLOSE = 1e-3
_TYPES = ("I", "II")
# In the order in which each one needs those before it.
_CHOICES = (
    ("its channels, exchanged", "moved"),
    ("noob before dye bias", "noob_before_dye"),
    ("background of detected probes", "detected_background"),
    ("dye bias from detected probes", "dye_of_detected"),
    ("its stretched quantiles", "stretched_quantiles"),
    ("rounded intensities", "rounded"),
)


@dataclass(frozen=True)
class Report:
    """What is printed at the end."""

    console: Console
    agreement: Table
    detection: Table
    steps: Table
    with_r: bool

    def end_of_sample(self) -> None:
        """Draw a line below a sample."""
        for table in (self.agreement, self.steps):
            table.add_section()


def main() -> None:
    options = _options()
    console = Console(highlight=False, width=150)
    python = None if options.without_mepylome else mepylome_python(options.environments)
    lacking = missing()
    if lacking:
        console.print(f"without R: {lacking}")
    detection = Table("sample", "engine, method", "probes", "largest |difference|")
    detection.add_column("other call at .05")
    detection.title = "pOOBAH p-value: ours against the other engines'"
    report = Report(
        console,
        _table("Ours against the other engines': |difference of beta|", "engine, method"),
        detection,
        _table("What remains, choice by choice", "ours, with its choices"),
        with_r=not lacking,
    )
    manifest_path = options.manifest or (real_450k() if options.array == "450k" else None)
    with (
        simulated_pairs(options.array, manifest_path, seed=options.seed) as found,
        TemporaryDirectory(prefix="cup-parity-") as work,
    ):
        manifest = read(found.manifest)
        console.print(f"{manifest.name}: {manifest.probes.height:,} probes")
        probes = manifest.probes["probe_id"].to_list()
        second = mepylome_betas(found, probes, Path(work), python) if python else []
        for number, pair in enumerate(found.pairs):
            _compare(pair, manifest, MODES, second[number] if second else {}, report)
    if real := real_hm27():
        manifest = read(real.manifest)
        console.print(f"{manifest.name}: {manifest.probes.height:,} probes, real samples")
        _say_refusal(real.pairs[0], manifest, console)
        for pair in real.pairs:
            _compare(pair, manifest, ("sesame",), {}, report)
    for table in (report.agreement, report.detection, report.steps):
        console.print(table)


def _compare(
    pair: Pair, manifest: Manifest, modes: Iterable[str], theirs: dict[str, Floats], report: Report
) -> None:
    """Run one sample through both engines and add its rows."""
    types = manifest.probes["design"].to_numpy()
    files = read_idat(pair.grn), read_idat(pair.red)
    reference = {mode: reference_signal(pair.grn, pair.red, manifest, mode) for mode in modes}
    theirs = {f"methylprep {mode}": found.beta for mode, found in reference.items()} | theirs
    raw = intensities(*files, manifest)
    mine = {method: _ours(files, manifest, method) for method in _methods(theirs)}
    if report.with_r:
        in_r, p = betas_in_r(raw)
        theirs |= {f"R {mode}": beta for mode, beta in in_r.items()}
        _add_detection(report.detection, pair, "R sesame", mine["sesame"].detection_p, p)
    for name, beta in theirs.items():
        _add(report.agreement, pair, name, mine[_ours_of(name)].beta, beta, types)
    if "noob" in reference:
        # Of the manifest's own channels; in sesame they differ for the probes moved.
        both = mine["noob"].detection_p, reference["noob"].detection_p
        _add_detection(report.detection, pair, "methylprep noob", *both)
    _say_moved(report.console, pair, mine["sesame"], reference["sesame"])
    moved = manifest.probes["probe_id"].is_in(list(reference["sesame"].moved)).to_numpy()
    no_snp = (manifest.probes["kind"] != "rs").to_numpy()
    for engine, beta in theirs.items():
        for step, changed in _ladder(raw, engine, moved, no_snp):
            _add(report.steps, pair, f"{engine}: {step}", changed, beta, types)
    report.end_of_sample()


def _ours_of(engine: str) -> str:
    """Return our name of an engine's method."""
    method = engine.split()[1]
    return "illumina_mnp" if method == "illumina" else method


def _methods(engines: Iterable[str]) -> set[str]:
    return {_ours_of(engine) for engine in engines} | set(MODES)


def _say_refusal(pair: Pair, manifest: Manifest, console: Console) -> None:
    try:
        reference_signal(pair.grn, pair.red, manifest, "noob")
    except ReferenceEngineError as error:
        console.print(f"noob is left out: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k", help="mini, 450k, epic or epicv2")
    parser.add_argument("--manifest", type=Path, help="Illumina's manifest CSV of the array")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--without-mepylome", action="store_true")
    return parser.parse_args()


def _ours(files: tuple[Idat, Idat], manifest: Manifest, method: str) -> SampleSignal:
    """Return our result with nothing masked."""
    return process_pair(*files, manifest, BetaParameters(method, detection_p=1.0, min_beads=0))


def _table(title: str, first: str) -> Table:
    table = Table("sample", first, "type", title=title)
    for name in ("median", "99.9 %", "largest", "within .001", "mean, signed", "error"):
        table.add_column(name, justify="right")
    return table


def _add(
    table: Table, pair: Pair, name: str, beta: Floats, theirs: Floats, types: NDArray[np.str_]
) -> None:
    """Add a row for each type of probe; probes that the other engine lacks enter none."""
    for kind in _TYPES:
        of = (types == kind) & np.isfinite(beta - theirs)
        signed = (beta - theirs)[of]
        if not len(signed):
            continue
        size = np.abs(signed)
        error = np.abs(beta - pair.truth)[of].mean()
        table.add_row(
            pair.material,
            name,
            kind,
            f"{np.median(size):.6f}",
            f"{np.quantile(size, 0.999):.6f}",
            f"{size.max():.6f}",
            f"{np.mean(size <= _CLOSE):.3%}",
            f"{signed.mean():+.6f}",
            "unknown" if np.isnan(error) else f"{error:.5f}",
        )


def _add_detection(table: Table, pair: Pair, name: str, mine: Floats, theirs: Floats) -> None:
    other = np.count_nonzero((mine > 0.05) != (theirs > 0.05))
    largest = np.abs(mine - theirs).max()
    table.add_row(pair.material, name, f"{len(mine):,}", f"{largest:.1e}", f"{other:,}")


def _say_moved(console: Console, pair: Pair, mine: SampleSignal, theirs: ReferenceSignal) -> None:
    ours = mine.measures["moved_to_red"] + mine.measures["moved_to_green"]
    truth = "unknown" if np.isnan(pair.truth).all() else "none"
    console.print(
        f"{pair.material}: Type I probes moved to the other channel: by methylprep's sesame "
        f"{len(theirs.moved)}, by ours {ours:.0f}; truly there: {truth}"
    )


def _ladder(
    raw: Intensities, engine: str, moved: NDArray[np.bool_], no_snp: NDArray[np.bool_]
) -> Iterator[tuple[str, Floats]]:
    """Yield (what was added, beta), from our definition to that of an engine and method."""
    if engine == "methylprep sesame":
        choices = ladder.Choices()
        yield "nothing", ladder.sesame_beta(raw, choices)
        for name, choice in _CHOICES:
            choices = replace(choices, **{choice: moved if choice == "moved" else True})
            yield f"+ {name}", ladder.sesame_beta(raw, choices)
    elif engine == "mepylome illumina":
        yield "nothing", ladder.illumina_beta(raw)
        yield "+ its scale, the sample's own", ladder.illumina_beta(raw, scale=None)
    elif engine == "methylprep noob":
        yield "nothing", ladder.noob_beta(raw)
        yield "+ rounded intensities", ladder.noob_beta(raw, rounded=True)
    elif engine == "mepylome noob":
        yield "nothing", ladder.noob_beta(raw)
        yield "+ no SNP probes, 0 as 1", ladder.noob_beta(raw, of=no_snp)


if __name__ == "__main__":
    main()
