"""What goes wrong with a cohort: in the paperwork, and in the laboratory.

Belongs here: which samples are mislabelled, exchanged or spoilt. Does not belong here: what that
does to a measurement (`signal`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.errors import SimulationError

if TYPE_CHECKING:
    from cup_assets.simulate.people import Sample


def make_mistakes(
    design: CohortDesign, samples: list[Sample], rng: np.random.Generator
) -> tuple[Sample, ...]:
    """Make every mistake of the design, each on samples of their own.

    Raises
    ------
    SimulationError
        If there are too few samples to make them on.
    """
    twins = {sample.duplicate_of for sample in samples}
    shared = Counter(sample.person for sample in samples)
    free = [
        i
        for i, sample in enumerate(samples)
        if sample.role == "reference"
        and shared[sample.person] == 1
        and sample.sample_id not in twins
    ]
    for _ in range(design.swaps):
        one, other = _pair_to_swap(samples, free)
        samples[one], samples[other] = (
            replace(samples[one], label=samples[other].diagnosis, swapped=True),
            replace(samples[other], label=samples[one].diagnosis, swapped=True),
        )
        free = [i for i in free if i not in (one, other)]
    if design.wrong_sexes + design.degraded > len(free):
        raise SimulationError("wrong_sexes and degraded: more than there are samples")
    chosen = rng.choice(free, size=design.wrong_sexes + design.degraded, replace=False).tolist()
    for i in chosen[: design.wrong_sexes]:
        samples[i] = replace(samples[i], labelled_sex="M" if samples[i].sex == "F" else "F")
    for i in chosen[design.wrong_sexes :]:
        samples[i] = replace(samples[i], degraded=True, material="FFPE")
    _spoil(design, samples, [i for i in free if i not in chosen], rng)
    return tuple(samples)


def _spoil(
    design: CohortDesign, samples: list[Sample], free: list[int], rng: np.random.Generator
) -> None:
    """Exchange files and spoil conversion and beads; a design without these draws nothing."""
    wanted = design.exchanged + design.unconverted + design.few_beads
    if not wanted:
        return
    firsts = _with_second_sample(samples)
    if design.exchanged > len(firsts) or wanted > len(free):
        raise SimulationError("exchanged, unconverted and few_beads: more than there are samples")
    ones = rng.choice(firsts, size=design.exchanged, replace=False).tolist() if firsts else []
    others = rng.choice(free, size=wanted, replace=False).tolist()
    for one, other in zip(ones, others, strict=False):
        samples[one], samples[other] = (
            _with_dna_of(samples[one], samples[other]),
            _with_dna_of(samples[other], samples[one]),
        )
    end = design.exchanged + design.unconverted
    for i in others[design.exchanged : end]:
        samples[i] = replace(samples[i], unconverted=True)
    for i in others[end:]:
        samples[i] = replace(samples[i], few_beads=True)


def _with_second_sample(samples: list[Sample]) -> list[int]:
    """Return the last sample of every patient with two."""
    of_patient: dict[str, list[int]] = {}
    for i, sample in enumerate(samples):
        of_patient.setdefault(sample.patient_id, []).append(i)
    return [mine[-1] for mine in of_patient.values() if len(mine) == 2]


def _with_dna_of(sample: Sample, other: Sample) -> Sample:
    return replace(
        sample,
        person=other.person,
        diagnosis=other.diagnosis,
        sex=other.sex,
        purity=other.purity,
        exchanged=True,
    )


def _pair_to_swap(samples: list[Sample], free: list[int]) -> tuple[int, int]:
    """Return the two purest samples of different families: a swap that can be discovered."""
    by_purity = sorted(free, key=lambda i: -samples[i].purity)
    for one in by_purity:
        for other in by_purity:
            families = {CLASSES[samples[i].diagnosis].family for i in (one, other)}
            if len(families) == 2:
                return one, other
    raise SimulationError("swaps: needs samples of two families; add a class or set swaps=0")
