"""Every number that decides how classifiers are fitted, judged and applied.

Belongs here: plain values, recorded as JSON beside each result. Does not belong here: logic that
uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cup_assets.classify.data import FACTORS
from cup_assets.classify.errors import ClassifyError

STRATEGIES = ("none", "class_weight", "down_sample", "smote")
SCHEMES = ("stratified", "leave_batch_out", "leave_site_out", "cross_array")
_COUNTS = (
    "n_probes",
    "trees",
    "forest_draws",
    "logistic_columns",
    "xgboost_columns",
    "network_epochs",
    "typicality_directions",
    "bootstraps",
)
_GRIDS = (
    *("forest_features", "logistic_c", "svm_c", "xgboost_rounds", "xgboost_depth", "xgboost_rate"),
    *("network_hidden", "network_dropout", "calibration_c"),
)


@dataclass(frozen=True)
class EvaluationParameters:
    """Settings of the nested cross-validation and of the released classifier.

    The number of folds is the fold assignment's (`cup_assets.cohort.CohortParameters`).

    Attributes
    ----------
    schemes
        Divisions in which the models are judged (`cup_assets.cohort.schemes`); the first decides
        which model is best.
    n_probes
        Probes of the largest variance kept in each training part; 10,000 as in Maros et al.,
        Nature Protocols 2020, of the 400,000 of a full array.
    probe_max_missing
        A probe missing in a larger share of a training part is not used there.
    adjust
        What betas are adjusted for inside each training part, of ``material`` (FFPE or frozen),
        ``array`` and ``site``; none: not at all.
    adjust_ridge
        Pseudo-samples that shrink the shifts of a probe towards zero; 0 is the plain least-squares
        fit.
    strategy
        How unequal class sizes are treated in training: ``none``, ``class_weight`` (losses
        weighted by inverse class size; the forest draws equally from each class for every tree),
        ``down_sample`` (every class reduced to the smallest) or ``smote`` (every class filled up
        to the largest with synthetic samples).
    seed
        Seed of everything random.
    trees
        Trees of the forest.
    forest_features
        Candidates for the probes tried at a split, as multiples of sqrt(number of probes).
    forest_draws
        Least number of samples drawn from each class for a tree; the smallest class's size where
        that is larger.
    logistic_l1
        Candidates for the elastic net's strength, as shares of the one that leaves no probe; none:
        L2 penalties only.
    logistic_mix
        Share of the elastic net that falls on absolute coefficients, the rest on their squares.
    logistic_columns
        Columns of the largest F statistic in the training part that the elastic net chooses from.
    logistic_c, svm_c
        Candidates for the inverse L2 penalty, for features scaled to a mean squared norm of 1.
    svm_gamma
        Candidates for the rate of the Gaussian kernel of the support vector machine, in the same
        scale; none: linear ones only.
    xgboost_columns
        Columns of the largest F statistic in the training part that boosted trees choose from.
    xgboost_rounds, xgboost_depth, xgboost_rate
        Candidates for the number of rounds (each a tree for every class), the depth of a tree and
        the learning rate.
    network_hidden, network_dropout
        Candidates for the hidden units of the network and for the share of inputs that a training
        step leaves out.
    network_epochs
        Most passes over the training part.
    network_device
        Where PyTorch trains: ``cpu``, or ``cuda`` where there is a GPU, whose rounding differs.
    calibration_c
        Candidates for the inverse L2 penalty of the calibrator.
    bootstraps
        Bootstrap samples behind each 95 % interval.
    released_model
        The model that is released; empty: the one of the lowest calibrated log loss. The forest is
        the default because it took fewer tumours of unseen classes for known ones than the neural
        network and logistic regression (``make bench-novelty``; the others were not compared),
        which no cross-validated loss of known classes shows.
    match_threshold, family_threshold
        Least calibrated score of a class (of a family) to call it.
    doubt_score, doubt_label_score
        A label is doubted when every model scores another class at least ``doubt_score`` and
        the label at most ``doubt_label_score``.
    max_missing
        Share of the released probes a sample may lack and still be scored.
    typicality_threshold
        A sample is no match for a class of whose distance fewer of the held-out reference samples
        are from theirs than this share, however high its score; as many known ones are lost.
    typicality_directions
        Most directions of variation within classes that the distance is measured in.
    typicality_shrinkage
        How far the variances of these directions are drawn to their mean, 0 to 1.
    """

    schemes: tuple[str, ...] = SCHEMES
    n_probes: int = 10_000
    probe_max_missing: float = 0.2
    adjust: tuple[str, ...] = ("material",)
    adjust_ridge: float = 2.0
    strategy: str = "class_weight"
    seed: int = 1
    trees: int = 500
    forest_features: tuple[float, ...] = (1.0, 3.0)
    forest_draws: int = 8
    logistic_c: tuple[float, ...] = (1.0, 30.0, 1000.0, 30_000.0)
    logistic_l1: tuple[float, ...] = (0.1, 0.01)
    logistic_mix: float = 0.9
    logistic_columns: int = 2000
    svm_c: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    svm_gamma: tuple[float, ...] = (0.5,)
    xgboost_columns: int = 2000
    xgboost_rounds: tuple[int, ...] = (25, 75)
    xgboost_depth: tuple[int, ...] = (1, 3)
    xgboost_rate: tuple[float, ...] = (0.3,)
    network_hidden: tuple[int, ...] = (64, 256)
    network_dropout: tuple[float, ...] = (0.5,)
    network_epochs: int = 80
    network_device: str = "cpu"
    calibration_c: tuple[float, ...] = (0.001, 0.03, 1.0, 30.0)
    bootstraps: int = 500
    released_model: str = "random_forest"
    match_threshold: float = 0.9
    family_threshold: float = 0.9
    doubt_score: float = 0.5
    doubt_label_score: float = 0.1
    max_missing: float = 0.2
    typicality_threshold: float = 0.05
    typicality_directions: int = 300
    typicality_shrinkage: float = 0.05

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise ClassifyError(f"strategy {self.strategy!r} is unknown: use one of {known}")
        if unknown := [name for name in self.schemes if name not in SCHEMES]:
            raise ClassifyError(f"scheme {unknown[0]!r} is unknown: use {', '.join(SCHEMES)}")
        if SCHEMES[0] not in self.schemes:
            raise ClassifyError(f"schemes lack {SCHEMES[0]!r}: releases are calibrated on it")
        if unknown := [name for name in self.adjust if name not in FACTORS]:
            raise ClassifyError(
                f"betas cannot be adjusted for {unknown[0]!r}: use {', '.join(FACTORS)}"
            )
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ClassifyError(f"{name} is {getattr(self, name)}: it must be at least 1")
        for name in _GRIDS:
            values = getattr(self, name)
            if not values or min(values) <= 0:
                raise ClassifyError(f"{name} is {values}: it needs at least one positive number")
        for name in ("svm_gamma", "logistic_l1"):
            if min(getattr(self, name), default=1) <= 0:
                raise ClassifyError(f"{name} is {getattr(self, name)}: it must be positive")
        if not 0 < self.logistic_mix <= 1:
            raise ClassifyError(f"logistic_mix is {self.logistic_mix}: it must lie in 0..1")
        if max(self.network_dropout) >= 1:
            raise ClassifyError(f"network_dropout is {self.network_dropout}: it must be below 1")
