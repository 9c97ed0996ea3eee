"""What a training part has to have before models can be fitted on it.

Belongs here: the pipelines of parts and of what is left of them without each inner fold, all from
one walk over the matrix; the training set of a part. Does not belong here: models, and how they are
tuned (`tuned`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cup_assets.classify.data import Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import TrainingSet
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import Pipeline, fit_pipelines, narrowed
from cup_assets.compute import Mapper, serial


@dataclass(frozen=True, eq=False)
class Prepared:
    """Pipelines of a training part.

    Attributes
    ----------
    whole
        Learnt from all its rows.
    without
        Learnt from the rows outside of each inner fold, in the order of the folds' numbers.
    """

    whole: Pipeline
    without: tuple[Pipeline, ...]


def prepare(
    data: TrainingData,
    parts: Sequence[tuple[Ints, Ints]],
    parameters: EvaluationParameters,
    mapper: Mapper = serial,
) -> list[Prepared]:
    """Learn the pipelines of many parts, and of these less each inner fold, at once.

    Parameters
    ----------
    parts
        Rows int64[n] of each part and the inner fold of each row.

    Raises
    ------
    ClassifyError
        Where a part, or a part less one inner fold, holds fewer than two classes, and as
        `fit_pipelines`.
    """
    wanted = [
        subset
        for rows, groups in parts
        for subset in (rows, *(rows[groups != name] for name in np.unique(groups)))
    ]
    for rows, groups in parts:
        _check_classes(data, rows, groups)
    fitted = iter(fit_pipelines(data, wanted, parameters, mapper))
    return [
        Prepared(next(fitted), tuple(next(fitted) for _ in np.unique(groups)))
        for _, groups in parts
    ]


def _check_classes(data: TrainingData, rows: Ints, groups: Ints) -> None:
    for name in np.unique(groups):
        if len(np.unique(data.y[rows[groups != name]])) < 2:
            raise ClassifyError(
                f"without inner fold {name} fewer than two classes are left to train on"
            )


def narrow(data: TrainingData, prepared: Sequence[Prepared]) -> tuple[TrainingData, list[Prepared]]:
    """Leave out the probes that none of the pipelines keeps (`narrowed`)."""
    every = [pipeline for part in prepared for pipeline in (part.whole, *part.without)]
    few, moved = narrowed(data, every)
    left = iter(moved)
    return few, [Prepared(next(left), tuple(next(left) for _ in part.without)) for part in prepared]


def training_set(
    data: TrainingData, rows: Ints, pipeline: Pipeline, classes: Strings | None = None
) -> TrainingSet:
    """Return what a model is fitted on: the features of some rows and their classes.

    Parameters
    ----------
    classes : str[k]
        What the codes count, sorted; default: the classes of the rows.
    """
    known = np.unique(data.y[rows]) if classes is None else classes
    codes = np.searchsorted(known, data.y[rows]).astype(np.int64)
    patients = np.unique(data.patient[rows], return_inverse=True)[1].astype(np.int64)
    return TrainingSet(pipeline.features_of(data, rows), codes, len(known), patients)
