"""The panels that are released.

Belongs here: ``panels/release``. Does not belong here: fitting (`cup_assets.panels.assay_release`),
which CpGs a panel has (`.assays`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.release_files import load_release, save_release
from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import (
    ASSAYS,
    COMPUTE_POOL,
    OWNERS,
    PANEL_RELEASE,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.manifest_page import with_input_manifest
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels.assay import TARGET_SCHEMA, AssayPanel
from cup_assets.panels.assay_release import PanelMaking, fit_panel_release
from cup_assets.panels.technology import Technology
from cup_assets.report import markdown_table
from cup_assets.warehouse import Recipe

_CODE_VERSION = "1"


@dg.asset(
    key=PANEL_RELEASE,
    deps=[ASSAYS, REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn"},
    owners=OWNERS,
    code_version=_CODE_VERSION,
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def panel_release(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The panel of each technology, its classifier refitted on all reference samples.

    Kept under ``data/releases/<version>/`` as the classifier is; `cup classify --panel` applies it
    to a table of a few betas.
    """
    parameters = platform.parameters
    recipe = Recipe(
        asset=PANEL_RELEASE.to_user_string(),
        code_version=_CODE_VERSION,
        parameters={
            "panels": asdict(parameters.panels),
            "assays": asdict(parameters.assays),
            "evaluation": asdict(parameters.evaluation),
            "normalisation": asdict(parameters.betas),
        },
        inputs=inputs_of([require(platform, REFERENCE), require(platform, ASSAYS)]),
    )
    made = materialise(context, platform, recipe, lambda: _release(context, platform, recipe))
    return with_input_manifest(platform, recipe, made)


def _release(context: dg.AssetExecutionContext, platform: Platform, recipe: Recipe) -> Product:
    parameters = platform.parameters
    making = PanelMaking(
        load_training_data(platform),
        read_folds(platform),
        parameters.panels,
        parameters.assays,
        parameters.evaluation,
        asdict(parameters.betas),
        parameters.cohort.replicates,
        [{"input": name, "input_version": value} for name, value in recipe.inputs.items()],
    )
    rows, cards = [], {}
    panels = platform.catalogue.query("SELECT * FROM assay_panels WHERE n_cpgs > 0 ORDER BY ALL")
    for about in panels.iter_rows(named=True):
        name = about["technology"]
        version = f"p{recipe.fingerprint[:12]}-{name}"
        folder = platform.settings.releases / version
        if not folder.exists():
            context.log.info("%s", about["title"])
            accuracy = platform.catalogue.query(
                'SELECT metric, "class", value, low, high FROM assay_accuracy'
                " WHERE technology = ? AND measured_by = ? AND measured = ? ORDER BY ALL",
                [name, name, about["measured"]],
            )
            choices = platform.catalogue.query(
                'SELECT repeat, outer_fold, inner_fold, "order", probe_id, amplicon'
                " FROM assay_choices WHERE technology = ? ORDER BY ALL",
                [name],
            )
            panel = _stored_panel(platform, about)
            save_release(
                fit_panel_release(making, panel, choices, accuracy, version, platform.mapper),
                folder,
            )
        # Read back, so that what is recorded is what will be used; the digest is kept apart.
        release = load_release(folder, normalisation=asdict(parameters.betas))
        digest = json.loads((folder / "release.json").read_text(encoding="utf-8"))["digest"]
        cards[name] = (folder / "model_card.md").read_text(encoding="utf-8")
        rows.append(
            {
                "release": version,
                "technology": name,
                "title": about["title"],
                "material": about["material"],
                "n_cpgs": len(release.probe_ids),
                "least_measured": parameters.assays.least_measured,
                "model": release.model,
                "path": folder.name,
                "digest": digest,
                "is_current": True,
            }
        )
    current = pl.DataFrame(rows, schema=_RELEASE_SCHEMA)
    earlier = platform.catalogue.query(
        f"SELECT {', '.join(list(_RELEASE_SCHEMA)[:-1])}, FALSE AS is_current FROM panel_releases"
        " WHERE NOT list_contains(?, release) ORDER BY release",
        [current["release"].to_list()],
    ).cast(_RELEASE_SCHEMA)  # type: ignore[arg-type]
    return Product(
        tables={"panel_releases": pl.concat([current, earlier])},
        numbers={"released": current.height, "samples": len(making.data.y)},
        notes={"releases": markdown_table(current)} | {f"card {n}": c for n, c in cards.items()},
    )


_RELEASE_SCHEMA = {
    "release": pl.String, "technology": pl.String, "title": pl.String, "material": pl.String,
    "n_cpgs": pl.Int64, "least_measured": pl.Float64, "model": pl.String, "path": pl.String,
    "digest": pl.String, "is_current": pl.Boolean,
}  # fmt: skip


def _stored_panel(platform: Platform, about: Mapping[str, str]) -> AssayPanel:
    """Rebuild a panel as ``panels/assays`` stored it, with the profile that it was made for."""
    targets = platform.catalogue.query(
        'SELECT * FROM assay_targets WHERE technology = ? ORDER BY "order"', [about["technology"]]
    )
    technology = Technology(**json.loads(about["profile"]))
    return AssayPanel(
        technology,
        about["material"],
        about["build"],
        targets.select(pl.col(name).cast(kind) for name, kind in TARGET_SCHEMA.items()),
        pl.DataFrame(),
        pl.DataFrame(),
    )
