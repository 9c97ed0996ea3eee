"""Few CpGs for a concrete differential diagnosis that a light technology can measure.

Belongs here: the choice under a technology's constraints, and how well it works as measured. Does
not belong here: the question (`differential_question`), what a technology can measure (`assay`),
the choice without one (`differential`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.nested import OuterFold
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay import AssayPanel
from cup_assets.panels.assay_folds import Assay, Part, choose_among
from cup_assets.panels.assay_scores import Judge
from cup_assets.panels.differential import JUDGED, candidates_for, splits_of, sums_of
from cup_assets.panels.differential_question import Question, ask, groups_of
from cup_assets.panels.masked import Simulation
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import ARRAY


@dataclass(frozen=True)
class DifferentialAssay:
    """An assay for a differential diagnosis.

    Attributes
    ----------
    groups
        As for `cup_assets.panels.differential.DifferentialPanel`.
    panel
        Chosen on all samples of the groups.
    cpgs
        The panel's targets with the ``build`` of their places and ``chosen_in``, the share of the
        folds whose training part chose the CpG, too.
    performance
        (measured_by, metric, class, value, low, high) of panels chosen in the same way inside the
        training parts, with 95 % intervals over patients (`JUDGED`): by the technology
        (simulated), and by the array.
    chance_error
        Error of always naming the largest group.
    n_folds
        Outer folds behind it.
    """

    groups: pl.DataFrame
    panel: AssayPanel
    cpgs: pl.DataFrame
    performance: pl.DataFrame
    chance_error: float
    n_folds: int


def differential_assay(
    data: TrainingData,
    classes: Sequence[str],
    assay: Assay,
    parameters: PanelParameters,
    folds: pl.DataFrame,
    simulation: Simulation | None = None,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> DifferentialAssay:
    """Choose the CpGs that a technology can measure and that tell the named classes apart.

    Parameters
    ----------
    data, classes, parameters, folds, mapper, progress
        As for `cup_assets.panels.differential.differential_panel`.
    assay
        Technology, material, build and most CpGs. There may be fewer, by the technology's limits.
    simulation
        Of its measurements; default: `Simulation()`.

    Raises
    ------
    PanelError
        As `differential_panel`, and where the technology can measure nothing.
    """
    question = ask(data, classes)
    groups = groups_of(question)
    splits = splits_of(question, folds, parameters)
    every = np.arange(len(question.data.y), dtype=np.int64)
    panel = _choose(question, every, assay, parameters)
    task = partial(_judge, question, assay, parameters, simulation or Simulation())
    parts = mapper(task, splits, progress)
    scores = pl.concat([scores for scores, _ in parts])
    votes = [name for _, names in parts for name in names]
    truth = question.data.truth()
    tables = [
        metrics(
            scores.filter(pl.col("measured_by") == name),
            truth,
            parameters.seed,
            parameters.bootstraps,
        )
        .filter(pl.col("metric").is_in(JUDGED))
        .select(pl.lit(name).alias("measured_by"), pl.all())
        for name in dict.fromkeys((assay.technology.name, ARRAY.name))
    ]
    shares = {name: votes.count(name) / len(parts) for name in panel.targets["probe_id"]}
    chosen_in = pl.col("probe_id").replace_strict(shares, return_dtype=pl.Float64)
    return DifferentialAssay(
        groups,
        panel,
        panel.targets.with_columns(build=pl.lit(panel.build), chosen_in=chosen_in),
        pl.concat(tables),
        float(1 - groups["n_samples"].max() / groups["n_samples"].sum()),  # type: ignore[operator]
        len(splits),
    )


def _choose(
    question: Question, rows: Ints, assay: Assay, parameters: PanelParameters
) -> AssayPanel:
    """Choose on a part, of which alone anything is read."""
    many = 2 * assay.size + assay.technology.look_ahead
    sums = sums_of(question, rows)
    candidates, pairs = candidates_for(question, rows, many, parameters, sums)
    own = assay.among(candidates.pipeline.probe_ids.tolist())
    (panel,) = choose_among(candidates, pairs, [own], parameters)
    if isinstance(panel, PanelError):
        raise panel
    return panel


def _judge(
    question: Question,
    assay: Assay,
    parameters: PanelParameters,
    simulation: Simulation,
    split: OuterFold,
) -> tuple[pl.DataFrame, list[str]]:
    """Return scores of the tests (as `Judge.uncalibrated`), and the CpGs."""
    panel = _choose(question, split.train, assay, parameters)
    here = panel.targets.select(
        pl.lit(split.repeat, pl.Int64).alias("repeat"),
        pl.lit(split.outer_fold, pl.Int64).alias("outer_fold"),
        pl.lit(None, pl.Int64).alias("inner_fold"),
        *("order", "probe_id", "amplicon"),
    )
    judge = Judge(
        question.data, here, assay.technology, (1,), parameters, simulation, EvaluationParameters()
    )
    part = Part(split.repeat, split.outer_fold, None, split.train, split.test)
    return judge.uncalibrated(part), panel.targets["probe_id"].to_list()
