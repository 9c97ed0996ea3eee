"""Who is in the cohort: patients, samples, batches, roles.

Belongs here: one row a sample, drawn from the design. Does not belong here: what goes wrong with
it (`mistakes`), anything measured.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from cup_assets.simulate.classes import CLASSES, NORMAL
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.hashing import generator
from cup_assets.simulate.mistakes import make_mistakes

_FIRST_SCAN = datetime(2020, 1, 6, 9, 0)


@dataclass(frozen=True)
class Sample:
    """One sample, as it is and as the sample sheet says.

    Attributes
    ----------
    number
        Seed of the measurement: differs between all samples.
    person
        Seed of the genotype and the tumour: shared by the samples of one person.
    diagnosis, label
        True class, and the sample sheet's ("" where it is left blank).
    sex, labelled_sex
        True sex, and the sample sheet's.
    purity
        Fraction of tumour cells; 0 in normal controls.
    duplicate_of
        The sample whose DNA this one repeats, if any.
    swapped
        Whether the diagnosis in the sample sheet was exchanged with another sample's.
    degraded
        Whether the DNA is too degraded to be of use.
    exchanged
        Whether its files are those of another patient's sample: person, diagnosis, sex and purity
        are the DNA's, everything else the sample sheet's.
    unconverted
        Whether the bisulfite conversion was incomplete.
    few_beads
        Whether the array holds few beads of each type.
    """

    number: int
    person: int
    sample_id: str
    patient_id: str
    batch: str
    sentrix_id: str
    sentrix_position: str
    diagnosis: str
    label: str
    role: str
    material: str
    sex: str
    labelled_sex: str
    site: str
    purity: float
    scanned: datetime
    duplicate_of: str | None = None
    swapped: bool = False
    degraded: bool = False
    exchanged: bool = False
    unconverted: bool = False
    few_beads: bool = False

    @property
    def stem(self) -> str:
        """File name of the sample's IDAT pair, without colour."""
        return f"{self.sentrix_id}_{self.sentrix_position}"


@dataclass
class _Draft:
    """A sample before it has a place in a batch."""

    person: int
    diagnosis: str
    role: str
    batch: int
    sex: str
    purity: float
    material: str = ""
    twin: int | None = None


def draw_samples(design: CohortDesign, positions: tuple[str, ...]) -> tuple[Sample, ...]:
    """Draw the samples of a cohort.

    Parameters
    ----------
    design : CohortDesign
        What to draw.
    positions : tuple of str
        Sentrix positions of one chip.

    Returns
    -------
    tuple of Sample
        Ordered by batch, chip and position.

    Raises
    ------
    SimulationError
        If the design asks for more mistakes than there are samples to make them on.
    """
    rng = generator(design.seed, "people")
    drafts = _tumours(design, rng)
    drafts += _normals(design, rng, first_person=len(drafts))
    drafts += _diagnostic(design, rng, first_person=len(drafts))
    _give_material(design, drafts, rng)
    drafts += _duplicates(design, drafts, rng)
    _fill_empty_batches(design, drafts)
    samples = _seat(design, drafts, positions, rng)
    return make_mistakes(design, samples, rng)


def _purity(design: CohortDesign, rng: np.random.Generator) -> float:
    low, high = design.purity
    return round(float(low + (high - low) * rng.beta(2.5, 1.6)), 3)


def _sex(rng: np.random.Generator) -> str:
    return "F" if rng.random() < 0.45 else "M"


def _batch(design: CohortDesign, home: int, rng: np.random.Generator) -> int:
    """Return the class' home batch with the probability of the confounding, else any batch."""
    if rng.random() < design.confounding:
        return home % design.batches
    return int(rng.integers(design.batches))


def _tumours(design: CohortDesign, rng: np.random.Generator) -> list[_Draft]:
    drafts: list[_Draft] = []
    names = [name for name, size in design.classes for _ in range(size)]
    homes = {name: number for number, (name, _) in enumerate(design.classes)}
    # A second sample follows its patient's first one, so it must not open its class.
    later = [i for i in range(1, len(names)) if names[i] == names[i - 1]]
    if design.second_samples > len(later) // 2:
        raise SimulationError(f"second_samples={design.second_samples}: more than fit the classes")
    seconds = set(rng.choice(later[::2], size=design.second_samples, replace=False).tolist())
    for i, name in enumerate(names):
        batch = _batch(design, homes[name], rng)
        if i in seconds:
            first = drafts[-1]
            draft = replace(first, batch=batch, purity=_purity(design, rng))
        else:
            draft = _Draft(i, name, "reference", batch, _sex(rng), _purity(design, rng))
        drafts.append(draft)
    return drafts


def _normals(design: CohortDesign, rng: np.random.Generator, first_person: int) -> list[_Draft]:
    # In pairs of both sexes, one pair a batch in turn.
    return [
        _Draft(first_person + i, NORMAL, "normal_control", i // 2 % design.batches, "FM"[i % 2], 0)
        for i in range(design.normals)
    ]


def _diagnostic(design: CohortDesign, rng: np.random.Generator, first_person: int) -> list[_Draft]:
    known = [name for name, _ in design.classes]
    unknown = [name for name in CLASSES if name not in known]
    if design.novel and not unknown:
        raise SimulationError("novel: every class has reference samples; set novel=0")
    weights = np.sqrt([size for _, size in design.classes])
    drafts = []
    for i in range(design.diagnostic):
        if i < design.novel:
            name = str(rng.choice(unknown))
        elif known:
            name = str(rng.choice(known, p=weights / weights.sum()))
        else:
            raise SimulationError("diagnostic cases need classes to be drawn from")
        # The last batch first: new cases come with new batches.
        batch = (design.batches - 1 - i) % design.batches
        person = first_person + i
        drafts.append(_Draft(person, name, "diagnostic", batch, _sex(rng), _purity(design, rng)))
    return drafts


def _give_material(design: CohortDesign, drafts: list[_Draft], rng: np.random.Generator) -> None:
    """Draw FFPE or frozen; centres differ in what they send as far as there is confounding."""
    fraction = design.ffpe_fraction
    room = min(fraction, 1 - fraction)
    for draft in drafts:
        tilt = room * design.confounding * (1 if draft.batch % design.sites % 2 else -1)
        draft.material = "FFPE" if rng.random() < fraction + tilt else "frozen"


def _duplicates(
    design: CohortDesign, drafts: list[_Draft], rng: np.random.Generator
) -> list[_Draft]:
    reference = [i for i, draft in enumerate(drafts) if draft.role == "reference"]
    if not design.duplicates:
        return []
    if design.duplicates > len(reference):
        raise SimulationError(f"duplicates={design.duplicates}: only {len(reference)} samples")
    twins = rng.choice(reference, size=design.duplicates, replace=False).tolist()
    return [replace(drafts[i], batch=(drafts[i].batch + 1) % design.batches, twin=i) for i in twins]


def _fill_empty_batches(design: CohortDesign, drafts: list[_Draft]) -> None:
    for batch in range(design.batches):
        sizes = Counter(draft.batch for draft in drafts)
        if not sizes[batch]:
            largest = sizes.most_common(1)[0][0]
            next(draft for draft in drafts if draft.batch == largest).batch = batch


def _seat(
    design: CohortDesign,
    drafts: list[_Draft],
    positions: tuple[str, ...],
    rng: np.random.Generator,
) -> list[Sample]:
    """Give every draft a chip, a position and its ids, in random order within its batch."""
    draw = rng.random(len(drafts))
    order = sorted(range(len(drafts)), key=lambda i: (drafts[i].batch, draw[i]))
    patients: dict[tuple[int, int | None], str] = {}
    seats: dict[int, int] = {}
    samples: dict[int, Sample] = {}
    for number, i in enumerate(order):
        draft = drafts[i]
        seat = seats[draft.batch] = seats.get(draft.batch, -1) + 1
        chip, position = divmod(seat, len(positions))
        # A duplicate is filed as another patient, a second sample as the same one.
        patient = patients.setdefault(
            (draft.person, draft.twin), f"SIM-P{design.first_number + len(patients):03d}"
        )
        samples[i] = Sample(
            number=design.first_number + number,
            person=design.first_number + draft.person,
            sample_id=f"SIM-{design.first_number + number:04d}",
            patient_id=patient,
            batch=f"SIM-B{_batch_number(design, draft.batch):02d}",
            sentrix_id=f"29{_batch_number(design, draft.batch):06d}{chip + 1:04d}",
            sentrix_position=positions[position],
            diagnosis=draft.diagnosis,
            label="" if draft.role == "diagnostic" else draft.diagnosis,
            role=draft.role,
            material=draft.material,
            sex=draft.sex,
            labelled_sex=draft.sex,
            site=f"SIM-centre-{draft.batch % design.sites + 1}",
            purity=draft.purity,
            scanned=_FIRST_SCAN + timedelta(days=31 * draft.batch + chip, minutes=25 * position),
        )
    for i, draft in enumerate(drafts):
        if draft.twin is not None:
            samples[i] = replace(samples[i], duplicate_of=samples[draft.twin].sample_id)
    return [samples[i] for i in order]


def _batch_number(design: CohortDesign, batch: int) -> int:
    return design.first_number + batch
