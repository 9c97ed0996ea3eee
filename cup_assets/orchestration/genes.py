"""The genes that CpGs lie in.

Belongs here: reading them by the names that are common to all arrays. Does not belong here: copy
number of genes.
"""

from __future__ import annotations

import polars as pl

from cup_assets.orchestration.resources import Platform


def with_genes(platform: Platform, frame: pl.DataFrame) -> pl.DataFrame:
    """Add the column ``gene`` to a frame with ``feature``: ";"-joined, null where there is none.

    Where arrays disagree, what the first in alphabetical order of those that name one says.
    """
    names = frame["feature"].unique().sort().to_list()
    genes = platform.catalogue.query(
        'SELECT name AS feature, arg_min(genes, "array") AS gene FROM probes'
        " WHERE list_contains(?, name) AND genes <> '' GROUP BY name",
        [names],
    )
    return frame.join(
        genes.with_columns(pl.col("feature", "gene").cast(pl.String)),
        on="feature", how="left", maintain_order="left",
    )  # fmt: skip
