"""Where CpGs lie in the genome, by genome build.

Belongs here: positions for people to read. Does not belong here: anything computed from positions,
which happens on one array and in its build (`cup_assets.copynumber`).

The manifests of 450k and EPIC give positions on hg19, that of EPIC v2 on hg38; a CpG of a cohort on
both has two positions and sometimes two chromosomes. A position without its build is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def places_by_build(probes: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the places of CpGs, a column a build.

    Parameters
    ----------
    probes : pl.DataFrame
        ``array``, ``probe_id``, ``name``, ``chrom``, ``pos``, ``build``, ``genes`` of the arrays
        that count, replicates included.
    names : sequence of str
        Distinct names of probes.

    Returns
    -------
    pl.DataFrame
        ``probe_id`` (the names, in their order), one column a build in use, named after it, with
        ``chrom:pos`` (1-based, as the manifest says; without ``:pos`` where that is unknown;
        several, joined by " / ", where manifests or replicates of one build differ), and ``genes``
        of the first array that names any. Null where nothing is known.
    """
    known = probes.filter(pl.col("name").is_in(list(names))).sort("array", "probe_id")
    builds = sorted(set(known["build"].drop_nulls()))
    position = pl.col("pos").cast(pl.String)
    place = pl.concat_str("chrom", position, separator=":").fill_null(pl.col("chrom"))

    def in_build(build: str) -> pl.Expr:
        places = place.filter((pl.col("build") == build) & pl.col("chrom").is_not_null())
        text = places.unique(maintain_order=True).str.join(" / ")
        return pl.when(text != "").then(text).alias(build)

    found = known.group_by("name", maintain_order=True).agg(
        *(in_build(build) for build in builds), pl.col("genes").drop_nulls().first()
    )
    order = pl.DataFrame({"probe_id": names}, schema={"probe_id": pl.String})
    return order.join(found, left_on="probe_id", right_on="name", how="left", maintain_order="left")
