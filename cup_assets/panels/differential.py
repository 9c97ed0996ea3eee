"""Few CpGs for a concrete differential diagnosis.

Belongs here: the panel that answers a question, how well such a panel works. Does not belong here:
the question (`differential_question`), the arithmetic of the choice (`separation`), panels for all
classes at once (`select`, `curve`), places of CpGs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.data import Features, Floats, Ints, TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.compute import Mapper, serial, single_threaded
from cup_assets.panels.differential_question import Question, ask, groups_of
from cup_assets.panels.importance import Candidates
from cup_assets.panels.light import panel_classifier
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.separation import Moments, moments, separating, separation_of
from cup_assets.panels.univariate import class_effects

CPG_SCHEMA = {
    "rank": pl.Int64,
    "probe_id": pl.String,
    "separates": pl.String,
    "difference": pl.Float64,
    "chosen_in": pl.Float64,
}
JUDGED = ("error", "balanced_accuracy", "macro_f1", "log_loss", "recall", "precision")


@dataclass(frozen=True)
class DifferentialPanel:
    """A panel for a differential diagnosis.

    Attributes
    ----------
    groups
        (group, classes, n_samples, n_patients): between whom it decides.
    cpgs
        (rank, probe_id, separates, difference, chosen_in): the CpGs, chosen on all samples of the
        groups. ``separates`` names the pair that a CpG was chosen for, ``difference`` is that of
        their mean betas (first less second), ``chosen_in`` the share of the folds whose training
        part chose the CpG, too.
    effects
        As `cup_assets.panels.univariate.class_effects`, of the groups at each CpG; betas as the
        classifiers see them (missing ones filled, adjusted).
    performance
        (metric, class, value, low, high) of panels chosen in the same way inside the training
        parts of the folds, with 95 % intervals over patients (`JUDGED`); class null or a group.
    confusion
        (truth, called, n): every test of the folds, each called the group of the highest score.
    chance_error
        Error of always naming the largest group.
    n_folds
        Outer folds behind it.
    background
        Names of all CpGs that are measured in enough of the samples to be chosen.
    """

    groups: pl.DataFrame
    cpgs: pl.DataFrame
    effects: pl.DataFrame
    performance: pl.DataFrame
    confusion: pl.DataFrame
    chance_error: float
    n_folds: int
    background: pl.Series


def differential_panel(
    data: TrainingData,
    classes: Sequence[str],
    size: int,
    parameters: PanelParameters,
    folds: pl.DataFrame,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> DifferentialPanel:
    """Choose the CpGs that best tell the named classes apart, and judge such a choice honestly.

    Parameters
    ----------
    data
        Betas; every class, so that a single one can be held against the rest.
    classes
        Two or more classes or families (a family is one group); or one of them, which is then
        told from all others. Samples of classes that are not asked for take no part otherwise.
    size
        CpGs.
    parameters
        ``candidates`` CpGs that separate best, each by itself, are chosen from; those that vary
        alike inside the groups (``correlated``) are represented by one as long as others are left.
    folds
        (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme. CpGs are chosen anew in
        every training part, including the candidates.
    mapper, progress
        Run and report the outer folds.

    Raises
    ------
    PanelError
        Where a name is unknown, given twice or part of another one, a group has fewer than
        `MIN_PATIENTS` patients, the size is below 1 or above the CpGs there are, or no fold tests
        these samples.
    """
    if size < 1:
        raise PanelError(f"size is {size}: a panel has at least 1 CpG")
    question = ask(data, classes)
    groups = groups_of(question)
    splits = splits_of(question, folds, parameters)
    every = np.arange(len(question.data.y))
    whole = sums_of(question, every)
    pipeline, at, separates = choose(question, every, size, parameters, whole)
    parts = mapper(partial(_judge_fold, question, size, parameters), splits, progress)
    scores = pl.concat([scores for scores, _ in parts])
    features = pipeline.features_of(question.data, every)[:, at]
    names = pipeline.probe_ids[at].tolist()
    labels, codes = np.unique(question.data.y, return_inverse=True)
    votes = [name for _, chosen in parts for name in chosen]
    cpgs = pl.DataFrame(
        {
            "rank": range(1, size + 1),
            "probe_id": names,
            "separates": [f"{one} | {other}" for one, other in separates],
            "difference": _differences(question, features, separates),
            "chosen_in": [votes.count(name) / len(parts) for name in names],
        },
        schema=CPG_SCHEMA,
    )
    truth = question.data.truth()
    judged = metrics(scores, truth, parameters.seed, parameters.bootstraps)
    return DifferentialPanel(
        groups,
        cpgs,
        class_effects(features, codes.astype(np.int64), labels.tolist(), names),
        judged.filter(pl.col("metric").is_in(JUDGED)),
        _confusion(scores, truth),
        float(1 - groups["n_samples"].max() / groups["n_samples"].sum()),  # type: ignore[operator]
        len(splits),
        pl.Series(question.data.probe_ids[_measured(whole, parameters)].tolist()),
    )


def splits_of(
    question: Question, folds: pl.DataFrame, parameters: PanelParameters
) -> list[OuterFold]:
    """Return the outer folds that test samples of the question, as rows of its data.

    Raises
    ------
    PanelError
        Where there is none.
    """
    tests = pl.col("inner_fold").is_null().any().over("repeat", "outer_fold")
    own = folds.filter(pl.col("sample_id").is_in(question.data.sample_ids.tolist())).filter(tests)
    splits = outer_folds(question.data, own) if own.height else []
    used = sorted({split.repeat for split in splits})[: parameters.max_repeats]
    splits = [split for split in splits if split.repeat in used]
    if not splits:
        raise PanelError("no fold tests a sample of these classes: the panel cannot be judged")
    return splits


def sums_of(question: Question, rows: Ints) -> Moments:
    """Sum up the betas of a part by the kinds that a question tells apart."""
    names, codes = np.unique(question.kinds[rows], return_inverse=True)
    return moments(question.data.X, rows, codes.astype(np.int64), names.tolist())


def choose(
    question: Question, rows: Ints, size: int, parameters: PanelParameters, sums: Moments
) -> tuple[Pipeline, Ints, list[tuple[str, str]]]:
    """Choose on a part, of which alone anything is read; columns are those of the pipeline.

    Parameters
    ----------
    rows
        Of the part, in the data of the question.
    sums
        `sums_of` the part, or of more groups.

    Raises
    ------
    PanelError
        Where there are too few CpGs, or nothing to tell apart in the part.
    """
    found, pairs = candidates_for(question, rows, size, parameters, sums)
    at, pair_of = separating(found.features, found.codes, pairs, size, parameters.correlated)
    names = found.classes
    return found.pipeline, at, [(str(names[i]), str(names[j])) for i, j in pairs[pair_of]]


def candidates_for(
    question: Question, rows: Ints, size: int, parameters: PanelParameters, sums: Moments
) -> tuple[Candidates, Ints]:
    """Return the CpGs of a part that separate best, by kind, and the pairs of kinds to tell apart.

    Parameters and errors as for `choose`.
    """
    data = question.data
    names, codes = np.unique(question.kinds[rows], return_inverse=True)
    codes = codes.astype(np.int64)
    pairs = question.pairs(names, codes)
    own = sums.of(names.tolist())
    apart = separation_of(own, pairs)
    apart[:, ~_measured(own, parameters)] = -1
    # As many of the best of every pair: an easy pair would take all places.
    each = max(parameters.candidates // len(pairs), size)
    best = np.unique(np.argsort(-apart, axis=1, kind="stable")[:, :each])
    some = replace(data, X=data.X[:, best], probe_ids=data.probe_ids[best])
    fitted = fit_pipeline(some, rows, parameters.preparation(len(best)))
    pipeline = replace(fitted, columns=best[fitted.columns])
    return Candidates(pipeline, pipeline.features_of(data, rows), names, codes), pairs


def _measured(sums: Moments, parameters: PanelParameters) -> NDArray[np.bool_]:
    return np.asarray(sums.missing() < parameters.probe_max_missing)


def _judge_fold(
    question: Question, size: int, parameters: PanelParameters, split: OuterFold
) -> tuple[pl.DataFrame, list[str]]:
    return judge_fold(question, size, parameters, split, sums_of(question, split.train))


def judge_fold(
    question: Question, size: int, parameters: PanelParameters, split: OuterFold, sums: Moments
) -> tuple[pl.DataFrame, list[str]]:
    """Return scores (repeat, sample_id, class, raw_score, score) of the tests, and the CpGs.

    Parameters
    ----------
    split
        A fold of the question's data.
    sums
        `sums_of` its training part, or of more groups.
    """
    data = question.data
    every = np.unique(data.y)
    present, codes = np.unique(data.y[split.train], return_inverse=True)
    # More threads would change the order of additions.
    with single_threaded():
        pipeline, at, _ = choose(question, split.train, size, parameters, sums)
        train, test = (
            pipeline.features_of(data, rows)[:, at] for rows in (split.train, split.test)
        )
        model = panel_classifier(train, codes.astype(np.int64), len(present), parameters.panel_c)
        scores = np.zeros((len(split.test), len(every)))
        scores[:, np.searchsorted(every, present)] = model.scores(test)
    frame = pl.DataFrame(
        {
            "repeat": [split.repeat] * scores.size,
            "sample_id": np.repeat(data.sample_ids[split.test], len(every)).tolist(),
            "class": np.tile(every, len(split.test)).tolist(),
            "raw_score": scores.ravel(),
            "score": scores.ravel(),
        }
    )
    return frame, pipeline.probe_ids[at].tolist()


def _differences(
    question: Question, features: Features, separates: Sequence[tuple[str, str]]
) -> list[float]:
    means: dict[str, Floats] = {
        str(name): features[question.kinds == name].mean(axis=0, dtype=np.float64)
        for name in np.unique(question.kinds)
    }
    return [float(means[a][at] - means[b][at]) for at, (a, b) in enumerate(separates)]


def _confusion(scores: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    called = (
        scores.sort("repeat", "sample_id", "class")
        .group_by("repeat", "sample_id", maintain_order=True)
        .agg(called=pl.col("class").get(pl.col("score").arg_max()))
    )
    return (
        called.join(truth.select("sample_id", truth="class"), on="sample_id")
        .group_by("truth", "called")
        .agg(n=pl.len().cast(pl.Int64))
        .sort("truth", "called")
    )
