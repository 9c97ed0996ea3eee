"""Error against simulated truth by method and material: ours, methylprep's and mepylome's.

    make bench-accuracy
    python benchmarks/accuracy.py --without-methylprep --samples 8

First all engines on the same 450k samples and probes, one frozen and one FFPE. Then ours on more
samples, 450k and EPIC. Then why Type II betas come out low: the same samples are simulated again
with one effect switched off at a time. The truth is the beta of the DNA in the tube, before
anything that an array does to it. About four minutes, most of them methylprep's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.full_size_pairs import (
    MATERIALS,
    Pair,
    real_450k,
    simulated_pairs,
)
from benchmarks.peers.contest import mepylome_betas
from benchmarks.peers.environments import default_folder, mepylome_python
from cup_assets.methylome import BetaParameters, Manifest, process_pair, read_idat, read_manifest
from cup_assets.methylome.methods import METHODS
from cup_assets.methylome.reference_engine import MODES, reference_signal
from cup_assets.simulate import CohortDesign

Floats = NDArray[np.floating]
# Each switched off in the simulator, or in beta's denominator; the last one all together.
_EFFECTS: tuple[tuple[str, dict[str, float], float | None], ...] = (
    ("as simulated, as defined", {}, None),
    ("no beta offset", {}, 0.0),
    ("no compression of Type II", {"type_two_compression": 0.0}, None),
    ("neither", {"type_two_compression": 0.0}, 0.0),
    ("neither, no FFPE damage", {"type_two_compression": 0.0, "ffpe_effect": 0.0}, 0.0),
)


def main() -> None:
    options = _options()
    console = Console(highlight=False, width=130)
    python = None if options.without_mepylome else mepylome_python(options.environments)
    manifest = options.manifest or real_450k()
    with (
        simulated_pairs("450k", manifest) as found,
        TemporaryDirectory(prefix="cup-accuracy-") as work,
    ):
        known = read_manifest(found.manifest)
        table = _table("All engines on the same samples and probes, 450k: beta minus true beta")
        probes = known.probes["probe_id"].to_list()
        theirs = mepylome_betas(found, probes, Path(work), python) if python else []
        for number, pair in enumerate(found.pairs):
            betas = dict(_ours(pair, known))
            kept = np.isfinite(betas.pop("mask"))
            if not options.without_methylprep:
                betas |= {
                    f"methylprep {mode}": reference_signal(pair.grn, pair.red, known, mode).beta
                    for mode in MODES
                }
            betas |= theirs[number] if theirs else {}
            shared = np.all([np.isfinite(beta) for beta in betas.values()], axis=0)
            for name, beta in betas.items():
                _add(table, name, pair.material, [(beta, pair, shared, kept)], known)
            table.add_section()
        console.print(table)
    for array in ("450k", "epic"):
        console.print(_ours_alone(array, manifest if array == "450k" else None, options.samples))
    console.print(_why_type_two_is_low(options.samples))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--manifest", type=Path, help="Illumina's manifest CSV of the 450k array")
    parser.add_argument("--samples", type=int, default=4, help="of each material, ours alone")
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--without-mepylome", action="store_true")
    parser.add_argument("--without-methylprep", action="store_true")
    return parser.parse_args()


def _ours(pair: Pair, manifest: Manifest) -> Iterator[tuple[str, Floats]]:
    """Yield the betas of every probe by method, and as ``mask`` those that are kept by default."""
    files = read_idat(pair.grn), read_idat(pair.red)
    for method in METHODS:
        unmasked = BetaParameters(method, detection_p=1.0, min_beads=0)
        yield f"ours {method}", process_pair(*files, manifest, unmasked).beta
    yield "mask", process_pair(*files, manifest, BetaParameters()).beta


def _ours_alone(array: str, manifest: Path | None, each: int) -> Table:
    table = _table(f"Ours, {each} samples of each material, {array}")
    with simulated_pairs(array, manifest, each=each) as found:
        known = read_manifest(found.manifest)
        cells: dict[tuple[str, str], list[tuple[Floats, Pair, Floats, Floats]]] = {}
        for pair in found.pairs:
            betas = dict(_ours(pair, known))
            kept = np.isfinite(betas.pop("mask"))
            for name, beta in betas.items():
                cells.setdefault((pair.material, name), []).append(
                    (beta, pair, np.isfinite(beta), kept)
                )
        for material in MATERIALS:
            for name in betas:
                _add(table, name, material, cells[material, name], known)
            table.add_section()
    return table


def _why_type_two_is_low(each: int) -> Table:
    table = Table(
        title="Ours noob: mean of beta minus true beta, one effect switched off at a time"
    )
    table.add_column("what")
    for material in MATERIALS:
        for kind in ("I", "II"):
            table.add_column(f"{material} {kind}", justify="right")
    for name, effects, offset in _EFFECTS:
        design = replace(CohortDesign.tiny(), **effects)
        with simulated_pairs("mini", each=each, design=design) as found:
            manifest = read_manifest(found.manifest)
            types = manifest.probes["design"].to_numpy()
            parameters = BetaParameters("noob", beta_offset=offset)
            cells = []
            for material in MATERIALS:
                bias = [
                    _signal_bias(pair, manifest, parameters)
                    for pair in found.pairs
                    if pair.material == material
                ]
                apart = np.nanmean(bias, axis=0)
                cells += [f"{np.nanmean(apart[types == kind]):+.4f}" for kind in ("I", "II")]
        table.add_row(name, *cells)
    return table


def _signal_bias(pair: Pair, manifest: Manifest, parameters: BetaParameters) -> Floats:
    signal = process_pair(read_idat(pair.grn), read_idat(pair.red), manifest, parameters)
    return signal.beta - pair.truth


def _table(title: str) -> Table:
    table = Table("engine, method", "material", title=title)
    for name in ("error I", "error II", "error", "bias I", "bias II", "error, detected probes"):
        table.add_column(name, justify="right")
    return table


def _add(
    table: Table,
    name: str,
    material: str,
    samples: Iterable[tuple[Floats, Pair, NDArray[np.bool_], NDArray[np.bool_]]],
    manifest: Manifest,
) -> None:
    """Add the mean over samples of (beta, pair, the probes to look at, the probes we keep)."""
    types = manifest.probes["design"].to_numpy()
    rows = []
    for beta, pair, of, kept in samples:
        apart = beta - pair.truth
        one, two = (apart[of & (types == kind)] for kind in ("I", "II"))
        rows.append(
            [
                np.abs(one).mean(),
                np.abs(two).mean(),
                np.abs(apart[of]).mean(),
                one.mean(),
                two.mean(),
                np.abs(apart[of & kept]).mean(),
            ]
        )
    found = np.mean(rows, axis=0)
    cells = [f"{value:+.4f}" if i in (3, 4) else f"{value:.4f}" for i, value in enumerate(found)]
    table.add_row(name, material, *cells)


if __name__ == "__main__":
    main()
