"""What a manifest says about where a probe lies in genes and CpG islands.

Belongs here: Illumina's columns about them, of whichever layout. Does not belong here: names and
positions (`manifest_csv`), which CpGs are enriched where (`cup_assets.panels.gene_sets`).

450k, EPIC and EPIC v2 name the gene of every transcript at the probe (``UCSC_RefGene_Name``) and,
in the same order, the part of it (``UCSC_RefGene_Group``: TSS1500, TSS200, 5'UTR, 1stExon, Body,
3'UTR, ...). ``Relation_to_UCSC_CpG_Island`` is Island, N_Shore, S_Shore, N_Shelf, S_Shelf, or
empty, which by convention is the open sea.
"""

from __future__ import annotations

import polars as pl

OPEN_SEA = "OpenSea"


def gene_parts(table: pl.DataFrame) -> pl.Series:
    """Return the parts of genes at each probe.

    Parameters
    ----------
    table : pl.DataFrame
        One row a probe; ``genes`` and ``gene_parts`` as in the file, ";"-joined, or null.

    Returns
    -------
    pl.Series
        ``gene:part``, distinct, in the file's order, joined by ";" ("A:TSS200;A:Body"); the parts
        alone where the file does not name as many genes as parts; null where it names no part.
    """
    lists = table.select(
        gene=pl.col("genes").str.split(";"), part=pl.col("gene_parts").str.split(";")
    ).with_row_index("row")
    named = lists.filter(pl.col("part").is_not_null()).with_columns(
        paired=(pl.col("gene").list.len() == pl.col("part").list.len()).fill_null(False)
    )
    texts = pl.concat(
        [
            named.filter("paired")
            .explode("gene", "part")
            .select("row", text=pl.concat_str("gene", "part", separator=":")),
            named.filter(~pl.col("paired")).explode("part").select("row", text="part"),
        ]
    )
    joined = (
        texts.unique(maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(pl.col("text").str.join(";"))
    )
    return lists.select("row").join(joined, on="row", how="left", maintain_order="left")["text"]


def island_relations(table: pl.DataFrame) -> pl.Series:
    """Return each probe's relation to CpG islands.

    Parameters
    ----------
    table : pl.DataFrame
        One row a probe; ``island`` as in the file, and ``pos``, null where there is none.

    Returns
    -------
    pl.Series
        As the file says, distinct; `OPEN_SEA` for a probe with a position and no relation. Null
        without a position, and throughout where the file names no relation at all.
    """
    relation = pl.col("island")
    said = relation.str.split(";").list.unique(maintain_order=True).list.join(";")
    if not table["island"].is_not_null().any():
        return table["island"]
    sea = pl.when(pl.col("pos").is_not_null()).then(pl.lit(OPEN_SEA))
    return table.select(said.fill_null(sea))["island"]
