"""Copy number as features, the same for every array and genome build.

Belongs here: which features there are, and their values from calls. Does not belong here: storage,
learning.

For people, `cnv_features` gives the genes' states and the altered fraction of the genome. What is
learnt from beside betas, `cnv_log2_ratios`, is of one unit throughout: classifiers weigh the block
of copy number as a whole, and there a gene's states of -2 to 2 would outvote the arms.

Features are the log2 ratios of the autosomal arms, the states of the called genes and the altered
fraction of the genome. X and Y are left out: they are measured against controls of the sample's
own sex, so that a wrong or missing sex in the sheet would move them, and where there are too few
controls of one sex they would be missing in that sex only, which a classifier could learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.genome import AUTOSOMES

# The short arms of the acrocentric chromosomes carry no probes on any array.
_BARE_ARMS = ("13p", "14p", "15p", "21p", "22p")
# Spelt, not looked up: polars at import would start its threads in every process that forks.
ARMS = tuple(
    f"{chrom}{arm}" for chrom in AUTOSOMES for arm in "pq" if f"{chrom}{arm}" not in _BARE_ARMS
)
STATE_VALUES = {
    "deletion": -2.0,
    "loss": -1.0,
    "neutral": 0.0,
    "gain": 1.0,
    "amplification": 2.0,
}
ALTERED = "altered_fraction"


@dataclass(frozen=True, eq=False)
class CnvFeatures:
    """A matrix of copy-number features.

    Attributes
    ----------
    sample_ids : tuple of str
        n samples, in the order asked for.
    names : tuple of str
        m features, of `cnv_features`: ``arm:1p`` (log2 ratio), ``gene:MYC`` (-2 lost in both
        copies, -1 lost, 0, 1 gained, 2 amplified), ``altered_fraction``.
    values : float32[n, m]
        NaN where there is no call: the arm or gene is not measured, or not sure enough, or the
        sample has no profile at all.
    """

    sample_ids: tuple[str, ...]
    names: tuple[str, ...]
    values: NDArray[np.float32]


def cnv_features(
    sample_ids: Sequence[str], calls: pl.DataFrame, altered: pl.DataFrame, genes: Sequence[str]
) -> CnvFeatures:
    """Arrange calls as features.

    Parameters
    ----------
    sample_ids : sequence of str
        Rows of the matrix; those without calls are NaN throughout.
    calls : pl.DataFrame
        ``sample_id``, ``kind``, ``region``, ``log2``, ``call``.
    altered : pl.DataFrame
        ``sample_id``, ``altered_fraction``.
    genes : sequence of str
        The called genes. The columns follow from this list alone, never from the samples.
    """
    state = pl.col("call").replace_strict(STATE_VALUES, default=None)
    of_calls = _called(calls, pl.when(pl.col("kind") == "arm").then("log2").otherwise(state))
    of_genome = altered.select("sample_id", pl.lit(ALTERED).alias("name"), value=ALTERED)
    return _arranged(sample_ids, (*_regions(genes), ALTERED), pl.concat([of_calls, of_genome]))


def cnv_log2_ratios(
    sample_ids: Sequence[str], calls: pl.DataFrame, genes: Sequence[str]
) -> CnvFeatures:
    """Arrange the log2 ratios of arms and genes, NaN where there is no call.

    Parameters
    ----------
    sample_ids, calls, genes
        As for `cnv_features`.
    """
    return _arranged(sample_ids, _regions(genes), _called(calls, pl.col("log2")))


def _regions(genes: Sequence[str]) -> tuple[str, ...]:
    return (*(f"arm:{arm}" for arm in ARMS), *(f"gene:{gene}" for gene in sorted(genes)))


def _called(calls: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Return sample_id, name of the feature and value, of what has a call."""
    return calls.filter(
        pl.col("kind").is_in(["arm", "gene"]) & (pl.col("call") != "no_call")
    ).select("sample_id", pl.concat_str("kind", pl.lit(":"), "region").alias("name"), value=value)


def _arranged(
    sample_ids: Sequence[str], names: tuple[str, ...], entries: pl.DataFrame
) -> CnvFeatures:
    row = {sample: i for i, sample in enumerate(sample_ids)}
    column = {name: i for i, name in enumerate(names)}
    values = np.full((len(row), len(column)), np.nan, np.float32)
    for sample, name, number in entries.drop_nulls().iter_rows():
        if sample in row and name in column:
            values[row[sample], column[name]] = number
    return CnvFeatures(tuple(sample_ids), names, values)
