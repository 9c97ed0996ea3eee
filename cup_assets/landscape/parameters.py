"""Every number that shapes the landscape.

Belongs here: plain values, recorded as JSON beside each result, and the package's error. Does not
belong here: logic that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass


class LandscapeError(ValueError):
    """Samples or parameters of which no honest map can be made."""


@dataclass(frozen=True)
class LandscapeParameters:
    """Settings of the projections and of the agreement figures.

    Attributes
    ----------
    n_probes
        Probes of the largest variance that the maps are made of (25,000 suits full arrays).
    n_components
        Principal components kept; t-SNE, UMAP, neighbours and clusters work on these.
    perplexity
        Of t-SNE; at most a third of the samples is used.
    umap_neighbours, umap_min_dist
        Of UMAP; neighbours are at most the other samples.
    neighbours
        Nearest reference samples that vote on a sample, and that are listed for a case.
    max_missing
        Share of the probes a case may lack and still be placed: what it lacks is taken as the
        reference's median, which draws it towards the centre of the maps.
    seeds
        One t-SNE and one UMAP map a seed; the k-means clusters use the first.
    """

    n_probes: int = 10_000
    n_components: int = 50
    perplexity: float = 30.0
    umap_neighbours: int = 15
    umap_min_dist: float = 0.1
    neighbours: int = 5
    max_missing: float = 0.2
    seeds: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        for name in ("n_probes", "n_components", "umap_neighbours", "neighbours"):
            if getattr(self, name) < 1:
                raise LandscapeError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.perplexity <= 0:
            raise LandscapeError(f"perplexity is {self.perplexity}: it must be above 0")
        if not self.seeds:
            raise LandscapeError("seeds is empty: give at least one")
