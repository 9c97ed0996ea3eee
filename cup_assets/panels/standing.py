"""Panels for the questions that always stand: within each family, and each class against the rest.

Belongs here: which questions these are, and answering all of them in one go. Does not belong here:
how a question is answered and judged (`differential`), questions that somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.nested import OuterFold
from cup_assets.compute import Mapper, serial, single_threaded
from cup_assets.panels.differential import JUDGED, choose, judge_fold, splits_of
from cup_assets.panels.differential_question import MIN_PATIENTS, Question, ask, groups_of
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.separation import Moments, moments

PANEL_SCHEMA = {
    "panel_id": pl.String,
    "size": pl.Int64,
    "rank": pl.Int64,
    "probe_id": pl.String,
    "chosen_in": pl.Float64,
    "separates": pl.String,
}
PERFORMANCE_SCHEMA = {
    "panel_id": pl.String,
    "metric": pl.String,
    "class": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
CHANCE = "chance_error"
"""Metric: the error of always naming the largest group."""


@dataclass(frozen=True)
class StandingPanels:
    """The answers.

    Attributes
    ----------
    panels
        (panel_id, size, rank, probe_id, chosen_in, separates), `PANEL_SCHEMA`: ``class_<class>_10``
        tells a class from all others, ``family_<family>_10`` the classes of a family from each
        other; ``separates`` and ``chosen_in`` as in `DifferentialPanel.cpgs`.
    performance
        (panel_id, metric, class, value, low, high) of panels chosen in the same way inside the
        training parts (`JUDGED` and `CHANCE`).
    left_out
        (question, reason): what has no panel, or a class that takes no part in one.
    """

    panels: pl.DataFrame
    performance: pl.DataFrame
    left_out: pl.DataFrame


_Part = tuple[OuterFold | None, Ints]
_Answer = tuple[pl.DataFrame | None, list[str], list[str], str]
"""Scores of the tests, the CpGs, the pairs that they separate, and why there is none of it."""


def standing_panels(
    data: TrainingData,
    parameters: PanelParameters,
    folds: pl.DataFrame,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> StandingPanels:
    """Answer all standing questions as `differential_panel` does, with one walk over each part.

    Parameters
    ----------
    parameters
        ``differential_size`` CpGs each.
    folds
        (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme.
    mapper, progress
        Run and report the parts: each outer fold, and all samples.
    """
    data = data.with_features("betas")
    questions, left_out = _questions(data)
    size = parameters.differential_size
    splits = splits_of(Question(data, data.y, data.y, None), folds, parameters)
    parts: list[_Part] = [(None, np.arange(len(data.y))), *((one, one.train) for one in splits)]
    work = partial(_answer_part, data, questions, folds, parameters)
    found = mapper(work, parts, progress)
    panels, performance = [], []
    for name, question in questions.items():
        answers = [part[name] for part in found]
        if reasons := [reason for *_, reason in answers if reason]:
            left_out.append((name, reasons[0]))
            continue
        panel_id = f"{name}_{size}"
        (_, cpgs, separates, _), *judged = answers
        scores = [scores for scores, *_ in judged if scores is not None]
        votes = [cpg for _, own, *_ in judged for cpg in own]
        panels += [
            (panel_id, size, rank, cpg, votes.count(cpg) / len(scores), pair)
            for rank, (cpg, pair) in enumerate(zip(cpgs, separates, strict=True), start=1)
        ]
        sizes = np.unique(question.data.y, return_counts=True)[1]
        chance = float(1 - sizes.max() / sizes.sum())
        table = metrics(
            pl.concat(scores), question.data.truth(), parameters.seed, parameters.bootstraps
        )
        kept = table.filter(pl.col("metric").is_in(JUDGED))
        performance += [(panel_id, *row) for row in kept.iter_rows()]
        performance.append((panel_id, CHANCE, None, chance, None, None))
    return StandingPanels(
        pl.DataFrame(panels, schema=PANEL_SCHEMA, orient="row"),
        pl.DataFrame(performance, schema=PERFORMANCE_SCHEMA, orient="row"),
        pl.DataFrame(left_out, schema={"question": pl.String, "reason": pl.String}, orient="row"),
    )


def _questions(data: TrainingData) -> tuple[dict[str, Question], list[tuple[str, str]]]:
    """Return the questions by name, and what cannot be asked."""
    patients = (
        data.truth().group_by("family", "class").agg(pl.col("patient_id").n_unique())
        .sort("family", "class")
    )  # fmt: skip
    asked: list[tuple[str, list[str]]] = []
    left_out = []
    for (family,), own in patients.group_by("family", maintain_order=True):
        enough = own.filter(pl.col("patient_id") >= MIN_PATIENTS)["class"].to_list()
        for name, n in own.filter(~pl.col("class").is_in(enough))["class", "patient_id"].rows():
            reason = f"{n} patients of {name!r}: at least {MIN_PATIENTS} are needed"
            left_out += [(f"class_{name}", reason), (f"family_{family}", reason)]
        if len(enough) > 1:
            asked.append((f"family_{family}", enough))
        else:
            left_out.append(
                (f"family_{family}", "there are no two classes to tell apart within it")
            )
        asked += [(f"class_{name}", [name]) for name in enough]
    questions = {}
    for name, classes in asked:
        try:
            question = ask(data, classes)
            groups_of(question)
        except PanelError as error:
            left_out.append((name, str(error)))
        else:
            questions[name] = question
    return questions, left_out


def _answer_part(
    data: TrainingData,
    questions: dict[str, Question],
    folds: pl.DataFrame,
    parameters: PanelParameters,
    part: _Part,
) -> dict[str, _Answer]:
    split, rows = part
    names, codes = np.unique(data.y[rows], return_inverse=True)
    sums = moments(data.X, rows, codes.astype(np.int64), names.tolist())
    found: dict[str, _Answer] = {}
    for name, question in questions.items():
        try:
            found[name] = _answer(question, folds, parameters, split, sums)
        except PanelError as error:
            found[name] = None, [], [], str(error)
    return found


def _answer(
    question: Question,
    folds: pl.DataFrame,
    parameters: PanelParameters,
    split: OuterFold | None,
    sums: Moments,
) -> _Answer:
    size = parameters.differential_size
    if split is None:
        every = np.arange(len(question.data.y))
        with single_threaded():
            pipeline, at, pairs = choose(question, every, size, parameters, sums)
        return None, pipeline.probe_ids[at].tolist(), [" | ".join(pair) for pair in pairs], ""
    here = (pl.col("repeat") == split.repeat) & (pl.col("outer_fold") == split.outer_fold)
    try:
        (own,) = splits_of(question, folds.filter(here), parameters)
    except PanelError:
        return None, [], [], ""  # this fold tests none of its samples
    scores, cpgs = judge_fold(question, size, parameters, own, sums)
    return scores, cpgs, [], ""
