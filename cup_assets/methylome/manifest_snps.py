"""What a manifest says about SNPs under its probes.

Belongs here: Illumina's columns about SNPs, of whichever layout. Does not belong here: the rest of
the manifest (`manifest_csv`), and which SNPs matter (`mask_lists`).

EPIC and EPIC v2 list for each probe the SNPs (``SNP_ID``), their distances from the measured base
(``SNP_DISTANCE``, bp) and their minor allele frequencies (``SNP_MinorAlleleFrequency``), each
joined by ";". 450k lists those at most 10 bp away (``Probe_SNPs_10``) and the others
(``Probe_SNPs``), without distance and frequency.
"""

from __future__ import annotations

import polars as pl

SNP_SCHEMA = {"row": pl.UInt32, "distance": pl.Int32, "maf": pl.Float32}
_NEAR = 10  # bp


def known_snps(table: pl.DataFrame) -> pl.DataFrame | None:
    """Return the SNPs under the probes, or None where the file has no columns for them.

    Parameters
    ----------
    table : pl.DataFrame
        One row a probe; the columns ``snp_id``, ``snp_distance``, ``snp_maf``, ``snp_near`` and
        ``snp_far`` as far as the file has them, text.

    Returns
    -------
    pl.DataFrame or None
        ``row`` u32 (position of the probe), ``distance`` i32 (the least that it may be, bp),
        ``maf`` f32 (null where unknown); one row a probe and SNP.
    """
    columns = set(table.columns)
    if "snp_id" in columns:
        return _listed(table)
    known = [(0, "snp_near"), (_NEAR + 1, "snp_far")]
    parts = [
        table.with_row_index("row")
        .filter(pl.col(column).is_not_null())
        .select(
            pl.col("row").cast(pl.UInt32),
            distance=pl.lit(distance, pl.Int32),
            maf=pl.lit(None, pl.Float32),
        )
        for distance, column in known
        if column in columns
    ]
    return pl.concat(parts).sort("row", "distance") if parts else None


def _listed(table: pl.DataFrame) -> pl.DataFrame:
    def split(column: str) -> pl.Expr:
        given = pl.col(column) if column in table.columns else pl.lit(None, pl.String)
        return given.str.split(";")

    def number(column: str, dtype: type[pl.DataType]) -> pl.Expr:
        text = pl.col(column).list.get(pl.col("at"), null_on_oob=True).str.strip_chars()
        return text.cast(dtype, strict=False)

    lists = table.with_row_index("row").select(
        "row", ids=split("snp_id"), distances=split("snp_distance"), mafs=split("snp_maf")
    )
    each = (
        lists.filter(pl.col("ids").is_not_null())
        .with_columns(at=pl.int_ranges(pl.col("ids").list.len()))
        .explode("at", "ids")
        .filter(pl.col("ids").str.strip_chars() != "")
    )
    return each.select(
        pl.col("row").cast(pl.UInt32),
        distance=number("distances", pl.Float64)
        .abs()
        .cast(pl.Int32, strict=False)  # null where it is no distance: unknown, so it may be least
        .fill_null(0),
        maf=number("mafs", pl.Float32),
    )
