"""Where CpGs lie, for those who name some in a table.

Belongs here: reading it of the arrays that reference samples were measured on. Does not belong
here: putting builds side by side (`cup_assets.cohort.places`).
"""

from __future__ import annotations

import polars as pl

from cup_assets.cohort.places import places_by_build
from cup_assets.orchestration.resources import Platform


def places_of(platform: Platform, names: pl.Series) -> pl.DataFrame:
    """Return where CpGs lie in each build of the members' arrays, and in which genes."""
    probes = platform.catalogue.query(
        'SELECT "array", probe_id, name, chrom, pos, build, genes FROM probes'
        ' WHERE name IN (SELECT unnest(?)) AND "array" IN'
        ' (SELECT "array" FROM dataset_members WHERE included)',
        [names.to_list()],
    )
    return places_by_build(probes, names.to_list())
