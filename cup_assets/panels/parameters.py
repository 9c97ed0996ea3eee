"""Every number that decides which CpGs are chosen and how a panel is judged.

Belongs here: plain values, recorded as JSON beside each result, and the package's error. Does not
belong here: logic that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cup_assets.classify.models import MODELS
from cup_assets.classify.parameters import EvaluationParameters

ORDERS = ("separation", "mean_rank")
# By what they cost (`benchmarks/panel_cost.py`), but for logistic regression: it costs hardly more
# than boosted trees and makes more of few CpGs.
RANDOM_JUDGES = ("logistic_regression", "xgboost", "neural_network", "svm", "random_forest")
_COUNTS = (
    *("candidates", "components", "trees", "random_draws", "max_repeats", "differential_size"),
    *("boruta_candidates", "boruta_rounds", "boruta_depth", "stability_chosen"),
)


class PanelError(ValueError):
    """Data or parameters from which no panel can honestly be chosen or judged."""


@dataclass(frozen=True)
class PanelParameters:
    """Settings of CpG ranking, panels and their curve.

    Attributes
    ----------
    sizes
        Panel sizes, in CpGs; those beyond the CpGs there are have no panel.
    models
        Model families of the curve, each tuned and calibrated as for the leaderboard; none named:
        all of them.
    order
        How the CpGs of a panel are chosen (`cup_assets.panels.select.choose_order`):
        ``separation`` or ``mean_rank``.
    candidates
        Most variable probes of a training part that are ranked.
    probe_max_missing, adjust, adjust_ridge
        As for the classifiers: share of missing values from which a probe is not used, what betas
        are adjusted for, and how strongly the shifts are shrunk.
    components
        Principal components behind ``pca_loading``.
    trees
        Trees behind ``random_forest``.
    logistic_c
        Inverse L2 penalty of the ranking by ``logistic_coefficient``, for features scaled to a
        mean squared norm of 1.
    screened
        Best CpGs by mean rank that are searched for redundancy; at least the largest size.
    correlated
        Absolute correlation from which two CpGs tell the same: one of them represents both. By
        ``separation`` it is the correlation inside the classes that counts.
    boruta_candidates
        Representatives of clusters, the most variable first, that Boruta judges.
    boruta_rounds, boruta_depth
        Most forests that Boruta grows, and the levels of their trees.
    stability_halves, stability_chosen
        Random halves of the patients that CpGs are chosen from anew, an even number, and how many
        are chosen each time.
    differential_size
        CpGs of the panels within each family and of each class against all others.
    importance_folds
        Parts of the patients that are held out in turn from the models whose importances count.
    elastic_net_mix, elastic_net_strengths
        Share of the elastic net's penalty that falls on absolute values, and the penalties to
        choose from, falling, as shares of the least that leaves no coefficient.
    panel_c
        Inverse L2 penalty of the light classifier that judges the panel of a differential
        diagnosis, for standardised CpGs.
    random_draws
        Random panels drawn per size and fold; their mean is the base line.
    random_models
        Model families that judge the random panels, as often as there are draws; none named: a
        cheap one, of those of the curve the first of `RANDOM_JUDGES`. The most variable CpGs are
        judged by every family.
    max_repeats
        Repeats of the outer folds that the curve uses, the first ones.
    bootstraps
        Bootstrap samples behind each 95 % interval.
    seed
        Seed of everything random.
    """

    sizes: tuple[int, ...] = (5, 10, 20, 50, 100, 200, 500, 1000)
    models: tuple[str, ...] = ()
    order: str = "separation"
    candidates: int = 2000
    probe_max_missing: float = 0.2
    adjust: tuple[str, ...] = ("material",)
    adjust_ridge: float = 2.0
    components: int = 10
    trees: int = 200
    logistic_c: float = 10.0
    screened: int = 1000
    correlated: float = 0.7
    boruta_candidates: int = 1000
    boruta_rounds: int = 100
    boruta_depth: int = 5
    stability_halves: int = 100
    stability_chosen: int = 100
    differential_size: int = 10
    importance_folds: int = 5
    elastic_net_mix: float = 0.5
    elastic_net_strengths: tuple[float, ...] = (0.5, 0.25, 0.12, 0.06, 0.03)
    panel_c: float = 1.0
    random_draws: int = 5
    random_models: tuple[str, ...] = ()
    max_repeats: int = 1
    bootstraps: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise PanelError(f"sizes is {self.sizes}: give distinct sizes of at least 1, ascending")
        if unknown := [name for name in self.models if name not in MODELS]:
            raise PanelError(f"models: {unknown[0]!r} is unknown: use {', '.join(MODELS)}")
        if unknown := [name for name in self.random_models if name not in self.families]:
            raise PanelError(
                f"random_models: {unknown[0]!r} is not a family of the curve: use"
                f" {', '.join(self.families)}"
            )
        if self.order not in ORDERS:
            raise PanelError(f"order {self.order!r} is unknown: use {' or '.join(ORDERS)}")
        if len(set(self.models)) < len(self.models):
            raise PanelError(f"models are {self.models}: name each once")
        if self.screened < max(self.sizes):
            raise PanelError(
                f"screened is {self.screened}: the largest panel has {max(self.sizes)} CpGs"
            )
        if not 0 < self.correlated <= 1:
            raise PanelError(f"correlated is {self.correlated}: it must lie in 0..1")
        if self.stability_halves < 2 or self.stability_halves % 2:
            raise PanelError(f"stability_halves is {self.stability_halves}: give an even number")
        if self.importance_folds < 2:
            raise PanelError(f"importance_folds is {self.importance_folds}: it must be at least 2")
        strengths = self.elastic_net_strengths
        if (
            not strengths
            or not 0 < strengths[-1] <= strengths[0] <= 1
            or list(strengths) != sorted(set(strengths), reverse=True)
        ):
            raise PanelError(
                f"elastic_net_strengths is {strengths}: give distinct shares in 0..1, falling"
            )
        if not 0 < self.elastic_net_mix <= 1:
            raise PanelError(f"elastic_net_mix is {self.elastic_net_mix}: it must lie in 0..1")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise PanelError(f"{name} is {getattr(self, name)}: it must be at least 1")

    @property
    def families(self) -> tuple[str, ...]:
        """Model families that the curve is drawn for."""
        return self.models or tuple(MODELS)

    @property
    def random_families(self) -> tuple[str, ...]:
        """Those of them that random panels are judged by."""
        return self.random_models or (min(self.families, key=RANDOM_JUDGES.index),)

    def preparation(self, n_probes: int) -> EvaluationParameters:
        """Return what the classifiers' pipeline needs to prepare ``n_probes`` probes."""
        return EvaluationParameters(
            n_probes=n_probes,
            probe_max_missing=self.probe_max_missing,
            adjust=self.adjust,
            adjust_ridge=self.adjust_ridge,
            seed=self.seed,
        )
