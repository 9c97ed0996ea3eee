"""Gradient-boosted trees (XGBoost), one tree a class and round, softmax of their sums.

Belongs here: its grid, its choice of columns, its fit and its storage. Does not belong here:
importance or explanation of the trees.

The trees choose from the features with the largest F statistic of a one-way analysis of variance
between classes, since a round looks at every value of every column. The statistic is
taken on the training part alone, so that a held-out sample has no say in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints
from cup_assets.classify.models.base import Arrays, Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.linear import softmax
from cup_assets.classify.models.screening import largest_f
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.strategies import balanced

# Classes of tumours differ by tenths of a beta: finer steps cost time and gain nothing.
_BINS = 32


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """A booster, with the columns that it looks at and the classes that it knows.

    Attributes
    ----------
    booster : uint8[bytes]
        XGBoost's own documented format, binary JSON (UBJSON): no code is run on reading it.
    columns : int64[q]
        Columns of the features that the trees chose from.
    present : int64[m]
        Codes of the classes that the training part held.
    n_classes
        All classes; the others score exactly 0.
    """

    booster: NDArray[np.uint8]
    columns: Ints
    present: Ints
    n_classes: int

    def scores(self, features: Features) -> Floats:
        """Return softmax scores float64[n, k] of the summed leaves.

        XGBoost walks a row down one tree after the other, whatever the batch; its softmax is left
        aside, since single precision does not sum to one.
        """
        import xgboost

        result = np.zeros((len(features), self.n_classes))
        if not len(features):
            return result
        booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(self.booster))
        rows = xgboost.DMatrix(np.ascontiguousarray(features[:, self.columns]), nthread=1)
        for row, margins in zip(result, booster.predict(rows, output_margin=True), strict=True):
            row[self.present] = softmax(margins.astype(np.float64))
        return result

    def arrays(self) -> Arrays:
        """Return the booster's bytes, its columns and classes."""
        return {
            "booster": self.booster,
            "columns": self.columns,
            "present": self.present,
            "n_classes": np.array(self.n_classes),
        }

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> BoostedTrees:
        """Rebuild from `arrays`."""
        n_classes = int(arrays["n_classes"])
        return cls(arrays["booster"], arrays["columns"], arrays["present"], n_classes)


def _fit(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    parameters: EvaluationParameters,
    seed: int,
) -> list[Model]:
    """Fit once a depth and rate: the first rounds of a longer fit are the shorter fit."""
    import xgboost

    training, weights = balanced(training, parameters.strategy, seed)
    present, labels = np.unique(training.codes, return_inverse=True)
    columns = largest_f(training.features, training.codes, parameters.xgboost_columns)
    rows = xgboost.QuantileDMatrix(
        np.ascontiguousarray(training.features[:, columns]),
        label=labels,
        weight=weights,
        max_bin=_BINS,
        nthread=1,
    )
    boosters = {}
    for depth, rate in sorted({(one["depth"], one["rate"]) for one in candidates}):
        alike = [one for one in candidates if (one["depth"], one["rate"]) == (depth, rate)]
        most = max(int(one["rounds"]) for one in alike)
        boosters[depth, rate] = xgboost.train(
            _settings(depth, rate, len(present), seed), rows, most
        )
    models: list[Model] = []
    for one in candidates:
        booster = boosters[one["depth"], one["rate"]][: int(one["rounds"])]
        stored = np.frombuffer(bytes(booster.save_raw("ubj")), dtype=np.uint8)
        models.append(BoostedTrees(stored, columns, present, training.n_classes))
    return models


def _settings(depth: float, rate: float, n_present: int, seed: int) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "num_class": n_present,
        "tree_method": "hist",
        "max_bin": _BINS,
        "max_depth": int(depth),
        "eta": rate,
        # Another tenth of the columns for each tree: else a few samples are told apart by the same
        # few columns every round.
        "colsample_bytree": 0.1,
        # The defaults of 1 weigh much against a class of few samples, whose curvature, at most half
        # a weight each, is what both are compared with.
        "min_child_weight": 0.01,
        "reg_lambda": 0.3,
        "nthread": 1,
        "seed": seed % 2**31,
    }


def _candidates(parameters: EvaluationParameters) -> tuple[Candidate, ...]:
    grid = product(
        sorted(parameters.xgboost_rounds),
        sorted(parameters.xgboost_depth),
        sorted(parameters.xgboost_rate),
    )
    return tuple({"rounds": rounds, "depth": depth, "rate": rate} for rounds, depth, rate in grid)


XGBOOST = ModelSpec(
    name="xgboost",
    candidates=_candidates,
    fit=_fit,
    load=BoostedTrees.load,
    floor=lambda _: 1e-9,
)
