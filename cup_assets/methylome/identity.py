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
        ``sample_id``, ``same_as``, ``concordance``: every pair in both directions, in the order
        of ``sample_ids``.
    """
    values = betas.T
    called = [(values >= low) & (values <= high) for low, high in _GENOTYPES]
    as_numbers = [one.astype(np.float32) for one in called]
    equal = np.zeros((len(values), len(values)), dtype=np.float32)
    for one in as_numbers:
        equal += one @ one.T
    any_call = np.logical_or.reduce(called).astype(np.float32)
    compared = any_call @ any_call.T
    enough = compared >= max(min_probes, 1)
    concordance = np.where(enough, equal / np.maximum(compared, 1), 0)
    np.fill_diagonal(concordance, 0)
    left, right = np.nonzero(enough & (concordance >= threshold) & (concordance > 0))
    return pl.DataFrame(
        {
            "sample_id": [sample_ids[i] for i in left],
            "same_as": [sample_ids[i] for i in right],
            "concordance": concordance[left, right].astype(np.float64),
        },
        schema={"sample_id": pl.String, "same_as": pl.String, "concordance": pl.Float64},
    )
