"""The divisions of the reference set, and what people should know of each.

Belongs here: drawing every scheme, and its notes for the asset's metadata. Does not belong here:
how a scheme divides (`cup_assets.cohort.schemes`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import HELD_OUT_BY, SCHEMES, SchemeFolds, assign_scheme
from cup_assets.report import markdown_table

_SHOWN = 200


def assign_schemes(
    members: pl.DataFrame, parameters: CohortParameters, previous: pl.DataFrame | None
) -> list[SchemeFolds]:
    """Divide the members by every scheme, each keeping what it had in ``previous``."""
    return [assign_scheme(scheme, members, parameters, previous) for scheme in SCHEMES]


def scheme_notes(schemes: Sequence[SchemeFolds]) -> dict[str, str]:
    """Return notes by title: every scheme in a line, what it holds out, who it cannot use."""
    parts = pl.concat([found.parts for found in schemes])
    not_used = pl.concat([found.not_used for found in schemes])
    kinds = not_used.group_by("scheme", "outer_fold", "part", "class", "reason").agg(
        samples=pl.len()
    )
    return {
        "schemes": markdown_table(pl.DataFrame([_line(found) for found in schemes])),
        "held out": markdown_table(parts, max_rows=_SHOWN),
        "not used, by class": markdown_table(
            kinds.sort("scheme", "outer_fold", "part", "class", "reason"), max_rows=_SHOWN
        ),
        "not used": markdown_table(not_used, max_rows=_SHOWN),
    }


def _line(found: SchemeFolds) -> dict[str, str | int | None]:
    tested = found.folds.filter(pl.col("inner_fold").is_null())
    untested = found.not_used.filter(part="test")["sample_id"].n_unique()
    return {
        "scheme": found.scheme,
        "holds out": HELD_OUT_BY.get(found.scheme, "patients"),
        "outer folds": tested.select("repeat", "outer_fold").n_unique(),
        "tested": tested["sample_id"].n_unique(),
        "not tested somewhere": untested,
        "impossible because": found.impossible,
    }
