"""Full-size simulated samples for the benchmarks of normalisation: files, manifest, true betas.

Belongs here: which samples, where they lie. Does not belong here: what is measured on them.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from cup_assets.simulate import CohortDesign
from cup_assets.simulate.arrays import array_layout, manifest_layout
from cup_assets.simulate.cohort import measure_sample
from cup_assets.simulate.idat_writer import write_idat
from cup_assets.simulate.manifest_writer import write_manifest
from cup_assets.simulate.people import Sample, draw_samples

MATERIALS = ("frozen", "FFPE")
_REFERENCE_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_REAL_450K = "hm450/HumanMethylation450_15017482_v1-2.core.csv.gz"


@dataclass(frozen=True, eq=False)
class Pair:
    """One sample: its two IDAT files and the true beta of every probe of the manifest."""

    name: str
    material: str
    grn: Path
    red: Path
    truth: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Samples of one array."""

    manifest: Path
    pairs: tuple[Pair, ...]


def real_450k() -> Path | None:
    """Return Illumina's 450k manifest from the reference data (CUP_REFERENCE_DATA), if there."""
    path = Path(os.environ.get("CUP_REFERENCE_DATA") or _REFERENCE_DATA) / _REAL_450K
    return path if path.is_file() else None


def real_hm27() -> Pairs | None:
    """Return the reference data's real HumanMethylation27 samples, if there; truth unknown."""
    folder = Path(os.environ.get("CUP_REFERENCE_DATA") or _REFERENCE_DATA) / "hm27"
    manifest = folder / "HumanMethylation27_270596_v1-2.core.csv.gz"
    if not manifest.is_file():
        return None
    unknown = np.array(np.nan, dtype=np.float32)
    files = sorted(folder.glob("*_Grn.idat"))
    return Pairs(
        manifest,
        tuple(
            Pair(
                grn.stem,
                f"HM27 {grn.stem.split('_')[1]}",
                grn,
                grn.with_name(grn.name.replace("_Grn", "_Red")),
                unknown,
            )
            for grn in files
        ),
    )


@contextmanager
def simulated_pairs(
    array: str = "450k",
    manifest: Path | None = None,
    each: int = 1,
    seed: int = 1,
    design: CohortDesign | None = None,
) -> Iterator[Pairs]:
    """Write ``each`` reference samples of either material into a temporary folder."""
    design = replace(design or CohortDesign.tiny(seed), array=array, manifest=manifest)
    layout = manifest_layout(manifest) if manifest else array_layout(array)
    drawn = draw_samples(design, layout.positions)
    sound = [s for s in drawn if s.role == "reference" and not s.degraded]
    chosen = [s for m in MATERIALS for s in [s for s in sound if s.material == m][:each]]
    with TemporaryDirectory(prefix="cup-benchmark-") as name:
        folder = Path(name)
        yield Pairs(
            manifest or write_manifest(layout, folder),
            tuple(_write(design, sample, folder, layout.chip_type) for sample in chosen),
        )


def plain_manifest(manifest: Path, work: Path) -> Path:
    """Return the manifest uncompressed, as mepylome reads it; a copy in ``work`` where needed."""
    if manifest.suffix != ".gz":
        return manifest
    plain = work / manifest.stem
    if not plain.exists():
        with gzip.open(manifest) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return plain


def _write(design: CohortDesign, sample: Sample, folder: Path, chip_type: str) -> Pair:
    beads, truth = measure_sample(design, sample)
    paths = {}
    for row, color in enumerate(("Grn", "Red")):
        paths[color] = folder / f"{sample.stem}_{color}.idat"
        write_idat(
            paths[color],
            beads.address,
            beads.mean[row],
            beads.sd[row],
            beads.n_beads,
            barcode=sample.sentrix_id,
            position=sample.sentrix_position,
            chip_type=chip_type,
        )
    return Pair(sample.sample_id, sample.material, paths["Grn"], paths["Red"], truth)
