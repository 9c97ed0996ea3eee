"""Panels for lighter technologies.

Belongs here: ``panels/assays``. Does not belong here: what is made for one technology
(`assay_design`), profiles and masks (`assay_inputs`), releases (`.panel_release`).
"""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.orchestration.assay_design import design
from cup_assets.orchestration.assay_inputs import (
    cross_reactive_note,
    excluded_probes,
    fingerprints,
    of_material,
    profiles,
    reference_manifests,
)
from cup_assets.orchestration.assay_notes import accuracy_note, files_note
from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import (
    ASSAYS,
    COMPUTE_POOL,
    OWNERS,
    PANELS,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, explained_failures, materialise
from cup_assets.orchestration.places import places_of
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels.assay_builds import best_build
from cup_assets.panels.assay_folds import (
    Assay,
    choose_in_parts,
    choose_on_all,
    parts_of,
    used_splits,
)
from cup_assets.panels.technology import Technology
from cup_assets.report import markdown_table
from cup_assets.report.assay_figures import assay_accuracy_plot, refusal_plot
from cup_assets.warehouse import Recipe

FOLDER = "assays"
_CODE_VERSION = "2"


@dg.asset(
    key=ASSAYS,
    deps=[REFERENCE, PANELS],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version=_CODE_VERSION,
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def assay_panels(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """A panel for each technology, with targets, windows and the accuracy to expect of it.

    CpGs that the technology cannot measure are refused with the reason. The accuracy is that of
    panels chosen inside the outer training folds only, on held-out samples as the technology might
    measure them, all CpGs of the panel or only some.
    """
    parameters = platform.parameters
    with explained_failures():
        chosen = profiles(platform.settings.data, parameters.assays.technologies)
        manifests = reference_manifests(platform)
        excluded, masks, lacks = excluded_probes(
            manifests, parameters.assays, platform.settings.data
        )
    panels = require(platform, PANELS)
    inputs = inputs_of([require(platform, REFERENCE), panels])
    recipe = Recipe(
        asset=ASSAYS.to_user_string(),
        code_version=_CODE_VERSION,
        parameters={
            "panels": asdict(parameters.panels),
            "assays": asdict(parameters.assays),
            "calibration_c": parameters.evaluation.calibration_c,
            "masks": masks,
        },
        inputs=inputs,
        depends_on=inputs | fingerprints(chosen, manifests),
    )
    size = parameters.assays.size or int(panels.summary["numbers"]["recommended_size"])
    notes = [note for note in (cross_reactive_note(parameters.assays), *lacks) if note]
    folder = platform.settings.reports / FOLDER
    result = materialise(
        context,
        platform,
        recipe,
        lambda: _design(context, platform, chosen, excluded, size, notes),
        files=folder,
    )
    links = {"folder": dg.MetadataValue.path(folder)}
    return result._replace(metadata={**(result.metadata or {}), **links})


def _design(
    context: dg.AssetExecutionContext,
    platform: Platform,
    chosen: Mapping[str, Technology],
    excluded: Mapping[str, str],
    size: int,
    notes: list[str],
) -> Product:
    parameters = platform.parameters
    data, folds = load_training_data(platform), read_folds(platform)
    parts = parts_of(used_splits(data, folds, parameters.panels))
    names = pl.Series(data.probe_ids.tolist())
    places = places_of(platform, names)
    build = parameters.assays.build or best_build(places, names.to_list())
    assays = [
        Assay(
            *(technology, places, excluded, size, build),
            of_material(technology, parameters.assays.material),
        )
        for technology in chosen.values()
    ]
    panels = choose_on_all(data, assays, parameters.panels)
    choices = choose_in_parts(
        data, parts, assays, parameters.panels, platform.mapper,
        progress_of(context, "training parts"),
    )  # fmt: skip
    made = []
    for assay, panel, own in zip(assays, panels, choices, strict=True):
        context.log.info("%s", assay.technology.title)
        made.append(design(platform, data, folds, assay, panel, own))
    tables = {
        name: pl.concat([of.tables[name] for of in made], how="vertical_relaxed")
        for name in made[0].tables
    }
    files = {name: content for of in made for name, content in of.files.items()}
    accuracy, summary = tables["assay_accuracy"], tables["assay_panels"]
    shown = summary.drop("profile")
    return Product(
        tables=tables,
        numbers={
            "size_asked_for": size,
            "assays": summary.filter(pl.col("n_cpgs") > 0).height,
            "barred_probes": len(excluded),
        },
        notes={
            "panels": markdown_table(shown),
            "expected accuracy": accuracy_note(accuracy),
            "why CpGs are left out": markdown_table(tables["assay_refusals"], max_rows=100),
            "files": files_note(f"reports/{FOLDER}", files),
        }
        | ({"masks": "\n\n".join(notes)} if notes else {}),
        pictures={
            "expected accuracy": assay_accuracy_plot(accuracy, summary),
            "refusals": refusal_plot(tables["assay_refusals"], summary),
        },
        files=files,
    )
