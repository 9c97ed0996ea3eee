"""Putting the definitions together.

Belongs here: the list of everything. Does not belong here: any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from cup_assets.orchestration.assets import (
    ablations,
    assays,
    case_reports,
    cnv,
    cohort_report,
    concordance,
    cross_validation,
    datasets,
    diagnosis,
    explanations,
    gene_sets,
    importance,
    landscape,
    leaderboard,
    learning_curve,
    normalised,
    novelty,
    panel_release,
    panels,
    raw,
)
from cup_assets.orchestration.automation import AUTOMATION_SENSORS
from cup_assets.orchestration.jobs import JOBS
from cup_assets.orchestration.landing import awaiting_controls_sensor, landing_sensor
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.resume import resume_sensor


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return all definitions.

    Parameters
    ----------
    resource_overrides
        Replaces resources by name (tests point ``platform`` at a temporary folder).
    """
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [
                *(raw, normalised, cnv, datasets),
                *(cross_validation, leaderboard, landscape, concordance),
                *(ablations, explanations, learning_curve, novelty, cohort_report),
                *(importance, gene_sets, panels, assays, panel_release, diagnosis, case_reports),
            ]
        ),
        jobs=JOBS,
        sensors=[landing_sensor, awaiting_controls_sensor, resume_sensor, *AUTOMATION_SENSORS],
        resources={"platform": Platform(), **(resource_overrides or {})},
        executor=dg.multiprocess_executor.configured({"max_concurrent": 2}),
    )
