"""Every number that decides which assays are proposed and how their panels are judged and used.

Belongs here: plain values, recorded as JSON beside each result. Does not belong here: what a
technology can do (`technology`), the ranking of CpGs (`parameters`).
"""

from __future__ import annotations

from dataclasses import dataclass

from cup_assets.panels.masked import Simulation
from cup_assets.panels.parameters import PanelError


@dataclass(frozen=True)
class AssayParameters:
    """Settings of assays and of the panels that are released.

    Attributes
    ----------
    technologies
        Names of profiles; none: all, packaged and own (``assays.toml``), and the array itself.
    size
        Most CpGs of a panel; 0: as many as ``panels/cpg`` recommends.
    material
        What the DNA comes from, which limits the length of amplicons: ``FFPE``, ``frozen`` or
        ``liquid_biopsy``. A technology that cannot measure it is designed for the first material
        that it can.
    build
        Genome build in which windows are laid; empty: the one that places most CpGs.
    masks
        Probes that no assay may use, as for `cup_assets.methylome.BetaParameters`, beside those
        that are masked anyway: by default those with a known SNP. Lists of cross-reactive probes
        (``methylprep:quality``, or a file) are added here.
    snp_distance, snp_maf
        What ``manifest:snp`` takes.
    shares
        Shares of a panel's CpGs of which the accuracy is estimated when only they are measured.
    draws, masked_copies
        As for `cup_assets.panels.masked.Simulation`.
    least_measured
        Share of a released panel's CpGs that a sample must have to be scored.
    """

    technologies: tuple[str, ...] = ()
    size: int = 0
    material: str = "FFPE"
    build: str = ""
    masks: tuple[str, ...] = ("manifest:snp",)
    snp_distance: int = 5
    snp_maf: float = 0.01
    shares: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    draws: int = 5
    masked_copies: int = 4
    least_measured: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise PanelError(f"size is {self.size}: give CpGs, or 0 for what is recommended")
        if not self.shares or min(self.shares) <= 0 or max(self.shares) != 1:
            raise PanelError(f"shares is {self.shares}: give shares above 0, 1 among them")
        if not 0 < self.least_measured <= 1:
            raise PanelError(f"least_measured is {self.least_measured}: it must lie in 0..1")
        self.simulation()

    def simulation(self) -> Simulation:
        """Return how measurements are simulated."""
        return Simulation(self.draws, self.masked_copies)
