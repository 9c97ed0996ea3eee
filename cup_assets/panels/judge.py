"""How well the panels of an outer fold work, by a model of the leaderboard.

Belongs here: scores of test samples by panels of every size. Does not belong here: which CpGs are
in them (`fold_choice`), pooling folds and metrics (`curve`), the models (`cup_assets.classify`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import OuterFold, fold_seed
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.prepared import Prepared
from cup_assets.classify.tuned import fit_tuned
from cup_assets.panels.fold_choice import Chooser, FoldChoice, first_cpgs, longest

SCORE_SCHEMA = {
    "size": pl.Int64,
    "sample_id": pl.String,
    "class": pl.String,
    "raw_score": pl.Float64,
    "score": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class JudgeTask:
    """Panels of one outer fold, selector and draw, with their pipelines (`FoldChoice`)."""

    split: OuterFold
    chooser: Chooser
    cpgs: Prepared


@dataclass(frozen=True)
class PanelScores:
    """What such panels say of the test samples.

    Attributes
    ----------
    repeat, outer_fold, selector, draw
        Whose panels.
    scores
        (size, sample_id, class, raw_score, score): raw and calibrated, a row for each size, test
        sample and class of the data; a class absent from the training part scores 0.
    """

    repeat: int
    outer_fold: int
    selector: str
    draw: int
    scores: pl.DataFrame


def judge_tasks(choices: Sequence[FoldChoice]) -> list[JudgeTask]:
    """Return what is to be judged, independent pieces of work."""
    return [
        JudgeTask(choice.split, chooser, cpgs)
        for choice in choices
        for chooser, cpgs in choice.pipelines.items()
    ]


def judge_panels(
    data: TrainingData,
    model: str,
    sizes: Sequence[int],
    evaluation: EvaluationParameters,
    task: JudgeTask,
) -> PanelScores:
    """Score the test samples by a panel of every size that all parts of the fold can fill.

    The model is tuned, calibrated and refitted as for the leaderboard (`fit_tuned`), on the first
    CpGs of the order; without each inner fold, on those that were chosen without it.

    Parameters
    ----------
    data
        With the columns that the task's pipelines count.
    model
        A name in `cup_assets.classify.models.MODELS`.
    evaluation
        Grids and calibration of the leaderboard.
    """
    split, classes = task.split, np.unique(data.y)
    names = data.sample_ids[split.test]
    tables = []
    for size in (size for size in sizes if size <= longest(task.cpgs)):
        fitted = fit_tuned(
            data, split.train, split.inner, model, evaluation, fold_seed(evaluation, split),
            prepared=first_cpgs(task.cpgs, size),
        )  # fmt: skip
        both = fitted.scores(fitted.pipeline.features_of(data, split.test))
        full = np.zeros((2, len(names), len(classes)))
        full[:, :, np.searchsorted(classes, fitted.classes)] = both
        table = {
            "size": [size] * full[0].size,
            "sample_id": np.repeat(names, len(classes)).tolist(),
            "class": np.tile(classes, len(names)).tolist(),
            "raw_score": full[0].ravel(),
            "score": full[1].ravel(),
        }
        tables.append(pl.DataFrame(table, schema=SCORE_SCHEMA))
    selector, draw = task.chooser
    scores = pl.concat([pl.DataFrame(schema=SCORE_SCHEMA), *tables])
    return PanelScores(split.repeat, split.outer_fold, selector, draw, scores)
