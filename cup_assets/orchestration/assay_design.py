"""The panel of one technology, with everything that is stored about it.

Belongs here: choice, expected accuracy and files as tables by name. Does not belong here: the
science (`cup_assets.panels`), the asset (`assets.assays`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.orchestration.assay_inputs import plain
from cup_assets.orchestration.resources import Platform
from cup_assets.panels.assay import TARGET_SCHEMA, AssayPanel
from cup_assets.panels.assay_accuracy import ACCURACY_SCHEMA, expected_accuracy, measured_counts
from cup_assets.panels.assay_files import panel_files
from cup_assets.panels.assay_folds import Assay, Choices
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.refusals import REFUSAL_SCHEMA, refusals


@dataclass(frozen=True, eq=False)
class Designed:
    """What is designed for one technology: tables by name, files, numbers."""

    tables: Mapping[str, pl.DataFrame]
    files: Mapping[str, bytes]


def design(
    platform: Platform,
    data: TrainingData,
    folds: pl.DataFrame,
    assay: Assay,
    panel: AssayPanel | PanelError,
    choices: Choices,
) -> Designed:
    """Judge the panels of a technology, and write its files.

    Parameters
    ----------
    panel
        Chosen on all samples, or why there is none.
    choices
        The panels of the training parts, which stand in for it.
    """
    parameters, technology = platform.parameters, assay.technology
    tag = pl.lit(technology.name).alias("technology")
    about = {
        "technology": technology.name,
        "title": technology.title,
        "material": assay.material,
        "build": assay.build,
        "n_cpgs": 0,
        "n_amplicons": 0,
        "measured": None,
        "assumed": ", ".join(technology.assumed()),
        "profile": json.dumps(plain(technology), sort_keys=True),
        "note": None,
    }
    if isinstance(panel, PanelError) or choices.refused:
        return Designed(_tables(about | {"note": choices.refused or str(panel)}), {})
    panels = choices.panels
    counts = measured_counts(panels, parameters.assays.shares)
    accuracy = expected_accuracy(
        data, folds, panels, technology, counts, parameters.panels, parameters.assays.simulation(),
        parameters.evaluation, platform.mapper,
    )  # fmt: skip
    outer = panels.filter(pl.col("inner_fold").is_null())
    n_folds = outer.select("repeat", "outer_fold").unique().height
    votes = outer.group_by("probe_id").agg(chosen_in=pl.len() / n_folds)
    targets = (
        panel.targets.join(votes, on="probe_id", how="left", maintain_order="left")
        .with_columns(pl.col("chosen_in").fill_null(0.0), pl.lit(assay.build).alias("build"))
        .select(tag, *_TARGETS)
    )
    found = {
        "n_cpgs": targets.height,
        "n_amplicons": panel.windows.height,
        "measured": counts[-1],
    }
    return Designed(
        _tables(about | found)
        | {
            "assay_targets": targets,
            "assay_refusals": refusals(panel.left_out, technology).select(tag, pl.all()),
            "assay_choices": panels.select(tag, pl.all()),
            "assay_accuracy": accuracy,
        },
        {
            f"{technology.name}_{name}": content
            for name, content in panel_files(panel, assay.places).items()
        },
    )


_TARGETS = (*TARGET_SCHEMA, "build", "chosen_in")


def _tables(about: Mapping[str, object]) -> dict[str, pl.DataFrame]:
    """Return the tables of a technology that has no panel."""
    schemas = {
        "assay_targets": {
            "technology": pl.String, **TARGET_SCHEMA, "build": pl.String, "chosen_in": pl.Float64
        },
        "assay_refusals": {"technology": pl.String, **REFUSAL_SCHEMA},
        "assay_choices": {
            "technology": pl.String, "repeat": pl.Int64, "outer_fold": pl.Int64,
            "inner_fold": pl.Int64, "order": pl.Int64, "probe_id": pl.String,
            "amplicon": pl.String,
        },
        "assay_accuracy": ACCURACY_SCHEMA,
    }  # fmt: skip
    kinds = {"measured": pl.Int64, "note": pl.String}
    return {"assay_panels": pl.DataFrame([about], schema_overrides=kinds)} | {
        name: pl.DataFrame(schema=schema) for name, schema in schemas.items()
    }
