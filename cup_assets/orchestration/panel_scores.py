"""Scores of panels that take finished ones over.

Belongs here: the platform's way to make them, and the name of what is kept. Does not belong here:
how panels are scored (`cup_assets.panels.judge`), the files (`fold_store`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import dagster as dg

import cup_assets.panels
from cup_assets.classify.data import TrainingData
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import Mapper
from cup_assets.orchestration.fold_keys import (
    array_digest,
    data_digest,
    fitting,
    libraries,
    source_digest,
)
from cup_assets.orchestration.fold_store import FoldStore
from cup_assets.orchestration.materialise import is_forced
from cup_assets.orchestration.resources import Platform
from cup_assets.panels.curve import Judge, Progress
from cup_assets.panels.judge import JudgeTask, PanelScores, judge_panels
from cup_assets.panels.parameters import PanelParameters
from cup_assets.warehouse import digest

FOLDER = "panel_scores"
"""Below the platform's cache."""


def kept_judge(
    context: dg.AssetExecutionContext,
    platform: Platform,
    parameters: PanelParameters,
    evaluation: EvaluationParameters,
) -> Judge:
    """Return what scores panels and keeps the scores of each task as they are made.

    A run that was killed takes over what it had finished, to the last bit; a forced run makes all
    of it.
    """
    store = FoldStore(platform.settings.cache / FOLDER, PanelScores)
    store.prepare()
    forced, mapper = is_forced(context), platform.mapper

    def judge(
        data: TrainingData, model: str, tasks: Sequence[JudgeTask], progress: Progress
    ) -> list[PanelScores]:
        keys = score_keys(data, model, parameters.sizes, evaluation, tasks)
        found = {} if forced else {key: store.load(key, context.log.warning) for key in keys}
        done = {key: scores for key, scores in found.items() if scores is not None}
        if done:
            context.log.info(
                "%s: %d of %d panel scores are taken over from an earlier run",
                *(model, len(done), len(tasks)),
            )
        todo = [pair for pair in zip(keys, tasks, strict=True) if pair[0] not in done]
        progress(len(done), len(tasks))
        work = partial(judge_panels, data, model, parameters.sizes, evaluation)
        made = keep_each(
            store, mapper, work, todo, lambda n, _: progress(len(done) + n, len(tasks))
        )
        done |= {key: scores for (key, _), scores in zip(todo, made, strict=True)}
        return [done[key] for key in keys]

    return judge


def keep_each(
    store: FoldStore[PanelScores],
    mapper: Mapper,
    work: partial[PanelScores],
    todo: Sequence[tuple[str, JudgeTask]],
    progress: Progress,
) -> list[PanelScores]:
    """Do the work on each task and keep it: where it was done, or here from other machines."""
    keeper = store if mapper.shares_disk else None
    made = mapper(partial(_do, work, keeper), todo, progress)
    if keeper is None:
        for (key, _), scores in zip(todo, made, strict=True):
            store.save(key, scores)
    return made


def _do(
    work: partial[PanelScores],
    store: FoldStore[PanelScores] | None,
    named: tuple[str, JudgeTask],
) -> PanelScores:
    key, task = named
    scores = work(task)
    if store is not None:
        store.save(key, scores)
    return scores


def score_keys(
    data: TrainingData,
    model: str,
    sizes: Sequence[int],
    evaluation: EvaluationParameters,
    tasks: Sequence[JudgeTask],
) -> list[str]:
    """Return the name, a SHA-256 in hexadecimal digits, of the scores of each task.

    It covers all that they are made of: the data, the samples of both sides, the pipelines of the
    chosen CpGs, model, sizes, parameters, the source text and the versions of the libraries.
    """
    common = digest(
        data_digest(data), model, list(sizes), fitting(evaluation), _SOURCE, libraries()
    )
    return [digest(common, *_task_of(data, task)) for task in tasks]


def _task_of(data: TrainingData, task: JudgeTask) -> list[object]:
    split, cpgs = task.split, task.cpgs
    learnt = [
        [array_digest(one) for one in (each.columns, each.fill, each.shift)]
        + [each.factors.tolist(), each.factor_of.tolist(), each.levels.tolist()]
        for each in (cpgs.whole, *cpgs.without)
    ]
    sides = [data.sample_ids[side].tolist() for side in (split.test, split.train)]
    return [split.repeat, split.outer_fold, *sides, split.inner.tolist(), *task.chooser, learnt]


def _sources() -> str:
    folder = Path(cup_assets.panels.__path__[0])
    own = [
        (file.name, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted(folder.glob("*.py"))
    ]
    return digest(source_digest(), own)


# Read with the modules themselves: a program that runs on after an update is the old one.
_SOURCE = _sources()
