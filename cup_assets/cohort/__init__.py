"""Which samples, which classes, which folds.

Belongs here: sample sheets, the intake of a batch, the landing plan, the taxonomy of diagnoses, the
members of the reference data set, their folds and weights, and small helpers over matrices. Does
not belong here: signals (`cup_assets.methylome`), models, storage, Dagster.
"""

from cup_assets.cohort.balance import STRATEGIES, Strategy, synthetic_samples, training_plan
from cup_assets.cohort.batch_files import (
    MARKER,
    Observation,
    batch_key,
    batch_signature,
    observe_batches,
)
from cup_assets.cohort.folds import assign_folds
from cup_assets.cohort.intake import Inventory, take_inventory
from cup_assets.cohort.landing import LandingPlan, LandingRequest, plan_landings
from cup_assets.cohort.matrix import Placement, place_probes
from cup_assets.cohort.members import select_members
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.probe_space import ArrayChoice, ProbeSpace, choose_arrays, common_probes
from cup_assets.cohort.problems import (
    CohortError,
    FoldsError,
    IntakeError,
    MatrixError,
    Problem,
    SampleSheetError,
    TaxonomyError,
)
from cup_assets.cohort.samplesheet import (
    SAMPLE_SCHEMA,
    SampleSheet,
    load_samplesheet,
    read_samplesheet,
)
from cup_assets.cohort.taxonomy import Taxonomy, TumourClass, load_taxonomy

__all__ = [
    "MARKER",
    "SAMPLE_SCHEMA",
    "STRATEGIES",
    "ArrayChoice",
    "CohortError",
    "CohortParameters",
    "FoldsError",
    "IntakeError",
    "Inventory",
    "LandingPlan",
    "LandingRequest",
    "MatrixError",
    "Observation",
    "Placement",
    "ProbeSpace",
    "Problem",
    "SampleSheet",
    "SampleSheetError",
    "Strategy",
    "Taxonomy",
    "TaxonomyError",
    "TumourClass",
    "assign_folds",
    "batch_key",
    "batch_signature",
    "choose_arrays",
    "common_probes",
    "load_samplesheet",
    "load_taxonomy",
    "observe_batches",
    "place_probes",
    "plan_landings",
    "read_samplesheet",
    "select_members",
    "synthetic_samples",
    "take_inventory",
    "training_plan",
]
