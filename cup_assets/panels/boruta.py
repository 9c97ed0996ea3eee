"""All CpGs that carry information, by Boruta.

Belongs here: Boruta's verdict on a set of candidates, its forest grown in parallel. Does not belong
here: which CpGs are candidates (correlated ones share their importance, so that only one of them
should be; `redundancy`), other scores (`importance`).

Boruta (Kursa and Rudnicki, J. Stat. Softw. 2010) asks of each feature whether a forest finds it
more important than the best of shuffled copies of all features, again and again, until a binomial
test tells. A classifier's selection asks which few are enough; Boruta asks which matter at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.compute import Mapper, serial
from cup_assets.panels.forest import Bins, binned, forest_importance
from cup_assets.panels.parameters import PanelError

VERDICTS = ("confirmed", "tentative", "rejected")
# Trees that a task grows. A fixed number, so that the forest does not depend on the workers.
_TREES = 64


@dataclass(frozen=True)
class BorutaSettings:
    """How Boruta is run.

    Attributes
    ----------
    rounds
        Most forests that are grown; what is undecided then is tentative.
    depth
        Of the trees; few levels are enough for marginal importance (Boruta's authors use 3 to 7).
    percentile
        Of the shuffled copies' importances, that a CpG has to exceed: 100 is their maximum.
    alpha
        Level of the tests, corrected for their number.
    seed
        Of the shuffling and of the forests.
    """

    rounds: int = 100
    depth: int = 5
    percentile: int = 100
    alpha: float = 0.05
    seed: int = 1


@dataclass(frozen=True, eq=False)
class BorutaResult:
    """What Boruta says of each candidate.

    Attributes
    ----------
    verdict : str[q]
        Of `VERDICTS`.
    importance : float64[q]
        Median over the rounds that it took part in; the forests' mean decrease of impurity.
    rounds
        Forests that were grown.
    """

    verdict: NDArray[np.str_]
    importance: Floats
    rounds: int


def boruta(
    features: Features,
    codes: Ints,
    settings: BorutaSettings,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> BorutaResult:
    """Judge every candidate.

    Parameters
    ----------
    features : float32[n, q]
        Betas of the candidates.
    codes : int64[n]
        Class of each sample.
    mapper
        Grows the trees of each round; the result is the same for any number of workers.
    progress
        Told the rounds done and the most there will be.

    Raises
    ------
    PanelError
        With fewer than two classes or no candidate.
    """
    if features.shape[1] == 0 or len(np.unique(codes)) < 2:
        raise PanelError("Boruta needs candidates, and samples of at least two classes")
    from boruta import BorutaPy

    forest = _Forest(settings.depth, mapper, progress, settings.rounds)
    judge = BorutaPy(
        forest,
        n_estimators="auto",
        perc=settings.percentile,
        alpha=settings.alpha,
        max_iter=settings.rounds,
        random_state=settings.seed,
    )
    judge.fit(binned(features), np.unique(codes, return_inverse=True)[1])
    verdict = np.full(features.shape[1], VERDICTS[2], dtype=np.dtype("U9"))
    verdict[judge.support_weak_] = VERDICTS[1]
    verdict[judge.support_] = VERDICTS[0]
    history = judge.importance_history_[1:]
    # A rejected candidate takes no part any more; its later entries are NaN.
    return BorutaResult(verdict, np.nanmedian(history, axis=0), len(history))


class _Forest:
    """A class-balanced random forest as BorutaPy wants one, its trees grown by a mapper."""

    def __init__(
        self,
        depth: int,
        mapper: Mapper,
        progress: Callable[[int, int], None] | None,
        rounds: int,
    ) -> None:
        self.settings: dict[str, Any] = {"max_depth": depth, "n_estimators": 100}
        self.feature_importances_: Floats = np.empty(0)
        self._mapper, self._progress, self._rounds, self._done = mapper, progress, rounds, 0

    def get_params(self) -> dict[str, Any]:
        return self.settings

    def set_params(self, **values: Any) -> None:
        self.settings |= values

    def fit(self, X: Bins, y: Ints) -> None:
        # Every round has another width and other shuffled copies: nothing can be kept.
        counts = [_TREES] * (-(-int(self.settings["n_estimators"]) // _TREES))
        seeds = self.settings["random_state"].randint(2**31 - 1, size=len(counts))
        task = partial(_grow, X, y, self.settings["max_depth"])
        parts = self._mapper(task, list(zip(counts, seeds.tolist(), strict=True)), None)
        self.feature_importances_ = np.mean(parts, axis=0)
        self._done += 1
        if self._progress:
            self._progress(self._done, self._rounds)


def _grow(X: Bins, y: Ints, depth: int, task: tuple[int, int]) -> Floats:
    trees, seed = task
    return forest_importance(X, y, int(y.max()) + 1, trees, depth, seed)
