"""Chromosomes and their arms, per genome build.

Belongs here: coordinates of chromosomes and arms from bioframe's packaged assemblies (no network).
Does not belong here: probes, genes, bins.
"""

from __future__ import annotations

from functools import cache

import polars as pl

CHROMOSOMES = (*(str(i) for i in range(1, 23)), "X", "Y")
AUTOSOMES = CHROMOSOMES[:22]


@cache
def chromosome_arms(build: str = "hg19") -> pl.DataFrame:
    """Return the arms of every chromosome.

    Parameters
    ----------
    build : str
        ``hg19`` or ``hg38``.

    Returns
    -------
    pl.DataFrame
        ``chrom`` ("1".."22", "X", "Y", in this order), ``arm`` ("1p"), ``start``, ``end``
        (0-based, half-open, base pairs). The centromere (UCSC ``acen`` bands) belongs to neither
        arm.

    Raises
    ------
    ValueError
        If the build is not packaged with bioframe.
    """
    import bioframe

    if build not in ("hg19", "hg38"):
        raise ValueError(f"unknown genome build {build!r}: use hg19 or hg38")
    assembly = bioframe.assembly_info(build)
    bands = pl.DataFrame(
        {c: assembly.cytobands[c].to_numpy() for c in ("chrom", "start", "end", "stain")}
    ).with_columns(pl.col("chrom").str.strip_prefix("chr"))
    centromeres = (
        bands.filter(pl.col("stain") == "acen")
        .group_by("chrom")
        .agg(pl.col("start").min(), pl.col("end").max())
    )
    spans = {chrom: (int(start), int(end)) for chrom, start, end in centromeres.iter_rows()}
    rows = []
    for chrom in CHROMOSOMES:
        start, end = spans[chrom]
        length = int(assembly.chromsizes[f"chr{chrom}"])
        rows += [(chrom, f"{chrom}p", 0, start), (chrom, f"{chrom}q", end, length)]
    return pl.DataFrame(rows, schema=["chrom", "arm", "start", "end"], orient="row")


@cache
def cytobands(build: str = "hg19") -> pl.DataFrame:
    """Return the bands of every chromosome as an ideogram shows them.

    Returns
    -------
    pl.DataFrame
        ``chrom``, ``start``, ``end`` (0-based, half-open), ``band`` ("p36.33"), ``stain``
        (UCSC: gneg, gpos25 to gpos100, acen, gvar, stalk), in karyotype order.
    """
    import bioframe

    bands = bioframe.assembly_info(build).cytobands
    return (
        pl.DataFrame({c: bands[c].to_numpy() for c in ("chrom", "start", "end", "band", "stain")})
        .with_columns(pl.col("chrom").str.strip_prefix("chr"))
        .filter(pl.col("chrom").is_in(CHROMOSOMES))
        .sort(pl.col("chrom").cast(pl.Enum(CHROMOSOMES)), "start")
    )


def chromosome_lengths(build: str = "hg19") -> dict[str, int]:
    """Return the length of every chromosome in base pairs, in karyotype order."""
    arms = chromosome_arms(build)
    return {
        chrom: int(arms.filter(pl.col("chrom") == chrom)["end"].max())  # type: ignore[arg-type]
        for chrom in CHROMOSOMES
    }
