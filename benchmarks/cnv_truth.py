"""Full-size arrays of tumours of known copy number, as bead and as normalised intensities.

Belongs here: what the copy-number benchmarks measure on. Does not belong here: the tumours
(`cnv_tumours`), any measurement of the caller.

The bead intensities are those of `cup_assets.simulate` (probe, bead and allele noise, background,
dye bias, batches, centres, FFPE, methylation of the class) and go through the same normalisation as
real files; only the writing of IDAT files is left out. Added here, because arrays show it and a
cohort for classification does not need it:

- genomic waves: patterns that all samples share with weights of their own, and one of each sample;
- local noise: neighbouring probes that vary together, which a bin's median does not average out;
- a response below 1: the ratio that an array shows is smaller than that of the DNA;
- tumours of other ploidy, whose single copies weigh less.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from cnv_tumours import RESPONSE, Tumour, draw_tumour
from numpy.typing import NDArray

from cup_assets.genome import CHROMOSOMES, chromosome_lengths
from cup_assets.methylome import Idat, Manifest, process_pair
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.copy_number import copies_at
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.effects import SharedEffects
from cup_assets.simulate.hashing import generator
from cup_assets.simulate.methylation import Methylome
from cup_assets.simulate.people import Sample
from cup_assets.simulate.signal import Intensities, Scanner

MATERIALS = ("frozen", "FFPE")
PURITIES = (1.0, 0.7, 0.5, 0.3)
_CELL = 10_000
_CLASSES = ("hpv-negative squamous cell carcinoma", "mucosal melanoma", "salivary duct carcinoma")


@dataclass(frozen=True)
class Noise:
    """Standard deviations in log2 units: weights of shared waves, own wave, and 10 kb cells.

    Three real tumours on HumanMethylation27, each fitted on the other two, scatter within their
    arms by .03-.04 more than independent probes would at 15 probes (1.6 Mb), by .02-.03 at 45 and
    by .01-.015 at 135. The frozen level is that, and FFPE is taken as twice as bad.
    """

    shared: float
    own: float
    local: float


NOISE = {"frozen": Noise(0.015, 0.015, 0.08), "FFPE": Noise(0.03, 0.03, 0.16)}


class Laboratory:
    """One array: everything that measures a sample.

    Parameters
    ----------
    array : str
        ``450k``, ``epic`` or ``epicv2``.
    seed : int
        Of people and measurements.
    worse : float
        Multiplies the waves and the local noise.
    """

    def __init__(self, array: str, seed: int, worse: float = 1.0) -> None:
        self.design = CohortDesign(array=array, seed=seed)
        self.layout = array_layout(array)
        probes = self.layout.probes
        self.manifest = Manifest(
            array, array, self.layout.build, f"simulated {array}", probes, self.layout.controls
        )
        self._methylome = Methylome.of(self.design, self.layout)
        self._effects = SharedEffects(self.design, self._methylome.keys)
        self._scanner = Scanner(self.design, self.layout, self._methylome.keys)
        self._place = _Cells(probes, self.layout.build, worse)

    def controls(self, n: int) -> Iterator[tuple[Sample, NDArray[np.float32]]]:
        """Measure normal controls, two of five from FFPE, both sexes, of four batches."""
        for i in range(n):
            yield self.control(i), self.measure(self.control(i), None)

    def control(self, number: int) -> Sample:
        """Return one of the normal controls."""
        material = "FFPE" if number % 5 in (1, 4) else "frozen"
        sex = "FM"[number % 2]
        return _sample(1000 + number, "normal", material, sex, 0.0, batch=number % 4)

    def normal(self, number: int, material: str) -> tuple[Sample, NDArray[np.float32]]:
        """Measure a normal that is no control, of a batch that has none."""
        sample = _sample(2000 + number, "normal", material, "FM"[number % 2], 0.0, batch=8)
        return sample, self.measure(sample, None)

    def tumour(
        self, number: int, material: str, purity: float
    ) -> tuple[Sample, Tumour, NDArray[np.float32]]:
        """Measure a tumour; the same number is the same person at any purity."""
        sample, tumour = self.case(number, material, purity)
        return sample, tumour, self.measure(sample, tumour)

    def case(self, number: int, material: str, purity: float) -> tuple[Sample, Tumour]:
        """Return a tumour's sample, and the tumour."""
        sex = "FM"[number % 2]
        tumour = draw_tumour(self.design.seed, number, sex, self.layout.probes, self.layout.build)
        place = MATERIALS.index(material) * 10 + PURITIES.index(purity)
        sample = _sample(
            10_000 + number * 100 + place,
            _CLASSES[number % len(_CLASSES)],
            material,
            sex,
            purity,
            batch=9 + number % 2,
            person=10_000 + number,
        )
        return sample, tumour

    def measure(self, sample: Sample, tumour: Tumour | None) -> NDArray[np.float32]:
        """Return the normalised log2 total intensities, float32[p]."""
        return self.normalise(sample, self.scan(sample, tumour))

    def normalise(self, sample: Sample, light: Intensities) -> NDArray[np.float32]:
        """Return the normalised log2 total intensities of a scan, float32[p]."""
        green, red = (
            Idat(
                path=Path(f"{sample.sample_id}_{color}.idat"),
                address=light.address,
                mean=light.mean[i],
                sd=light.sd[i],
                n_beads=light.n_beads,
                mid_block=light.address,
                barcode=sample.sentrix_id,
                position=sample.sentrix_position,
                chip_type=self.layout.chip_type,
                manifest_name="",
                red_green=0,
                run_info=(),
            )
            for i, color in enumerate(("Grn", "Red"))
        )
        return process_pair(green, red, self.manifest).log2_total

    def scan(self, sample: Sample, tumour: Tumour | None) -> Intensities:
        """Return the bead intensities of a sample."""
        probes = self.layout.probes
        normal = np.full(probes.height, 2.0, np.float32)
        for chrom, copies in (("X", {"F": 2, "M": 1}), ("Y", {"F": 0, "M": 1})):
            normal[(probes["chrom"] == chrom).fill_null(False).to_numpy()] = copies[sample.sex]
        copies, base = normal, 1.0
        if tumour:
            copies, base = copies_at(tumour.segments, probes), tumour.ploidy / 2
        betas = self._methylome.sample_betas(sample, copies, normal)
        mixed = sample.purity * copies + (1 - sample.purity) * normal
        usual = (sample.purity * base + 1 - sample.purity) * normal
        change = np.divide(mixed, usual, out=np.ones_like(normal), where=usual > 0)
        ratio = (np.maximum(change * normal / 2, 0.02) ** RESPONSE).astype(np.float32)
        extra = self._place.offsets(self.design.seed, sample)
        return self._scanner.measure(
            sample,
            betas,
            ratio,
            self._effects.of_sample(sample, "m") + extra,
            self._effects.of_sample(sample, "u") + extra,
        )


class _Cells:
    """The genome in cells of 10 kb, for what neighbouring probes share."""

    def __init__(self, probes: pl.DataFrame, build: str, worse: float) -> None:
        self._worse = np.float32(worse)
        lengths = chromosome_lengths(build)
        first = np.cumsum([0, *(lengths[c] // _CELL + 1 for c in CHROMOSOMES)])
        self._first = first
        start = dict(zip(CHROMOSOMES, first.tolist(), strict=False))
        chrom = probes["chrom"].replace_strict(start, default=None, return_dtype=pl.Int64)
        self._cell = (chrom + probes["pos"] // _CELL).fill_null(0).to_numpy()

    def offsets(self, seed: int, sample: Sample) -> NDArray[np.float32]:
        """Return the log2 offset of every probe in this sample, float32[p]."""
        noise = NOISE[sample.material]
        rng = generator(seed, "waves", sample.number)
        total = noise.local * rng.standard_normal(self._first[-1], dtype=np.float32)
        for number, width in enumerate((100, 500)):  # 1 and 5 Mb
            total += np.float32(rng.normal(0, noise.shared)) * self._wave(number, width)
        total += np.float32(noise.own) * self._smooth(rng, 300)
        return np.asarray(self._worse * total[self._cell], np.float32)

    @lru_cache(maxsize=4)  # noqa: B019 - one object lives as long as the program
    def _wave(self, number: int, width: int) -> NDArray[np.float32]:
        return self._smooth(generator(0, "shared wave", number), width)

    def _smooth(self, rng: np.random.Generator, width: int) -> NDArray[np.float32]:
        """Smooth white noise along each chromosome; standard deviation 1."""
        kernel = np.exp(-0.5 * (np.arange(-3 * width, 3 * width + 1) / width) ** 2)
        parts = []
        for low, high in itertools.pairwise(self._first.tolist()):
            # A coarser grid does for what is smooth: a tenth of the width.
            step = width // 10
            white = rng.standard_normal((high - low) // step + 62)
            coarse = np.convolve(white, kernel[::step], "valid")
            at = np.arange(high - low) / step
            parts.append(np.interp(at, np.arange(coarse.size), coarse))
        wave = np.concatenate(parts)
        return (wave / wave.std()).astype(np.float32)


def _sample(
    number: int,
    diagnosis: str,
    material: str,
    sex: str,
    purity: float,
    *,
    batch: int,
    person: int | None = None,
) -> Sample:
    return Sample(
        number=number,
        person=number if person is None else person,
        sample_id=f"SIM-{number}",
        patient_id=f"SIM-P{number}",
        batch=f"SIM-B{batch:02d}",
        sentrix_id=f"29{batch:06d}0001",
        sentrix_position="R01C01",
        diagnosis=diagnosis,
        label=diagnosis,
        role="normal_control" if diagnosis == "normal" else "reference",
        material=material,
        sex=sex,
        labelled_sex=sex,
        site=f"SIM-centre-{batch % 3 + 1}",
        purity=purity,
        scanned=datetime(2020, 1, 6),
    )
