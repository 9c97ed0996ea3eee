"""What a simulated cohort is made of, and how strong every effect is.

Belongs here: the design and its presets. Does not belong here: how an effect acts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cup_assets.simulate.class_sizes import DEMO, HOSPITAL, TINY, ClassSizes
from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.errors import SimulationError

_AT_LEAST_ONE = ("batches", "sites", "first_number")
_COUNTS = (
    *_AT_LEAST_ONE,
    "seed",
    "biology",
    "normals",
    "diagnostic",
    "novel",
    "second_samples",
    "duplicates",
    "swaps",
    "wrong_sexes",
    "degraded",
    "exchanged",
    "unconverted",
    "few_beads",
)
_SCALES = (
    "tumour_effect",
    "family_effect",
    "class_effect",
    "individual_variation",
    "sex_effect",
    "copy_number",
    "batch_effect",
    "site_effect",
    "ffpe_effect",
    "background",
    "out_of_band",
    "dye_bias",
    "type_two_compression",
    "noise",
    "intensity_variation",
    "low_beads",
    "failed_probes",
)


@dataclass(frozen=True)
class CohortDesign:
    """A cohort to simulate.

    Every scale is 1 for a realistic effect and 0 for none; other values, up to 5, scale it.

    Attributes
    ----------
    array
        ``mini`` (about 12,000 probes), ``450k``, ``epic`` or ``epicv2``. Unused with a manifest.
    manifest
        Simulate on this manifest file (Illumina CSV) instead.
    seed
        Seed of patients, samples and noise. The same design and seed give the same bytes.
    biology
        Seed of the class signatures. Cohorts of one biology can be classified by each other.
    gz
        Write ``.idat.gz``.
    truth_betas
        Write the true beta of every probe and sample (the largest file of the truth).
    first_number
        Number of the first sample, patient and chip, so that a second cohort can join a first.
    classes
        (diagnosis, number of reference samples) pairs; diagnoses of `classes.CLASSES`.
    normals
        Normal controls, both sexes in turn.
    diagnostic
        Further cases of role ``diagnostic``, their diagnosis left blank in the sample sheet.
    novel
        How many of the diagnostic cases belong to a class that has no reference sample.
    batches, sites
        Number of batches and of centres that send them.
    second_samples
        Reference samples that are a second sample of an earlier patient's tumour.
    duplicates
        Extra reference samples: the DNA of another one, under another sample and patient id.
    swaps
        Pairs of reference samples whose diagnoses are exchanged in the sample sheet.
    wrong_sexes
        Reference samples with the wrong sex in the sample sheet.
    degraded
        Reference samples too degraded to be of use.
    exchanged
        Pairs of samples of two patients whose files are exchanged; the first one's patient has
        another sample, so that the exchange can be discovered.
    unconverted, few_beads
        Reference samples with incomplete bisulfite conversion, and with few beads of each type.
    confounding
        0..1: how strongly class and material follow the batch and the centre.
    ffpe_fraction
        Fraction of FFPE samples; the others are frozen.
    purity
        Lowest and highest tumour purity; (1, 1) switches off the mixture with normal tissue.
    closeness
        0..1: part of its signature that a class shares with the class it is close to.
    tumour_effect, family_effect, class_effect
        Scale of what distinguishes tumour from normal tissue, families, and classes.
    individual_variation
        Scale of the differences between tumours of one class, and between people.
    sex_effect
        Scale of X inactivation; at 0 X and Y also have two copies in everybody.
    genotypes
        1: SNP probes show the person's genotype; 0: everybody is heterozygous.
    copy_number
        Scale of the log2 ratio of the tumours' copy-number events.
    batch_effect, site_effect
        Scale of the log2 offsets per probe that a batch and a centre add.
    ffpe_effect
        Scale of FFPE degradation: lower intensity, more failures, shifted betas.
    background, out_of_band, dye_bias, type_two_compression, noise, intensity_variation
        Scales of the background, of Type I signal in the other colour, of green over red, of the
        narrower range of Type II, of the noise of a bead type, and of brightness over probes and
        samples.
    low_beads, failed_probes
        Scales of the fraction of bead types with fewer than 3 beads and of probes without signal.
    """

    array: str = "mini"
    manifest: Path | None = None
    seed: int = 1
    biology: int = 0
    gz: bool = False
    truth_betas: bool = True
    first_number: int = 1
    classes: ClassSizes = DEMO
    normals: int = 12
    diagnostic: int = 20
    novel: int = 2
    batches: int = 5
    sites: int = 3
    second_samples: int = 6
    duplicates: int = 1
    swaps: int = 1
    wrong_sexes: int = 1
    degraded: int = 2
    exchanged: int = 0
    unconverted: int = 0
    few_beads: int = 0
    confounding: float = 0.5
    ffpe_fraction: float = 0.6
    purity: tuple[float, float] = (0.3, 0.95)
    closeness: float = 0.5
    tumour_effect: float = 1.0
    family_effect: float = 1.0
    class_effect: float = 1.0
    individual_variation: float = 1.0
    sex_effect: float = 1.0
    genotypes: float = 1.0
    copy_number: float = 1.0
    batch_effect: float = 1.0
    site_effect: float = 1.0
    ffpe_effect: float = 1.0
    background: float = 1.0
    out_of_band: float = 1.0
    dye_bias: float = 1.0
    type_two_compression: float = 1.0
    noise: float = 1.0
    intensity_variation: float = 1.0
    low_beads: float = 1.0
    failed_probes: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a design that cannot be simulated.

        Raises
        ------
        SimulationError
            Naming the field and its bounds.
        """
        for diagnosis, size in self.classes:
            if diagnosis not in CLASSES:
                raise SimulationError(f"unknown class {diagnosis!r}: use one of {sorted(CLASSES)}")
            if size < 1:
                raise SimulationError(f"class {diagnosis!r}: {size} samples; give at least 1")
        if len({diagnosis for diagnosis, _ in self.classes}) < len(self.classes):
            raise SimulationError("classes: a diagnosis is listed twice; list it once")
        for name in _COUNTS:
            if getattr(self, name) < (1 if name in _AT_LEAST_ONE else 0):
                raise SimulationError(f"{name}={getattr(self, name)}: too small")
        for name in _SCALES:
            if not 0.0 <= getattr(self, name) <= 5.0:
                raise SimulationError(f"{name}={getattr(self, name)}: give a scale from 0 to 5")
        for name in ("confounding", "ffpe_fraction", "closeness", "genotypes"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SimulationError(f"{name}={getattr(self, name)}: give a number from 0 to 1")
        if not 0.0 < self.purity[0] <= self.purity[1] <= 1.0:
            raise SimulationError(f"purity={self.purity}: give (lowest, highest) within 0 to 1")
        if self.novel > self.diagnostic:
            raise SimulationError(f"novel={self.novel}: more than diagnostic={self.diagnostic}")
        if self.batches > self.n_samples:
            raise SimulationError(f"batches={self.batches}: more than {self.n_samples} samples")

    def as_record(self) -> dict[str, Any]:
        """Return the design as plain values for JSON."""
        return asdict(self) | {"manifest": str(self.manifest) if self.manifest else None}

    @property
    def n_reference(self) -> int:
        """Number of reference tumour samples, without the duplicates."""
        return sum(size for _, size in self.classes)

    @property
    def n_samples(self) -> int:
        """Number of samples of the cohort."""
        return self.n_reference + self.duplicates + self.normals + self.diagnostic

    @classmethod
    def tiny(cls, seed: int = 1) -> CohortDesign:
        """Return 47 samples in 2 batches for tests: 4 classes, 6 normals, 4 diagnostic cases."""
        return cls(
            seed=seed,
            classes=TINY,
            normals=6,
            diagnostic=4,
            novel=0,
            batches=2,
            sites=2,
            second_samples=2,
            wrong_sexes=0,
            degraded=0,
        )

    @classmethod
    def demo(cls, seed: int = 1) -> CohortDesign:
        """Return 204 samples of 12 classes in 5 batches, 12 normals and 20 diagnostic cases."""
        return cls(seed=seed)

    @classmethod
    def hospital(cls, seed: int = 1) -> CohortDesign:
        """Return about 470 samples of 22 classes of 4 to 60 samples in 10 batches."""
        return cls(
            seed=seed,
            classes=HOSPITAL,
            normals=24,
            diagnostic=50,
            novel=0,
            batches=10,
            sites=4,
            second_samples=16,
            duplicates=2,
            swaps=2,
            wrong_sexes=2,
            degraded=5,
        )
