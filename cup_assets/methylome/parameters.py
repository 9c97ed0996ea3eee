"""Parameters of normalisation and sample quality, recorded with every result.

Belongs here: plain numbers with their meaning. Does not belong here: anything that computes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BetaParameters:
    """From intensities to beta values.

    Attributes
    ----------
    method : str
        Normalisation; ``noob`` is the only one so far.
    offset : float
        Added to every intensity after background correction (intensity units; Triche 2013).
    beta_offset : float
        Added to the denominator of beta, M / (M + U + offset) (intensity units; Illumina).
    detection_p : float
        A probe with a larger detection p-value is masked.
    min_beads : int
        A probe measured by fewer beads, in any of its intensities, is masked.
    """

    method: str = "noob"
    offset: float = 15.0
    beta_offset: float = 100.0
    detection_p: float = 0.05
    min_beads: int = 3


@dataclass(frozen=True)
class QualityParameters:
    """Thresholds of the verdict on a sample, and of identity.

    Attributes
    ----------
    warn_failed_fraction, fail_failed_fraction : float
        Masked share of the array's probes above which a sample is doubtful or fails. pOOBAH at
        0.05 masks several percent of a good sample's probes, more on formalin-fixed material.
    min_median : float
        Mean of the medians of log2 raw M and log2 raw U below which a sample fails (minfi's rule;
        Illumina 450k and later).
    min_bisulfite : float
        Bisulfite conversion control ratio (I in green, I in red, or II) below which a sample is
        doubtful.
    min_staining : float
        Staining control ratio, in either channel, below which a sample is doubtful.
    female_below : float
        Median log2 total intensity on Y minus that on X below which a sample is female (minfi).
    min_sex_probes : int
        Probes needed on X and on Y to tell the sex; HumanMethylation27 with 8 on Y does not.
    min_identity_probes : int
        SNP probes that two samples must both show for a comparison.
    same_identity : float
        Share of equal genotypes from which two samples are taken for the same person.
    """

    warn_failed_fraction: float = 0.10
    fail_failed_fraction: float = 0.25
    min_median: float = 10.5
    min_bisulfite: float = 1.0
    min_staining: float = 5.0
    female_below: float = -2.0
    min_sex_probes: int = 10
    min_identity_probes: int = 20
    same_identity: float = 0.9
