"""Simulate a cohort: write its batches as a hospital would deliver them, and the truth beside.

Belongs here: what is written where, and in which order. Does not belong here: how anything is
drawn.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from cup_assets.compute import Mapper, serial
from cup_assets.simulate.arrays import ArrayLayout, array_layout, manifest_layout
from cup_assets.simulate.copy_number import Segment, copies_at, normal_copies, tumour_segments
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.effects import SharedEffects
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.hashing import Floats
from cup_assets.simulate.idat_writer import write_idat
from cup_assets.simulate.manifest_writer import write_manifest
from cup_assets.simulate.methylation import Methylome
from cup_assets.simulate.people import Sample, draw_samples
from cup_assets.simulate.samplesheet_writer import write_samplesheet
from cup_assets.simulate.signal import Intensities, Scanner
from cup_assets.simulate.truth import (
    collect_betas,
    effects_frame,
    keep_betas,
    probes_frame,
    samples_frame,
    segments_frame,
)

_README = """SIMULATED DATA: no patient, no tissue, no scanner.

landing/    batches of binary IDAT pairs with their sample sheets
manifests/  the array's manifest
truth/      what is true of every sample and probe (Parquet)

Written by `cup simulate`. Do not mix with real cases.
"""


@dataclass(frozen=True)
class SimulatedCohort:
    """Where a simulated cohort is.

    Attributes
    ----------
    folder
        Holds everything below, and a README that says it is simulated.
    landing
        One folder a batch.
    manifests
        Folder of the array's manifest.
    truth
        ``samples.parquet``, ``betas.parquet``, ``segments.parquet``, ``probes.parquet``,
        ``effects.parquet`` (what each holds: `cup_assets.simulate.truth`), and ``design.json``.
    batches
        Names of the batches, ordered.
    """

    folder: Path
    landing: Path
    manifests: Path
    truth: Path
    batches: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Laboratory:
    """All that is needed to measure any sample of a design."""

    layout: ArrayLayout
    methylome: Methylome
    effects: SharedEffects
    scanner: Scanner


def simulate_cohort(
    folder: Path,
    design: CohortDesign,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedCohort:
    """Write a cohort of the design.

    Parameters
    ----------
    folder : Path
        Created if needed. A cohort that was cut short is written anew by the same design; a
        complete one is not overwritten.
    design : CohortDesign
        What to simulate.
    mapper : Mapper
        Where the samples are computed; the files do not depend on it.
    progress : callable, optional
        Called with (samples done, samples in all).

    Returns
    -------
    SimulatedCohort

    Raises
    ------
    SimulationError
        If the folder already holds a simulated cohort or the beginning of another one, or the
        design cannot be met.

    Notes
    -----
    Memory: one sample at a time and process, whatever the size of the cohort.
    """
    cohort = SimulatedCohort(folder, folder / "landing", folder / "manifests", folder / "truth", ())
    _claim(cohort, design)
    layout = _layout(design)
    samples = draw_samples(design, layout.positions)
    batches = defaultdict(list)
    for sample in samples:
        batches[sample.batch].append(sample)
    for path in (cohort.manifests, *(cohort.landing / name for name in batches)):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(_README)
    write_manifest(layout, cohort.manifests)
    mapper(partial(_write_sample, design, cohort), samples, progress)
    for number, (name, members) in enumerate(batches.items()):
        path = cohort.landing / name / "samplesheet.csv"
        write_samplesheet(path, members, illumina_layout=number % 2 == 0)
        path.with_name("_COMPLETE").write_text("SIMULATED\n")
    _write_truth(design, cohort, samples)
    return SimulatedCohort(folder, cohort.landing, cohort.manifests, cohort.truth, tuple(batches))


def _claim(cohort: SimulatedCohort, design: CohortDesign) -> None:
    """Record the design, unless the folder belongs to another cohort or to a complete one."""
    record = cohort.truth / "design.json"
    text = json.dumps(design.as_record(), indent=2) + "\n"
    if (cohort.truth / "samples.parquet").exists():
        raise SimulationError(
            f"{cohort.folder} already holds a simulated cohort: choose another folder"
        )
    if record.exists() and record.read_text() != text:
        # Its files could be left over among those of this design.
        raise SimulationError(
            f"{cohort.folder} holds the beginning of another simulated cohort: "
            "remove it or choose another folder"
        )
    cohort.truth.mkdir(parents=True, exist_ok=True)
    record.write_text(text)


def measure_sample(design: CohortDesign, sample: Sample) -> tuple[Intensities, Floats]:
    """Return the intensities of a sample and its true betas, without writing anything."""
    laboratory = _laboratory(design)
    layout = laboratory.layout
    segments = _segments(design, sample, layout.build)
    tumour = copies_at(segments, layout.probes)
    normal = _normal_copies(design, sample.sex, layout)
    betas = laboratory.methylome.sample_betas(sample, tumour, normal)
    intensities = laboratory.scanner.measure(
        sample,
        betas,
        _copy_ratio(design, sample.purity, tumour, normal),
        laboratory.effects.of_sample(sample, "m"),
        laboratory.effects.of_sample(sample, "u"),
    )
    return intensities, betas


def _write_sample(design: CohortDesign, cohort: SimulatedCohort, sample: Sample) -> None:
    intensities, betas = measure_sample(design, sample)
    layout = _layout(design)
    for color, name in enumerate(("Grn", "Red")):
        suffix = ".idat.gz" if design.gz else ".idat"
        write_idat(
            cohort.landing / sample.batch / f"{sample.stem}_{name}{suffix}",
            intensities.address,
            intensities.mean[color],
            intensities.sd[color],
            intensities.n_beads,
            barcode=sample.sentrix_id,
            position=sample.sentrix_position,
            chip_type=layout.chip_type,
            scan_date=sample.scanned,
            gz=design.gz,
        )
    if design.truth_betas:
        keep_betas(cohort.truth, sample, betas)


def _write_truth(design: CohortDesign, cohort: SimulatedCohort, samples: Sequence[Sample]) -> None:
    laboratory = _laboratory(design)
    layout, methylome = laboratory.layout, laboratory.methylome
    segments = {s.sample_id: _segments(design, s, layout.build) for s in samples}
    if design.truth_betas:
        collect_betas(cohort.truth, layout.probes["probe_id"], samples)
    frames = {
        "segments": segments_frame(design, segments, samples),
        "probes": probes_frame(methylome, samples),
        "effects": effects_frame(laboratory.effects, methylome, samples),
        # Last: its presence says that the cohort is complete.
        "samples": samples_frame(samples),
    }
    for name, frame in frames.items():
        frame.write_parquet(cohort.truth / f"{name}.parquet")


@lru_cache(maxsize=1)
def _laboratory(design: CohortDesign) -> _Laboratory:
    # Computed once in every worker process, because it is larger than what can be sent to it.
    layout = _layout(design)
    methylome = Methylome.of(design, layout)
    return _Laboratory(
        layout=layout,
        methylome=methylome,
        effects=SharedEffects(design, methylome.keys),
        scanner=Scanner(design, layout, methylome.keys),
    )


@lru_cache(maxsize=1)
def _layout(design: CohortDesign) -> ArrayLayout:
    return manifest_layout(design.manifest) if design.manifest else array_layout(design.array)


def _segments(design: CohortDesign, sample: Sample, build: str) -> tuple[Segment, ...]:
    return tumour_segments(design, sample.person, sample.diagnosis, sample.sex, build)


def _normal_copies(design: CohortDesign, sex: str, layout: ArrayLayout) -> Floats:
    copies = np.full(len(layout.probes), 2.0, dtype=np.float32)
    chrom = layout.probes["chrom"]
    for name in ("X", "Y"):
        copies[(chrom == name).fill_null(False).to_numpy()] = normal_copies(name, sex, design)
    return copies


def _copy_ratio(design: CohortDesign, purity: float, tumour: Floats, normal: Floats) -> Floats:
    """Return the DNA of each locus over two copies, the tumour's share scaled by the design."""
    mixed = purity * tumour + (1.0 - purity) * normal
    change = np.divide(mixed, normal, out=np.ones_like(normal), where=normal > 0)
    return np.asarray(np.maximum(change, 0.02) ** design.copy_number * normal / 2, np.float32)
