"""Which samples come from the same person, by the SNP probes.

Belongs here: genotypes and their agreement between samples. Does not belong here: deciding what
happens to a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.methylome.quality_parameters import QualityParameters

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest

# The three genotypes show near beta 0.1, 0.5 and 0.9; what lies between them is not called.
_GENOTYPES = ((0.0, 0.3), (0.35, 0.65), (0.7, 1.0))


def snp_betas(
    manifest: Manifest, beta: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the SNP probes of a beta matrix.

    Parameters
    ----------
    manifest : Manifest
        The array, p probes.
    beta : float32[p] or float32[p, n]
        Betas in the manifest's order.

    Returns
    -------
    names : tuple of str
        SNP names ("rs10033147"), the same on every array; empty on HumanMethylation27, whose
        manifest lists its SNPs among the controls without saying which bead is which allele.
    betas : float32[n_snps, n]
        Of SNPs that an array carries more than once, the first one.
    """
    probes = manifest.probes.with_row_index("row").filter(pl.col("kind") == "rs")
    probes = probes.unique("name", keep="first", maintain_order=True)
    rows = probes["row"].to_numpy()
    matrix = beta.reshape(len(beta), -1)
    return tuple(probes["name"].to_list()), matrix[rows]


def agreement(
    betas: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Compare the genotypes of every sample with those of every other one.

    Three matrix products whatever the number of samples: 1,500 samples on 65 SNPs take a fraction
    of a second.

    Parameters
    ----------
    betas : float32[n_snps, n]
    others : float32[n_snps, m]
        SNP betas on the same SNPs; NaN where missing.

    Returns
    -------
    compared : int64[n, m]
        SNPs called in both.
    concordance : float64[n, m]
        Share of equal genotypes among them; NaN where none was.
    """
    equal = np.zeros((betas.shape[1], others.shape[1]), dtype=np.float32)
    called = [np.zeros(values.shape, dtype=np.float32) for values in (betas, others)]
    for low, high in _GENOTYPES:
        left, right = (
            ((values >= low) & (values <= high)).astype(np.float32) for values in (betas, others)
        )
        equal += left.T @ right
        called[0] += left
        called[1] += right
    compared = called[0].T @ called[1]
    with np.errstate(invalid="ignore"):
        concordance = np.where(compared > 0, equal / compared, np.nan)
    # Counts of SNPs are whole numbers far below the precision of float32.
    return compared.astype(np.int64), concordance.astype(np.float64)


PAIR_SCHEMA = {
    "sample_id": pl.String,
    "same_as": pl.String,
    "snps": pl.Int64,
    "concordance": pl.Float64,
}


def duplicates(
    sample_ids: Sequence[str],
    betas: NDArray[np.float32],
    threshold: float = QualityParameters.same_identity,
    min_probes: int = QualityParameters.min_identity_probes,
) -> pl.DataFrame:
    """Find the pairs of samples with the same genotypes.

    Parameters
    ----------
    sample_ids : n names
    betas : float32[n_snps, n]
        SNP betas; NaN where missing.
    threshold : float
        Least share of equal genotypes among the SNPs called in both samples. Unrelated people
        agree on about 0.4 of common SNPs, siblings on about 0.65; the tumour of a person can
        lose some of the heterozygous ones.
    min_probes : int
        SNPs that must be called in both; pairs with fewer are not compared.

    Returns
    -------
    pl.DataFrame
        `PAIR_SCHEMA`: every pair in both directions, in the order of ``sample_ids``; ``snps``
        were compared.
    """
    compared, concordance = agreement(betas, betas)
    found = (compared >= max(min_probes, 1)) & (concordance >= threshold)
    np.fill_diagonal(found, val=False)
    return _pairs(sample_ids, sample_ids, found, compared, concordance)


def identity_conflicts(
    samples: pl.DataFrame,
    betas: NDArray[np.float32],
    parameters: QualityParameters,
    others: tuple[pl.DataFrame, NDArray[np.float32]] | None = None,
) -> pl.DataFrame:
    """Find where the genotypes contradict the sample sheets.

    Parameters
    ----------
    samples : pl.DataFrame
        ``sample_id`` and ``patient_id`` (null: not recorded, contradicts nothing) of n samples.
    betas : float32[n_snps, n]
        Their SNP betas; NaN where missing.
    parameters : QualityParameters
        What counts as the same person, and as two.
    others : (frame, float32[n_snps, m]), optional
        What they are compared with, samples among them included; default: themselves.

    Returns
    -------
    pl.DataFrame
        `CONFLICT_SCHEMA`, a row for each of ``samples`` and each it is in conflict with. ``kind``:
        ``same_genotype``, one person under two patient names (a duplicate, or a mislabelled
        sample), or ``other_genotype``, two people under one patient name (a swap). ``note`` says it
        to a person.
    """
    with_whom, their_betas = others or (samples, betas)
    compared, concordance = agreement(betas, their_betas)
    enough = compared >= max(parameters.min_identity_probes, 1)
    same = enough & (concordance >= parameters.same_identity)
    different = enough & (concordance < parameters.different_identity)
    mine, theirs = (frame["patient_id"].to_numpy()[None] for frame in (samples, with_whom))
    known = np.not_equal(mine.T, None) & np.not_equal(theirs, None)  # type: ignore[call-overload]
    one_patient = known & (theirs == mine.T)
    frames = [
        _pairs(samples["sample_id"], with_whom["sample_id"], found, compared, concordance)
        .with_columns(kind=pl.lit(kind))
        for kind, found in (
            ("same_genotype", same & known & ~one_patient),
            ("other_genotype", different & one_patient),
        )
    ]  # fmt: skip
    pairs = pl.concat(frames).filter(pl.col("sample_id") != pl.col("same_as"))
    pairs = pairs.rename({"same_as": "other"}).join(
        with_whom.select(other="sample_id", other_patient="patient_id").unique("other"), on="other",
        maintain_order="left",
    )  # fmt: skip
    return pairs.with_columns(note=_NOTE).select(CONFLICT_SCHEMA.keys()).sort("sample_id", "other")


CONFLICT_SCHEMA = {
    "sample_id": pl.String,
    "other": pl.String,
    "kind": pl.String,
    "other_patient": pl.String,
    "snps": pl.Int64,
    "concordance": pl.Float64,
    "note": pl.String,
}

# Notes reach the UI and the logs: who the other patient is stays in the column for it.
_NOTE = pl.format(
    "{} {}{} ({}% of {} SNPs agree)",
    pl.when(pl.col("kind") == "same_genotype")
    .then(pl.lit("same genotypes as"))
    .otherwise(pl.lit("other genotypes than")),
    "other",
    pl.when(pl.col("kind") == "same_genotype")
    .then(pl.lit(", filed as another patient"))
    .otherwise(pl.lit(" of the same patient")),
    (100 * pl.col("concordance")).round(0).cast(pl.Int64),
    "snps",
)


def _pairs(
    sample_ids: Sequence[str] | pl.Series,
    others: Sequence[str] | pl.Series,
    found: NDArray[np.bool_],
    compared: NDArray[np.int64],
    concordance: NDArray[np.float64],
) -> pl.DataFrame:
    left, right = np.nonzero(found)
    return pl.DataFrame(
        {
            "sample_id": [sample_ids[int(i)] for i in left],
            "same_as": [others[int(i)] for i in right],
            "snps": compared[left, right],
            "concordance": concordance[left, right],
        },
        schema=PAIR_SCHEMA,
    )
