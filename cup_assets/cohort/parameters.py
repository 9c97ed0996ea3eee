"""Parameters of the reference data set and of its folds.

Belongs here: numbers that change which samples are used and how they are divided. Does not belong
here: parameters of a model.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CohortParameters:
    """How the reference set is chosen and divided.

    Attributes
    ----------
    outer_folds, inner_folds
        Folds of the nested cross-validation; 3 x 3 as in Capper et al., Nature 2018.
    repeats
        How often the division is drawn, each time differently.
    min_patients
        Least number of patients a class needs; never fewer than ``outer_folds``.
    seed
        Decides between equally good folds, and which samples down-sampling keeps.
    """

    outer_folds: int = 3
    inner_folds: int = 3
    repeats: int = 1
    min_patients: int = 3
    seed: int = 1

    def __post_init__(self) -> None:
        if self.outer_folds < 2 or self.inner_folds < 2:
            raise ValueError("outer_folds and inner_folds must be at least 2")
        if self.repeats < 1 or self.min_patients < 1:
            raise ValueError("repeats and min_patients must be at least 1")

    @property
    def patients_needed(self) -> int:
        """Patients that a class needs to be used."""
        return max(self.min_patients, self.outer_folds)
