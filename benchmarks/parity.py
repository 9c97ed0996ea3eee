"""Compare our betas and p-values with methylprep's, probe by probe, and explain what remains.

    make bench-parity
    python benchmarks/parity.py --manifest HumanMethylation450_15017482_v1-2.csv

One frozen and one FFPE sample are simulated on a full-size array (Illumina's own 450k manifest
where the reference data are at hand) and go through both engines. Then each of methylprep's
choices that differs from the published definition is put into a plain copy of ours, one after the
other, until nothing remains. "error" is the mean distance of ours, so changed, from the true beta.
About four minutes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.full_size_pairs import Pair, real_450k, simulated_pairs
from benchmarks.peers import ladder
from cup_assets.methylome import BetaParameters, Idat, Manifest, process_pair, read_idat
from cup_assets.methylome import read_manifest as read
from cup_assets.methylome.reference_engine import MODES, ReferenceSignal, reference_signal

Floats = NDArray[np.float64]
_CLOSE = 1e-3
_TYPES = ("I", "II")
# In the order in which each one needs those before it.
_CHOICES = (
    ("its channels of Type I probes, exchanged", "moved"),
    ("noob before the dye bias", "noob_before_dye"),
    ("background: detected out-of-band only", "detected_background"),
    ("dye bias from detected probes", "dye_of_detected"),
    ("its stretched quantiles", "stretched_quantiles"),
    ("rounded intensities", "rounded"),
)


def main() -> None:
    options = _options()
    console = Console(highlight=False, width=150)
    manifest_path = options.manifest or (real_450k() if options.array == "450k" else None)
    agreement = _table("Ours against methylprep's: |difference of beta|", "method")
    steps = _table("What remains, choice by choice", "ours, with methylprep's ...")
    detection = Table("material", "probes", "largest |difference|", "other call at .05")
    detection.title = "pOOBAH p-value: ours against methylprep's"
    with simulated_pairs(options.array, manifest_path, seed=options.seed) as found:
        manifest = read(found.manifest)
        console.print(
            f"{manifest.name}: {manifest.probes.height:,} probes; methylprep takes its time"
        )
        types = manifest.probes["design"].to_numpy()
        for pair in found.pairs:
            files = read_idat(pair.grn), read_idat(pair.red)
            theirs = {mode: reference_signal(pair.grn, pair.red, manifest, mode) for mode in MODES}
            for mode in MODES:
                mine = process_pair(
                    *files, manifest, BetaParameters(mode, detection_p=1.0, min_beads=0)
                )
                _add(agreement, pair, mode, mine.beta, theirs[mode].beta, types)
                if mode == "noob":
                    _add_detection(detection, pair, mine.detection_p - theirs[mode].detection_p,
                                   mine.detection_p, theirs[mode].detection_p)  # fmt: skip
            moved = len(theirs["sesame"].moved)
            console.print(
                f"{pair.material}: methylprep moved {moved} Type I probes to the other channel, "
                f"ours {mine.measures['moved_to_red'] + mine.measures['moved_to_green']:.0f}; "
                "none of the simulated ones shines in another than its own"
            )
            for name, beta, mode in _ladder(files, manifest, theirs):
                _add(steps, pair, f"{mode}: {name}", beta, theirs[mode].beta, types)
            agreement.add_section()
            steps.add_section()
    for table in (agreement, detection, steps):
        console.print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k", help="mini, 450k, epic or epicv2")
    parser.add_argument("--manifest", type=Path, help="Illumina's manifest CSV of the array")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _table(title: str, first: str) -> Table:
    table = Table("material", first, "type", title=title)
    for name in ("median", "99.9 %", "largest", "within .001", "mean, signed", "error"):
        table.add_column(name, justify="right")
    return table


def _add(
    table: Table, pair: Pair, name: str, beta: Floats, theirs: Floats, types: NDArray[np.str_]
) -> None:
    for kind in _TYPES:
        of = (types == kind) & np.isfinite(beta - theirs)
        signed = (beta - theirs)[of]
        size = np.abs(signed)
        table.add_row(
            pair.material,
            name,
            kind,
            f"{np.median(size):.6f}",
            f"{np.quantile(size, 0.999):.6f}",
            f"{size.max():.6f}",
            f"{np.mean(size <= _CLOSE):.3%}",
            f"{signed.mean():+.6f}",
            f"{np.abs(beta - pair.truth)[of].mean():.5f}",
        )


def _add_detection(table: Table, pair: Pair, apart: Floats, mine: Floats, theirs: Floats) -> None:
    other = np.count_nonzero((mine > 0.05) != (theirs > 0.05))
    table.add_row(pair.material, f"{len(apart):,}", f"{np.abs(apart).max():.1e}", f"{other:,}")


def _ladder(files: tuple[Idat, Idat], manifest: Manifest, theirs: dict[str, ReferenceSignal]):
    """Yield (name, beta, mode) for our definition and each of methylprep's choices added to it."""
    raw = ladder.intensities(*files, manifest)
    yield "nothing", ladder.noob_beta(raw), "noob"
    yield "+ rounded intensities", ladder.noob_beta(raw, rounded=True), "noob"
    moved = manifest.probes["probe_id"].is_in(list(theirs["sesame"].moved)).to_numpy()
    choices = ladder.Choices()
    yield "nothing", ladder.sesame_beta(raw, choices), "sesame"
    for name, choice in _CHOICES:
        choices = replace(choices, **{choice: moved if choice == "moved" else True})
        yield f"+ {name}", ladder.sesame_beta(raw, choices), "sesame"


if __name__ == "__main__":
    main()
