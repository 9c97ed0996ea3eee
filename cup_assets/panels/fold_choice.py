"""Which CpGs an outer fold chooses, from its training part alone.

Belongs here: the order of CpGs by each selector, in a training part and in what is left of it
without each inner fold. Does not belong here: the choice itself (`select`), and how well
panels work (`judge`).

A selection that used the whole training part would know the samples that an inner fold holds out:
hyperparameters and calibration would be fitted on scores that are too good. So CpGs are chosen anew
without each inner fold, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.nested import OuterFold
from cup_assets.classify.pipeline import (
    Pipeline,
    fit_pipeline,
    fit_pipelines,
    narrowed,
    union,
)
from cup_assets.classify.prepared import Prepared
from cup_assets.compute import Mapper
from cup_assets.panels.importance import candidates_of
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.select import choose_order

SELECTORS = ("ranked", "random", "top_variance")
CHOICE_SCHEMA = {
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "rank": pl.Int64,
    "probe_id": pl.String,
}
Chooser = tuple[str, int]
"""Selector, and the number of the draw of random CpGs (0 for the others)."""


@dataclass(frozen=True, eq=False)
class FoldChoice:
    """What one outer fold chose.

    Attributes
    ----------
    split
        The fold.
    pipelines
        By selector and draw: the pipelines of the training part and of the part less each inner
        fold, their probes in the order of the choice, at most as many as the largest panel has.
    """

    split: OuterFold
    pipelines: dict[Chooser, Prepared]

    def cpgs(self) -> pl.DataFrame:
        """Return (repeat, outer_fold, rank, probe_id), the ranked CpGs of the training part."""
        names = self.pipelines["ranked", 0].whole.probe_ids.tolist()
        where = {"repeat": self.split.repeat, "outer_fold": self.split.outer_fold}
        rows = {name: [value] * len(names) for name, value in where.items()}
        return pl.DataFrame(
            {**rows, "rank": range(1, len(names) + 1), "probe_id": names}, schema=CHOICE_SCHEMA
        )


@dataclass(frozen=True, eq=False)
class FoldTask:
    """What an outer fold chooses from.

    Attributes
    ----------
    split
        The fold.
    candidates
        Pipelines of the most variable probes of its training part, and of the part less each inner
        fold.
    drawn : int64[q] each
        Columns of each draw of random probes, in random order. Twice as many as needed, because
        some are not measured or do not vary.
    """

    split: OuterFold
    candidates: Prepared
    drawn: tuple[Ints, ...]


def fold_tasks(
    data: TrainingData, splits: Sequence[OuterFold], parameters: PanelParameters, mapper: Mapper
) -> tuple[TrainingData, list[FoldTask]]:
    """Find the candidates of all parts of all folds by one walk over the matrix.

    Returns
    -------
    data, tasks
        The samples with those probes only that some fold can choose; columns are counted there.

    Raises
    ------
    ClassifyError
        Where no probe is measured and varies in a part.
    """
    parts = [part for split in splits for part in _parts(split)]
    fitted = fit_pipelines(data, parts, parameters.preparation(parameters.candidates), mapper)
    drawn = [_draws(data, split, parameters) for split in splits]
    kept = union([*(one.columns for one in fitted), *(one for draws in drawn for one in draws)])
    few = replace(data, X=np.take(data.X, kept, axis=1), probe_ids=data.probe_ids[kept])
    left = iter(replace(one, columns=np.searchsorted(kept, one.columns)) for one in fitted)
    return few, [
        FoldTask(
            split,
            Prepared(next(left), tuple(next(left) for _ in _parts(split)[1:])),
            tuple(np.searchsorted(kept, one) for one in draws),
        )
        for split, draws in zip(splits, drawn, strict=True)
    ]


def choose_in_fold(data: TrainingData, parameters: PanelParameters, task: FoldTask) -> FoldChoice:
    """Order the CpGs of an outer fold by every selector; its test samples are not read.

    Selectors: ``ranked`` (`choose_order`), ``top_variance`` (the most variable CpGs) and ``random``
    (drawn from all probes that are measured, ``random_draws`` times; one draw for all parts).

    Raises
    ------
    PanelError
        Where a part holds fewer than two classes, or fewer CpGs than the smallest panel has.
    ClassifyError
        Where no probe of a draw is measured and varies in a part.
    """
    pipelines = (task.candidates.whole, *task.candidates.without)
    orders = [
        dict(_orders(data, parameters, task, rows, pipeline))
        for rows, pipeline in zip(_parts(task.split), pipelines, strict=True)
    ]
    split, whole, without = task.split, orders[0], orders[1:]
    if (found := len(whole["ranked", 0].columns)) < parameters.sizes[0]:
        raise PanelError(
            f"repeat {split.repeat}, outer fold {split.outer_fold}: {found} CpGs vary in the"
            f" training part, too few for a panel of {parameters.sizes[0]}"
        )
    return FoldChoice(
        split,
        {
            chooser: Prepared(pipeline, tuple(part[chooser] for part in without))
            for chooser, pipeline in whole.items()
        },
    )


def narrow_choices(
    data: TrainingData, choices: Sequence[FoldChoice]
) -> tuple[TrainingData, list[FoldChoice]]:
    """Leave out the probes that no fold chose: few enough to be sent to workers."""
    every = [
        pipeline
        for choice in choices
        for prepared in choice.pipelines.values()
        for pipeline in (prepared.whole, *prepared.without)
    ]
    few, moved = narrowed(data, every)
    left = iter(moved)
    return few, [
        FoldChoice(
            choice.split,
            {
                chooser: Prepared(next(left), tuple(next(left) for _ in prepared.without))
                for chooser, prepared in choice.pipelines.items()
            },
        )
        for choice in choices
    ]


def first_cpgs(prepared: Prepared, size: int) -> Prepared:
    """Return the pipelines of the panel of the first ``size`` CpGs."""
    at = np.arange(size)
    return Prepared(_part(prepared.whole, at), tuple(_part(one, at) for one in prepared.without))


def longest(prepared: Prepared) -> int:
    """Return how many CpGs every part could choose."""
    return min(len(one.columns) for one in (prepared.whole, *prepared.without))


def _parts(split: OuterFold) -> list[Ints]:
    """Return the rows of the training part, and of the part less each inner fold."""
    return [split.train, *(split.train[split.inner != name] for name in np.unique(split.inner))]


def _draws(data: TrainingData, split: OuterFold, parameters: PanelParameters) -> tuple[Ints, ...]:
    seeds = [
        (parameters.seed, split.repeat, split.outer_fold, draw)
        for draw in range(parameters.random_draws)
    ]
    p, most = data.X.shape[1], 2 * max(parameters.sizes)
    return tuple(np.random.default_rng(seed).permutation(p)[:most] for seed in seeds)


def _orders(
    data: TrainingData, parameters: PanelParameters, task: FoldTask, rows: Ints, pipeline: Pipeline
) -> Iterator[tuple[Chooser, Pipeline]]:
    """Yield the ordered probes of each selector, with what the pipeline learnt of the rows."""
    most = max(parameters.sizes)
    candidates = candidates_of(data, rows, pipeline)
    position = {name: at for at, name in enumerate(pipeline.probe_ids.tolist())}
    ranked = [position[name] for name in choose_order(candidates, parameters)]
    yield ("ranked", 0), _part(pipeline, np.array(ranked, dtype=np.int64))
    variance = candidates.features.var(axis=0, dtype=np.float64)
    yield ("top_variance", 0), _part(pipeline, np.argsort(-variance, kind="stable")[:most])
    for draw, drawn in enumerate(task.drawn):
        some = replace(data, X=data.X[:, drawn], probe_ids=data.probe_ids[drawn])
        found = fit_pipeline(some, rows, parameters.preparation(len(drawn)))
        own = replace(found, columns=drawn[found.columns])
        yield ("random", draw), _part(own, np.arange(min(most, len(own.columns))))


def _part(pipeline: Pipeline, at: Ints) -> Pipeline:
    """Return the pipeline of some of its probes, in the order given."""
    return replace(
        pipeline,
        columns=pipeline.columns[at],
        probe_ids=pipeline.probe_ids[at],
        fill=pipeline.fill[at],
        shift=pipeline.shift[:, at],
    )
