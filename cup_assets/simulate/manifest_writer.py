"""Write an array layout as a manifest file in Illumina's CSV layout.

Belongs here: the file. Does not belong here: what the array carries (`arrays`), reading
(`cup_assets.methylome.manifest`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl

from cup_assets.methylome.manifest_annotation import OPEN_SEA
from cup_assets.simulate.arrays import ArrayLayout
from cup_assets.simulate.known_snps import snp_columns

_BUILD_NAMES = {"hg19": "37", "hg38": "GRCh38"}


def write_manifest(layout: ArrayLayout, folder: Path) -> Path:
    """Write ``<descriptor>.csv``, or copy the user's manifest unchanged; return the path.

    Parameters
    ----------
    layout : ArrayLayout
        The array.
    folder : Path
        An existing folder.
    """
    if layout.source:
        return Path(shutil.copyfile(layout.source, folder / layout.source.name))
    path = folder / f"{Path(layout.descriptor).stem}.csv"
    with path.open("wb") as file:
        file.write(_heading(layout).encode())
        _assay(layout).write_csv(file)
        file.write(b"[Controls]\n")
        layout.controls.select("address", "kind", "color", "label").write_csv(
            file, include_header=False
        )
    return path


def _heading(layout: ArrayLayout) -> str:
    return (
        "Illumina, Inc.\n[Heading]\n"
        f"Descriptor File Name,{layout.descriptor}\n"
        "Assay Format,Infinium 2\n"
        "Date Manufactured,SIMULATED: not a real array\n"
        f"Loci Count,{len(layout.probes)}\n[Assay]\n"
    )


def _assay(layout: ArrayLayout) -> pl.DataFrame:
    chrom = pl.col("chrom") if layout.build == "hg19" else "chr" + pl.col("chrom")
    columns = layout.probes.select(
        IlmnID="probe_id",
        Name="name",
        AddressA_ID="address_a",
        AddressB_ID="address_b",
        Infinium_Design_Type="design",
        Color_Channel="channel",
        Genome_Build=pl.lit(_BUILD_NAMES[layout.build]),
        CHR=chrom,
        MAPINFO="pos",
        Strand="strand",
        UCSC_RefGene_Name="genes",
        UCSC_RefGene_Group=pl.col("gene_parts").str.split(":").list.last(),
        Relation_to_UCSC_CpG_Island=pl.col("island").replace(OPEN_SEA, None),
    )
    return columns.hstack(snp_columns(layout.probes, layout.name))
