"""True methylation: of normal tissue, of each tumour class, and of one sample's DNA.

Belongs here: beta values as they are in the tube. Does not belong here: what an array makes of
them (`signal`).

What a probe does in a class is a pure function of its name, so it does the same on every array.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cup_assets.simulate.arrays import ArrayLayout
from cup_assets.simulate.classes import CLASSES, NORMAL
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.hashing import Floats, Keys, generator, normal, probe_keys, uniform
from cup_assets.simulate.people import Sample

# Fraction of CpGs that change in every tumour, in a family, in a class.
_FRACTION = {"tumour": 0.06, "family": 0.03, "class": 0.02}
# Smallest and largest change of beta.
_SHIFT = (0.2, 0.6)
# How much the strength of a level varies between tumours, and how many of its CpGs one misses.
_STRENGTH_SD = {"tumour": 0.2, "family": 0.2, "class": 0.25}
_MISSED = 0.15
# Variation of single CpGs (logit units), and of programmes that move many CpGs together.
_SINGLE_SD = 0.35
_N_PROGRAMMES, _PROGRAMME_SHARE, _PROGRAMME_SD = 6, 0.12, 0.5
# Cells of the normal tissue vary less than tumours.
_NORMAL_VARIATION = 0.5
_FLOOR = 0.01


@dataclass(frozen=True, eq=False)
class Methylome:
    """The methylation of every probe of an array, for people and classes of a design."""

    design: CohortDesign
    layout: ArrayLayout
    keys: Keys
    _normal: dict[str, Floats] = field(default_factory=dict)
    _shifts: dict[tuple[str, str], Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, design: CohortDesign, layout: ArrayLayout) -> Methylome:
        """Return the methylome of an array."""
        return cls(design, layout, probe_keys(layout.probes["name"]))

    def normal_betas(self, sex: str) -> Floats:
        """Return the betas of normal tissue, shape (probes,)."""
        if sex not in self._normal:
            self._normal[sex] = self._draw_normal(sex)
        return self._normal[sex]

    def shift(self, level: str, group: str) -> Floats:
        """Return the change of beta that a level adds to normal tissue, before clipping.

        Parameters
        ----------
        level : str
            ``tumour``, ``family`` or ``class``.
        group : str
            "any", a family, or a diagnosis.
        """
        if (level, group) not in self._shifts:
            self._shifts[level, group] = self._draw_shift(level, group)
        return self._shifts[level, group]

    def levels(self, diagnosis: str) -> tuple[tuple[str, str], ...]:
        """Return the (level, group) pairs that shape a diagnosis; none for normal tissue."""
        if diagnosis == NORMAL:
            return ()
        family = CLASSES[diagnosis].family
        return (("tumour", "any"), ("family", family), ("class", diagnosis))

    def sample_betas(self, sample: Sample, tumour_copies: Floats, normal_copies: Floats) -> Floats:
        """Return the betas of a sample's DNA.

        Parameters
        ----------
        sample : Sample
            Its samples of one person share tumour and normal tissue and differ in purity.
        tumour_copies, normal_copies : ndarray of float32, shape (probes,)
            A locus with more copies in the tumour cells shows more of the tumour.

        Returns
        -------
        ndarray of float32, shape (probes,)
            Within 0..1.
        """
        rng = generator(self.design.seed, "tissue", sample.person)
        base = self.normal_betas(sample.sex)
        healthy = self._vary(base, rng, _NORMAL_VARIATION)
        weight = sample.purity * tumour_copies
        total = weight + (1.0 - sample.purity) * normal_copies
        fraction = np.divide(weight, total, out=np.zeros_like(total), where=total > 0)
        betas = healthy
        if sample.diagnosis != NORMAL:
            tumour = self._vary(self._tumour(sample.diagnosis, base, rng), rng, 1.0)
            betas = healthy + fraction * (tumour - healthy)
        return self._with_genotype(betas.astype(np.float32), sample.person)

    def _tumour(self, diagnosis: str, base: Floats, rng: np.random.Generator) -> Floats:
        betas = base.copy()
        variation = self.design.individual_variation
        for level, group in self.levels(diagnosis):
            strength = np.clip(1.0 + variation * _STRENGTH_SD[level] * rng.normal(), 0.4, 1.3)
            missed = rng.random(len(base), dtype=np.float32) < min(1.0, variation) * _MISSED
            betas += np.float32(strength) * np.where(missed, 0, self.shift(level, group))
        return np.clip(betas, _FLOOR, 1 - _FLOOR)

    def _vary(self, betas: Floats, rng: np.random.Generator, scale: float) -> Floats:
        """Move betas on the logit scale: every CpG a little, programmes of CpGs together."""
        scale *= self.design.individual_variation
        noise = rng.standard_normal(len(betas), dtype=np.float32) * np.float32(scale * _SINGLE_SD)
        for number in range(_N_PROGRAMMES):
            score = rng.normal(scale=scale * _PROGRAMME_SD)
            noise += np.float32(score) * self._programme(number)
        if scale == 0:
            return betas
        return np.asarray(1.0 / (1.0 + (1.0 / betas - 1.0) * np.exp(-noise)), dtype=np.float32)

    def _programme(self, number: int) -> Floats:
        key = ("programme", str(number))
        if key not in self._shifts:
            topic = f"programme/{number}/{self.design.biology}"
            member = uniform(self.keys, topic) < _PROGRAMME_SHARE
            self._shifts[key] = np.where(member, normal(self.keys, topic + "/weight"), 0).astype(
                np.float32
            )
        return self._shifts[key]

    def _draw_normal(self, sex: str) -> Floats:
        probes, keys = self.layout.probes, self.keys
        state, place = uniform(keys, "state"), uniform(keys, "beta in the state")
        # Type I probes were designed for CpG islands, which are mostly unmethylated.
        type_one = (probes["design"] == "I").to_numpy()
        low = np.where(type_one, 0.60, 0.34)
        middle = np.where(type_one, 0.14, 0.17)
        betas = np.where(
            state < low,
            0.02 + 0.13 * place**2,
            np.where(state < low + middle, 0.2 + 0.6 * place, 0.97 - 0.2 * place**1.5),
        )
        betas = np.where((probes["kind"] == "ch").to_numpy(), 0.02 + 0.05 * place, betas)
        if sex == "F":
            # One of two X chromosomes is inactive: its islands are methylated.
            inactive = (probes["chrom"] == "X").fill_null(False).to_numpy()
            target = np.where(state < low, 0.35 + 0.2 * place, 0.93 * betas)
            betas = np.where(inactive, betas + self.design.sex_effect * (target - betas), betas)
        return np.clip(betas, _FLOOR, 1 - _FLOOR).astype(np.float32)

    def _draw_shift(self, level: str, group: str) -> Floats:
        scale = getattr(self.design, f"{level}_effect")
        near = CLASSES[group].near if level == "class" else None
        topic = f"{level}/{group}/{self.design.biology}"
        member = self._member(level, topic)
        if near:
            # A close class keeps part of the other's signature, with the same change.
            other = self._member(level, f"{level}/{near}/{self.design.biology}")
            shared = uniform(self.keys, f"closeness/{topic}") < self.design.closeness
            member = np.where(shared, other, member)
        place = uniform(self.keys, f"change/{level}/{self.design.biology}")
        size = _SHIFT[0] + (_SHIFT[1] - _SHIFT[0]) * place
        rising = self.normal_betas("M") < 0.5
        change = scale * np.where(rising, size, -size)
        changeable = (self.layout.probes["kind"] == "cg").to_numpy() & ~self._on_sex_chromosome()
        return np.where(member & changeable, change, 0.0).astype(np.float32)

    def _member(self, level: str, topic: str) -> npt.NDArray[np.bool_]:
        return np.asarray(uniform(self.keys, topic) < _FRACTION[level])

    def _on_sex_chromosome(self) -> npt.NDArray[np.bool_]:
        return self.layout.probes["chrom"].is_in(["X", "Y"]).fill_null(False).to_numpy()

    def _with_genotype(self, betas: Floats, person: int) -> Floats:
        rows = np.flatnonzero((self.layout.probes["kind"] == "rs").to_numpy())
        keys = self.keys[rows]
        frequency = 0.3 + 0.4 * uniform(keys, "allele frequency")
        topic = f"allele/{self.design.seed}/{person}"
        alleles = sum(
            (uniform(keys, f"{topic}/{parent}") < frequency).astype(np.float32)
            for parent in ("mother", "father")
        )
        betas[rows] = 0.5 + self.design.genotypes * 0.46 * (alleles - 1.0)
        return betas
