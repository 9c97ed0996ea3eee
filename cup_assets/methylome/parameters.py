"""Parameters of normalisation and sample quality, recorded with every result.

Belongs here: plain numbers with their meaning. Does not belong here: anything that computes.
"""

from __future__ import annotations

from dataclasses import dataclass

# What each normalisation method adds to the denominator of beta (intensity units).
BETA_OFFSETS = {"noob": 100.0, "illumina_mnp": 100.0, "sesame": 0.0, "raw": 100.0}
DETECTION_NAMES = ("pOOBAH", "negative")


@dataclass(frozen=True)
class BetaParameters:
    """From intensities to beta values.

    Attributes
    ----------
    method : str
        Normalisation: ``noob``, ``illumina_mnp``, ``sesame`` or ``raw``; each is defined in its
        module of `cup_assets.methylome.methods`.
    offset : float
        Added to every intensity after the background correction of ``noob`` and ``sesame``
        (intensity units; Triche 2013).
    beta_offset : float or None
        Added to the denominator of beta, M / (M + U + offset) (intensity units). None: what the
        method's definition says, `BETA_OFFSETS`.
    detection : str
        Detection p-value: ``pOOBAH`` or ``negative``; see `cup_assets.methylome.detection`.
    detection_p : float
        A probe with a larger detection p-value is masked.
    min_beads : int
        A probe measured by fewer beads, in any of its intensities, is masked; a control bead too,
        for the control ratios.
    masks : tuple of str
        Probes to mask in every sample, in the order of precedence: names of lists
        (`cup_assets.methylome.mask_lists`) and of files (`cup_assets.methylome.mask_files`). None
        by default: then what is missing is what was not measured, and nothing else; SNP probes
        and sex chromosomes are left out where something is learnt, not here.
    mask_sha256 : tuple of str
        SHA-256 of each mask's content, written by `cup_assets.methylome.pin_masks`: what is
        recorded changes with a file's content. Given by hand, another content is refused.
    snp_distance, snp_maf
        What the mask ``manifest:snp`` takes: probes with an SNP at most so many base pairs from
        the measured base, whose minor allele is at least so frequent (Zhou 2017: 5 bp, 1 %).
    """

    method: str = "noob"
    offset: float = 15.0
    beta_offset: float | None = None
    detection: str = "pOOBAH"
    detection_p: float = 0.05
    min_beads: int = 3
    masks: tuple[str, ...] = ()
    mask_sha256: tuple[str, ...] = ()
    snp_distance: int = 5
    snp_maf: float = 0.01

    def __post_init__(self) -> None:
        for name in ("masks", "mask_sha256"):  # JSON has lists only
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.method not in BETA_OFFSETS:
            raise ValueError(
                f"unknown normalisation {self.method!r}: use {_one_of(tuple(BETA_OFFSETS))}"
            )
        if self.detection not in DETECTION_NAMES:
            raise ValueError(
                f"unknown detection p-value {self.detection!r}: use {_one_of(DETECTION_NAMES)}"
            )
        if self.beta_offset is not None and (
            not isinstance(self.beta_offset, int | float) or not self.beta_offset >= 0
        ):
            raise ValueError(f"beta_offset is {self.beta_offset!r}: use a number from 0 on")
        if not self.offset >= 0:
            raise ValueError(f"offset is {self.offset!r}: use a number from 0 on")
        if self.mask_sha256 and len(self.mask_sha256) != len(self.masks):
            raise ValueError(
                f"mask_sha256 has {len(self.mask_sha256)} hashes for {len(self.masks)} "
                "masks: give one for each, or none"
            )
        if twice := [entry for i, entry in enumerate(self.masks) if entry in self.masks[:i]]:
            raise ValueError(f"masks names {twice[0]!r} twice: name it once")
        if self.snp_distance < 0 or not 0 <= self.snp_maf <= 0.5:
            raise ValueError(
                f"snp_distance is {self.snp_distance} and snp_maf {self.snp_maf}: use base pairs "
                "from 0 on, and a frequency between 0 and 0.5"
            )

    @property
    def denominator_offset(self) -> float:
        """The beta offset in use: the one given, or else the method's own."""
        return BETA_OFFSETS[self.method] if self.beta_offset is None else float(self.beta_offset)


def _one_of(names: tuple[str, ...]) -> str:
    quoted = [repr(name) for name in names]
    return ", ".join(quoted[:-1]) + f" or {quoted[-1]}"
