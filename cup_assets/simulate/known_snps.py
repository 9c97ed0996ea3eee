"""What the simulated manifests say about SNPs under their probes.

Belongs here: distances, frequencies and Illumina's columns for them. Does not belong here: the
genotypes of simulated people (`people`): these SNPs are named by the manifest and change no
signal.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from cup_assets.simulate.hashing import probe_keys, uniform

# About a third of real probes have a known SNP in their 50 bases; most are rare.
_SHARES = (0.25, 0.08)
_FARTHEST, _NEAR = 50, 10
_RAREST, _COMMONEST = 1e-4, 0.5


def snp_columns(probes: pl.DataFrame, array: str) -> pl.DataFrame:
    """Return the manifest's columns about SNPs, one row a probe, as text.

    Parameters
    ----------
    probes : pl.DataFrame
        ``name`` and ``kind``; a CpG's SNPs follow from its name, so that arrays agree on them.
    array : str
        ``450k`` has the columns ``Probe_SNPs`` and ``Probe_SNPs_10``, the others ``SNP_ID``,
        ``SNP_DISTANCE`` and ``SNP_MinorAlleleFrequency``.
    """
    cpg = (probes["kind"] == "cg").to_numpy()
    keys = probe_keys(probes["name"])
    columns = []
    for number, share in enumerate(_SHARES):
        here = cpg & (uniform(keys, f"has SNP {number}") < share)
        distance = (uniform(keys, f"SNP {number} at") * (_FARTHEST + 1)).astype(np.int64)
        rarity = uniform(keys, f"SNP {number} maf").astype(np.float64)
        maf = _RAREST * (_COMMONEST / _RAREST) ** rarity
        columns.append(
            pl.DataFrame({"key": keys, "here": here, "distance": distance, "maf": maf}).select(
                id=pl.when("here").then(pl.format("rs{}{}", "key", pl.lit(number + 1))),
                distance=pl.when("here").then(pl.col("distance")),
                maf=pl.when("here").then(pl.col("maf").round(6)),
            )
        )

    def joined(values: list[pl.Series]) -> pl.Series:
        table = pl.DataFrame([v.cast(pl.String).alias(str(i)) for i, v in enumerate(values)])
        text = pl.concat_str(pl.all(), separator=";", ignore_nulls=True)
        return table.select(pl.when(text != "").then(text))[:, 0]

    if array != "450k":
        names = {"SNP_ID": "id", "SNP_DISTANCE": "distance", "SNP_MinorAlleleFrequency": "maf"}
        return pl.DataFrame({name: joined([c[of] for c in columns]) for name, of in names.items()})

    def within(least: int, most: int) -> pl.Series:
        chosen = pl.when(pl.col("distance").is_between(least, most)).then(pl.col("id"))
        return joined([column.select(chosen).to_series() for column in columns])

    return pl.DataFrame(
        {"Probe_SNPs": within(_NEAR + 1, _FARTHEST), "Probe_SNPs_10": within(0, _NEAR)}
    )
