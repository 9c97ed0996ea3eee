"""Synthetic cohorts with known truth, written as real IDAT files.

Belongs here: everything that invents data. Does not belong here: anything that analyses data.
Every file for people says that it is simulated.
"""

from cup_assets.simulate.cohort import SimulatedCohort, simulate_cohort
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.idat_writer import write_idat
from cup_assets.simulate.options import design_from_options

__all__ = [
    "CohortDesign",
    "SimulatedCohort",
    "SimulationError",
    "design_from_options",
    "simulate_cohort",
    "write_idat",
]
