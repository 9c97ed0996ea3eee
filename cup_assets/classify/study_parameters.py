"""Every number that decides how the studies of the classifiers are made.

Belongs here: which models, strategies, features and sizes are compared. Does not belong here: how a
classifier is fitted and judged (`parameters`); a study uses those parameters as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from cup_assets.classify.data import FEATURES
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import STRATEGIES


@dataclass(frozen=True)
class AblationParameters:
    """What is taken away or exchanged to see what it is worth.

    Attributes
    ----------
    models
        Models to compare with themselves; each strategy and each set of features is a whole nested
        cross-validation.
    strategies
        Treatments of unequal classes (`cup_assets.classify.strategies`), with betas; what
        ``class_weight`` does in the forest is to draw equally from all classes for each tree. The
        others are compared with ``none``.
    features
        ``betas``, ``cnv`` (chromosomal anomalies alone) and ``betas_cnv``, with the strategy of the
        leaderboard. The others are compared with ``betas``.
    """

    models: tuple[str, ...] = ("logistic_regression", "random_forest")
    strategies: tuple[str, ...] = ("none", "class_weight", "down_sample", "smote")
    features: tuple[str, ...] = FEATURES

    def __post_init__(self) -> None:
        for name, known, baseline in (
            ("strategies", STRATEGIES, "none"),
            ("features", FEATURES, "betas"),
        ):
            asked = getattr(self, name)
            if unknown := [one for one in asked if one not in known]:
                raise ClassifyError(f"{name}: {unknown[0]!r} is unknown: use {', '.join(known)}")
            if asked and baseline not in asked:
                raise ClassifyError(
                    f"{name} are {asked}: add {baseline!r}, which the others are compared with"
                )


@dataclass(frozen=True)
class LearningCurveParameters:
    """How the error is followed as patients are added.

    Attributes
    ----------
    models
        Models to follow.
    fractions
        Shares of each training part.
    target_errors
        Errors for which the patients needed are estimated.
    """

    models: tuple[str, ...] = ("logistic_regression",)
    fractions: tuple[float, ...] = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
    target_errors: tuple[float, ...] = (0.1, 0.05, 0.02)

    def __post_init__(self) -> None:
        if not self.fractions or min(self.fractions) <= 0 or max(self.fractions) > 1:
            raise ClassifyError(f"fractions are {self.fractions}: they must lie in (0, 1]")
        if min(self.target_errors, default=0.5) <= 0 or max(self.target_errors, default=0.5) >= 1:
            raise ClassifyError(f"target_errors are {self.target_errors}: they must lie in (0, 1)")


@dataclass(frozen=True)
class NoveltyParameters:
    """What is asked about classes never seen.

    Attributes
    ----------
    models
        Models to ask; each leaves every class out in turn. None named: the released one.
    """

    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExplanationParameters:
    """What is explained, and how much of it is kept.

    Attributes
    ----------
    models
        Models to explain; none named: all of the leaderboard.
    samples
        Most held-out samples that are explained for a model, drawn evenly from the classes; 0: all.
    top
        Features kept for each class and for each case.
    """

    models: tuple[str, ...] = ()
    samples: int = 0
    top: int = 25

    def __post_init__(self) -> None:
        if self.samples < 0 or self.top < 1:
            raise ClassifyError("samples must be at least 0 and top at least 1")
