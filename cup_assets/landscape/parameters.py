"""Every number that shapes the landscape.

Belongs here: plain values, recorded as JSON beside each result, and the package's error. Does not
belong here: logic that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

METRICS = ("euclidean", "manhattan", "cosine")
_COUNTS = ("n_probes", "n_components", "umap_neighbours", "neighbours", "heatmap_cpgs")


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
    metric
        Distance between samples in t-SNE and UMAP: ``euclidean``, ``manhattan`` or ``cosine``, of
        the principal components.
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
        One t-SNE and one UMAP map a seed; pictures show the first, and k-means uses it.
    min_cluster_size
        Samples that HDBSCAN calls a cluster.
    heatmap_cpgs
        CpGs of the largest variance in the heat map.
    """

    n_probes: int = 10_000
    n_components: int = 50
    metric: str = "euclidean"
    perplexity: float = 30.0
    umap_neighbours: int = 15
    umap_min_dist: float = 0.1
    neighbours: int = 5
    max_missing: float = 0.2
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    min_cluster_size: int = 5
    heatmap_cpgs: int = 300

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise LandscapeError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.min_cluster_size < 2:
            raise LandscapeError(f"min_cluster_size is {self.min_cluster_size}: use at least 2")
        if self.metric not in METRICS:
            raise LandscapeError(f"metric {self.metric!r} is unknown: use {', '.join(METRICS)}")
        if self.perplexity <= 0:
            raise LandscapeError(f"perplexity is {self.perplexity}: it must be above 0")
        if not self.seeds:
            raise LandscapeError("seeds is empty: give at least one")
