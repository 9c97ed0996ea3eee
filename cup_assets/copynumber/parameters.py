"""Parameters of the copy-number stage.

Belongs here: every number that a profile depends on, with its unit and its reason. Does not
belong here: anything computed.
"""

from __future__ import annotations

from dataclasses import dataclass

GENES = (
    *("BIRC2", "CCND1", "CCNE1", "CDK4", "CDK6", "CDKN2A", "CDKN2B", "EGFR", "ERBB2", "FAT1"),
    *("FGFR1", "FGFR3", "GLI2", "HMGA2", "KRAS", "MCL1", "MDM2", "MET", "MYB", "MYC", "MYCN"),
    *("NF1", "NFIB", "NOTCH1", "PIK3CA", "PLAG1", "PTCH1", "PTEN", "RB1", "SMARCA4", "SMARCB1"),
    *("SOX2", "TP53", "TP63", "YAP1"),
)

POLYMORPHIC_REGIONS = (
    ("hg19", "6", 32_400_000, 32_800_000),
    ("hg19", "19", 43_000_000, 43_900_000),
    ("hg19", "22", 24_350_000, 24_400_000),
    ("hg38", "6", 32_430_000, 32_830_000),
    ("hg38", "19", 42_490_000, 43_400_000),
    ("hg38", "22", 24_000_000, 24_060_000),
)


@dataclass(frozen=True)
class CnvParameters:
    """Parameters of `profile_sample` and of what it needs.

    Attributes
    ----------
    tile_size : int
        Width of the tiles that are merged into bins, in base pairs.
    min_probes : int
        Least number of probes of a bin.
    max_bin_size : int
        Bins wider than this (base pairs) are dropped: they reach over a gap of the assembly.
    max_bin_spread : float
        On sparse arrays the limit is this multiple of the width at which ``min_probes`` probes
        lie on average, if that is more than ``max_bin_size``. A 450k array keeps 5 Mb; 12,000
        probes get about 12 Mb, without which most of the genome would be dropped.
    excluded_regions : tuple of (build, chrom, start, end)
        Regions of frequent germline copy-number polymorphism (HLA, CEACAM-PSG, GSTT1).
    min_controls, advised_controls : int
        Below the first there is no profile, below the second it carries a warning.
    min_sex_controls : int
        Least number of controls of the sample's sex; below, chromosomes X and Y get no call.
    max_control_correlation : float
        Controls whose log2 intensities correlate with the sample's at least this much are not
        used for it: they may be the sample itself.
    identical_correlation : float
        Controls correlated at least this much are never used, however few remain.
    min_correlation : float
        A sample whose best correlation with a control is lower is not called: a failed array.
    max_saturated_fraction : float
        A sample of which more than this fraction of probes shares its highest value is not
        called: a saturated scan.
    max_missing_fraction : float
        A sample or control whose files lack more than this fraction of the array's probes is not
        used, nor are the controls that lack most, while together the controls lack more.
    min_bin_fraction : float
        A bin of which less than this fraction of probes is measured, in the sample and in all
        controls, is left out: what remains may stand for a part of it only.
    max_noise : float
        A sample whose noise figure (log2 units) is higher is not called.
    min_segment_bins : int
        Least number of bins of a segment.
    penalty : float
        Cost of a change point, in units of log(number of bins of the genome).
    outlier_sd : float
        Before segmentation, a bin is drawn to this many standard deviations from the median of
        itself and its neighbours: one bad bin is no segment.
    min_jump : float
        Neighbouring segments whose means differ by less (log2 units) are joined.
    jump_z : float
        So are those whose means differ by less than this many standard errors, waves included.
    wave_length : int
        Length (base pairs) over which the slow waves of a sample's level do not average out.
    focal_excess : float
        A gene whose own probes differ this much (log2 units) from its segment has a level of
        its own, and a high-level gene call must differ this much from its arm's median.
    gene_z : float
        The first also needs this many standard errors.
    focal_arm_fraction : float
        A segment that covers less of its arm's bins is focal.
    systematic_sd : float
        Standard deviation (log2 units) of what more probes do not average out (genomic waves,
        pool differences); it keeps the confidence of large arms honest.
    neutral_prior : float
        Prior probability that an arm, gene or segment is neutral; gain and loss share the rest.
    high_level_share : float
        Part of the altered genes and focal segments that are deleted in both copies, or amplified.
    subclonal_fraction : float
        Prior probability that a gain or loss is in a part of the tumour cells only.
    purity_level_sd : float
        Standard deviation (log2 units) of a segment's level around an integer copy number, when
        the purity is estimated.
    max_purity_interval : float
        Where the purity's 90 % interval is wider, no value is given.
    min_arm_bins, min_gene_probes : int
        Arms and genes with fewer get no call.
    min_confidence : float
        Arms and genes that are altered in one direction, or neutral, with less probability get no
        call; a focal segment less sure is not listed.
    genes : tuple of str
        Gene symbols to call, as the manifest annotates them.
    renew_when_advised : bool
        A profile is computed again once a pool reaches ``advised_controls``, if its own has fewer.
    renew_when_control_lost : bool
        A profile is computed again once a control of its pool no longer serves as one (retracted,
        failed), if there is another pool.
    """

    tile_size: int = 50_000
    min_probes: int = 15
    max_bin_size: int = 5_000_000
    max_bin_spread: float = 3.0
    excluded_regions: tuple[tuple[str, str, int, int], ...] = POLYMORPHIC_REGIONS
    min_controls: int = 4
    advised_controls: int = 16
    min_sex_controls: int = 2
    max_control_correlation: float = 0.99
    identical_correlation: float = 0.9995
    min_correlation: float = 0.2
    max_saturated_fraction: float = 0.2
    max_missing_fraction: float = 0.1
    min_bin_fraction: float = 0.5
    max_noise: float = 1.5
    min_segment_bins: int = 2
    penalty: float = 2.5
    outlier_sd: float = 3.0
    min_jump: float = 0.06
    jump_z: float = 4.0
    wave_length: int = 10_000_000
    focal_excess: float = 0.25
    gene_z: float = 4.0
    focal_arm_fraction: float = 0.5
    systematic_sd: float = 0.02
    neutral_prior: float = 0.9
    high_level_share: float = 0.2
    subclonal_fraction: float = 0.15
    purity_level_sd: float = 0.03
    max_purity_interval: float = 0.6
    min_arm_bins: int = 3
    min_gene_probes: int = 3
    min_confidence: float = 0.7
    genes: tuple[str, ...] = GENES
    renew_when_advised: bool = True
    renew_when_control_lost: bool = True
