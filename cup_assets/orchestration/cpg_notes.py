"""What the manifests say of CpGs, for those who show many.

Belongs here: reading place, gene, part of the gene and island of the arrays that reference samples
were measured on. Does not belong here: putting builds side by side (`cup_assets.cohort.places`).
"""

from __future__ import annotations

import polars as pl

from cup_assets.orchestration.places import places_of
from cup_assets.orchestration.resources import Platform


def notes_of(platform: Platform, names: pl.Series) -> pl.DataFrame:
    """Return ``probe_id``, a place a build, ``genes``, ``gene_parts`` and ``island`` of CpGs.

    Where arrays disagree, what the first in alphabetical order of those that say anything says.
    """
    said = platform.catalogue.query(
        "SELECT name AS probe_id, arg_min(gene_parts, \"array\") FILTER (gene_parts <> '')"
        " AS gene_parts, arg_min(island, \"array\") FILTER (island <> '') AS island"
        ' FROM (SELECT * FROM probes ORDER BY "array", probe_id)'
        ' WHERE name IN (SELECT unnest(?)) AND "array" IN'
        ' (SELECT "array" FROM dataset_members WHERE included) GROUP BY name',
        [names.to_list()],
    ).cast(pl.String)
    return places_of(platform, names).join(said, on="probe_id", how="left", maintain_order="left")
