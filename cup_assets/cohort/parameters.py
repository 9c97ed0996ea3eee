"""Parameters of the reference data set and of its folds.

Belongs here: numbers that change which samples are used and how they are divided. Does not belong
here: parameters of a model.
"""

from __future__ import annotations

from dataclasses import dataclass

REPLICATES = ("best_detection", "mean")

LEAST_PATIENTS = 2
"""Patients of a class: one is tested while the other one is learnt from."""


@dataclass(frozen=True)
class CohortParameters:
    """How the reference set is chosen and divided.

    Attributes
    ----------
    outer_folds, inner_folds
        Folds of the nested cross-validation; 5 x 5 as in Maros et al., Nature Protocols 2020
        (Capper et al., Nature 2018, took 3 x 3).
    repeats
        How often the stratified division is drawn, each time differently.
    min_patients
        Least number of patients a class needs; never fewer than `LEAST_PATIENTS`. With three, of
        the two that are left for training one is always trained on while the inner fold of the
        other is scored, so that no training part, outer or inner, lacks the class (two outer folds
        take four patients for that). A class with fewer patients than outer folds is not tested in
        each of them, but every sample of it is tested once all the same; to drop it would mean that
        its cases are called something else.
    seed
        Decides between equally good folds, and which samples down-sampling keeps.
    arrays
        Arrays to learn from (``450k``, ``epic``, ...); none named: all that share enough.
    min_shared_fraction
        Where ``arrays`` names none: share of the main array's probes that an array needs. 450k has
        some two fifths of EPIC v2's CpGs and HumanMethylation27 a twentieth of 450k's.
    replicates
        What probes that measure the same CpG (EPIC v2) come to: ``best_detection`` or ``mean``;
        see `cup_assets.cohort.matrix.Placement.fill`.
    """

    outer_folds: int = 5
    inner_folds: int = 5
    repeats: int = 1
    min_patients: int = 3
    seed: int = 1
    arrays: tuple[str, ...] = ()
    min_shared_fraction: float = 0.25
    replicates: str = "best_detection"

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", tuple(self.arrays))  # JSON has lists only
        if self.outer_folds < 2 or self.inner_folds < 2:
            raise ValueError("outer_folds and inner_folds must be at least 2")
        if self.repeats < 1 or self.min_patients < 1:
            raise ValueError("repeats and min_patients must be at least 1")
        if not 0 <= self.min_shared_fraction <= 1:
            raise ValueError("min_shared_fraction must lie between 0 and 1")
        if self.replicates not in REPLICATES:
            raise ValueError(
                f"replicates is {self.replicates!r}: use {' or '.join(map(repr, REPLICATES))}"
            )

    @property
    def patients_needed(self) -> int:
        """Patients that a class needs to be used."""
        return max(self.min_patients, LEAST_PATIENTS)
