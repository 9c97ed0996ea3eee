"""How many betas of each sample are missing, and for which reasons.

Belongs here: the table for people, and the proof that it accounts for every missing beta. Does not
belong here: the reasons themselves (`masks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.methylome.errors import MaskError

if TYPE_CHECKING:
    from cup_assets.methylome.batch import ArraySignals


def missing_by_reason(array: ArraySignals) -> pl.DataFrame:
    """Count the missing betas of every sample by reason.

    Returns
    -------
    pl.DataFrame
        ``sample_id``, ``array``, ``probes``, ``missing`` (their number), ``missing_share``, and
        for each reason, in the order of the counts, its number and ``<reason>_share``; shares are
        of the array's probes. One row a sample, in the order of the samples.

    Raises
    ------
    MaskError
        If the reasons of a sample do not add up to its missing betas: one is missing for no
        reason, or has a reason and is there.
    """
    n_probes = array.beta.shape[0]
    missing = np.isnan(array.beta).sum(axis=0, dtype=np.int64)
    reasons = array.masked["reason"].unique(maintain_order=True).to_list()
    counts = array.masked.pivot("reason", index="sample_id", values="n", maintain_order=True)
    table = pl.DataFrame({"sample_id": array.sample_ids, "missing": missing}).join(
        counts, on="sample_id", how="left", maintain_order="left"
    )
    explained = pl.sum_horizontal(pl.lit(0, pl.Int64), *(pl.col(r).fill_null(0) for r in reasons))
    wrong = table.with_columns(explained=explained).filter(pl.col("missing") != pl.col("explained"))
    if not wrong.is_empty():
        row = wrong.row(0, named=True)
        raise MaskError(
            f"sample {row['sample_id']}: {row['missing']:,} betas are missing, "
            f"{row['explained']:,} for a recorded reason; nothing was stored, report this error"
        )
    return table.select(
        "sample_id",
        pl.lit(array.manifest.array).alias("array"),
        pl.lit(n_probes).alias("probes"),
        "missing",
        (pl.col("missing") / n_probes).alias("missing_share"),
        *(
            column
            for reason in reasons
            for column in (pl.col(reason), (pl.col(reason) / n_probes).alias(f"{reason}_share"))
        ),
    )
