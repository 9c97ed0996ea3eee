"""The input manifest of a result, linked from its metadata in the UI.

Belongs here: writing the page and the link. Does not belong here: the page itself
(`cup_assets.report.provenance_page`).
"""

from __future__ import annotations

import dagster as dg

from cup_assets.orchestration.resources import Platform
from cup_assets.report.provenance_page import provenance_page
from cup_assets.warehouse import Recipe
from cup_assets.warehouse.evidence import steps_behind

LINK = "input manifest"


def with_input_manifest(
    platform: Platform,
    recipe: Recipe,
    result: dg.MaterializeResult,  # type: ignore[type-arg]
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Write the page of everything behind the stored version, and link it from the metadata."""
    current = platform.catalogue.current(recipe.asset, recipe.partition)
    if current is None:
        raise ValueError(f"{recipe.name} is not stored yet: its manifest cannot be written")
    steps = steps_behind(platform.catalogue, [(current.name, current.data_version)])
    folder = platform.settings.reports / "provenance" / recipe.asset
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{recipe.partition or 'all'}.html"
    staged = page.with_name(f".{page.name}.part")
    staged.write_bytes(provenance_page(current.name, current.data_version, steps))
    staged.replace(page)
    return result._replace(
        metadata={**(result.metadata or {}), LINK: dg.MetadataValue.url(page.absolute().as_uri())}
    )
