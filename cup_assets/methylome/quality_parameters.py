"""Thresholds of the verdict on a sample, and of identity, recorded with every result.

Belongs here: plain numbers with their meaning and source. Does not belong here: anything that
computes, and normalisation (`parameters`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QualityParameters:
    """Thresholds of the verdict on a sample, and of identity.

    "Illumina" is the BeadArray Controls Reporter Software Guide (document 1000000004009), whose
    limits DRAGEN Array also recommends for MethylationEPIC v1 and v2. Every limit is explained and
    measured in ``docs/quality.md``.

    Attributes
    ----------
    warn_failed_fraction, fail_failed_fraction : float
        Masked share of the array's probes above which a sample is doubtful or fails. pOOBAH at
        0.05 masks several percent of a good sample's probes, more on formalin-fixed material.
    min_median : float
        Mean of the medians of log2 raw M and log2 raw U below which a sample fails (minfi's rule;
        Illumina 450k and later).
    warn_conversion, fail_conversion : float
        Bisulfite conversion (wateRmelon's ``bscon``, a share) below which a sample is doubtful or
        fails.
    min_bisulfite : float
        Bisulfite conversion control ratio (I in green, I in red, or II) below which a sample fails
        (Illumina: 1); it is doubtful where the background over one of them is below.
    min_staining, min_extension, min_non_polymorphic : float
        Ratios, in either colour, below which a sample is doubtful (Illumina: 5).
    min_hybridisation, min_target_removal, min_specificity : float
        Ratios below which a sample is doubtful (Illumina: 1).
    max_negative : float
        Median intensity of the negative controls, in either colour, above which a sample is
        doubtful (raw scanner units).
    min_signal_to_background : float
        (median M + median U) over the negative controls' medians of both colours, below which a
        sample is doubtful.
    min_median_beads : float
        Median number of beads of a bead type below which a sample is doubtful.
    max_low_beads : float
        Share of probes measured by fewer than ``betas.min_beads`` beads above which a sample is
        doubtful.
    female_below : float
        Median log2 total intensity on Y minus that on X below which a sample is female (minfi).
    min_sex_probes : int
        Probes needed on X and on Y to tell the sex; HumanMethylation27 with 8 on Y does not.
    min_identity_probes : int
        SNP probes that two samples must both show for a comparison.
    same_identity : float
        Share of equal genotypes from which two samples are taken for the same person.
    different_identity : float
        Share of equal genotypes below which two samples are taken for two people. What lies
        between is left open: a tumour that lost many heterozygous SNPs, or close relatives.
    """

    warn_failed_fraction: float = 0.10
    fail_failed_fraction: float = 0.25
    min_median: float = 10.5
    warn_conversion: float = 0.85
    fail_conversion: float = 0.80
    min_bisulfite: float = 1.0
    min_staining: float = 5.0
    min_extension: float = 5.0
    min_hybridisation: float = 1.0
    min_target_removal: float = 1.0
    min_specificity: float = 1.0
    min_non_polymorphic: float = 5.0
    max_negative: float = 1000.0
    min_signal_to_background: float = 3.0
    min_median_beads: float = 8.0
    max_low_beads: float = 0.05
    female_below: float = -2.0
    min_sex_probes: int = 10
    min_identity_probes: int = 20
    same_identity: float = 0.9
    different_identity: float = 0.7

    def __post_init__(self) -> None:
        for low, high in (
            ("warn_failed_fraction", "fail_failed_fraction"),
            ("fail_conversion", "warn_conversion"),
            ("different_identity", "same_identity"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} = {getattr(self, low)} is above {high} = {getattr(self, high)}: "
                    "exchange them"
                )
