"""Assay panels chosen inside training parts, by which the choice on all samples is judged.

Belongs here: the parts, the order of importance in each, and the choice of every technology from
it. Does not belong here: the choice itself (assay), how good the panels are (assay_accuracy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.classify.pipeline import Pipeline, fit_pipelines, narrowed
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay import LEFT_OUT_SCHEMA, AssayPanel, assay_panel
from cup_assets.panels.importance import (
    Candidates,
    candidates_of,
    find_candidates,
    importance_of,
)
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.select import order_cpgs
from cup_assets.panels.technology import Technology
from cup_assets.panels.univariate import class_effects

FOLD_SCHEMA = {"repeat": pl.Int64, "outer_fold": pl.Int64, "inner_fold": pl.Int64}


@dataclass(frozen=True, eq=False)
class Assay:
    """What is to be measured how; the arguments of `assay_panel` that do not depend on samples."""

    technology: Technology
    places: pl.DataFrame
    excluded: Mapping[str, str]
    build: str = "hg38"
    material: str = "FFPE"

    def choose(self, ordered: pl.DataFrame, effects: pl.DataFrame, size: int) -> AssayPanel:
        """Choose at most ``size`` CpGs, the most important first (`assay_panel`)."""
        return assay_panel(
            ordered, self.places, effects, self.excluded, self.technology, size, self.build,
            self.material,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """A training part and the samples that are held out of it.

    ``inner_fold`` is None where the samples are those of the outer fold; else they are one group of
    its training part, and calibrate the classifier of that.
    """

    repeat: int
    outer_fold: int
    inner_fold: int | None
    train: Ints
    held: Ints


@dataclass(frozen=True, eq=False)
class Ordered:
    """CpGs of a part, the most important first, and what each tells of which class.

    Attributes
    ----------
    repeat, outer_fold, inner_fold
        The part; all None: of all samples.
    cpgs
        (probe_id). Those that no assay may use come last.
    effects
        (probe_id, class, difference) of `class_effects`.
    """

    repeat: int | None
    outer_fold: int | None
    inner_fold: int | None
    cpgs: pl.DataFrame
    effects: pl.DataFrame


def used_splits(
    data: TrainingData, folds: pl.DataFrame, parameters: PanelParameters
) -> list[OuterFold]:
    """Return the outer folds of the repeats that count."""
    splits = outer_folds(data, folds)
    used = sorted({split.repeat for split in splits})[: parameters.max_repeats]
    if not used:
        raise PanelError("the folds hold no outer fold to judge panels on")
    return [split for split in splits if split.repeat in used]


def parts_of(splits: Sequence[OuterFold]) -> list[Part]:
    """Return the training part of each outer fold, and those of its inner folds after it."""
    parts = []
    for split in splits:
        here = split.repeat, split.outer_fold
        parts.append(Part(*here, None, split.train, split.test))
        for name in np.unique(split.inner).tolist():
            held = split.inner == name
            parts.append(Part(*here, name, split.train[~held], split.train[held]))
    return parts


def order_parts(
    data: TrainingData,
    parts: Sequence[Part],
    excluded: Mapping[str, str],
    parameters: PanelParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> list[Ordered]:
    """Order the CpGs of each part by importance, from its training samples alone.

    Parameters
    ----------
    excluded
        CpGs that no assay may use: they represent no others, and come last.

    Raises
    ------
    PanelError, ClassifyError
        As `find_candidates`.
    """
    preparation = parameters.preparation(parameters.candidates)
    # One walk over the matrix for all parts; what is sent away are the few columns that any keeps.
    found = fit_pipelines(data, [part.train for part in parts], preparation, mapper)
    few, pipelines = narrowed(data.with_features("betas"), found)
    task = partial(_order_part, few, excluded, parameters)
    return mapper(task, list(zip(parts, pipelines, strict=True)), progress)


def order_all(
    data: TrainingData, excluded: Mapping[str, str], parameters: PanelParameters
) -> Ordered:
    """Order the CpGs on all samples, for the panel that is used."""
    rows = np.arange(len(data.y))
    cpgs, effects = _order(find_candidates(data, rows, parameters), excluded, parameters)
    return Ordered(None, None, None, cpgs, effects)


def fold_panels(
    orders: Sequence[Ordered], assay: Assay, size: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Choose an assay panel from the order of each part.

    A panel chosen on all samples must not be judged on any of them; these stand in for it.

    Returns
    -------
    panels : pl.DataFrame
        (repeat, outer_fold, inner_fold, order, probe_id, amplicon).
    left_out : pl.DataFrame
        (repeat, outer_fold, inner_fold, order, probe_id, reason).

    Raises
    ------
    PanelError
        As `assay_panel`.
    """
    chosen, left = [], []
    for of in orders:
        panel = assay.choose(of.cpgs, of.effects, size)
        here = [pl.lit(getattr(of, name), kind).alias(name) for name, kind in FOLD_SCHEMA.items()]
        chosen.append(panel.targets.select(*here, "order", "probe_id", "amplicon"))
        left.append(panel.left_out.select(*here, *LEFT_OUT_SCHEMA))
    return pl.concat(chosen), pl.concat(left)


def _order_part(
    data: TrainingData,
    excluded: Mapping[str, str],
    parameters: PanelParameters,
    item: tuple[Part, Pipeline],
) -> Ordered:
    part, pipeline = item
    candidates = candidates_of(data, part.train, pipeline)
    cpgs, effects = _order(candidates, excluded, parameters)
    return Ordered(part.repeat, part.outer_fold, part.inner_fold, cpgs, effects)


def _order(
    candidates: Candidates, excluded: Mapping[str, str], parameters: PanelParameters
) -> tuple[pl.DataFrame, pl.DataFrame]:
    importance = importance_of(candidates, parameters)
    barred = pl.col("probe_id").is_in(list(excluded))
    if importance.filter(~barred).is_empty():
        raise PanelError(
            f"all of {len(candidates.pipeline.probe_ids)} candidate CpGs are excluded: look at the"
            " masks of the assays"
        )
    # A CpG that cannot be measured must not stand for those that vary as it does.
    ordered = order_cpgs(candidates, importance.filter(~barred), parameters).select("probe_id")
    last = importance.filter(barred).select(pl.col("probe_id").unique(maintain_order=True))
    column = {name: at for at, name in enumerate(candidates.pipeline.probe_ids.tolist())}
    names = ordered["probe_id"].to_list()
    effects = class_effects(
        candidates.features[:, [column[name] for name in names]],
        candidates.codes,
        candidates.classes.tolist(),
        names,
    )
    return pl.concat([ordered, last]), effects.select("probe_id", "class", "difference")
