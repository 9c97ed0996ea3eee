"""Assay panels chosen inside training folds, by which the choice on all samples is judged.

Belongs here: the choice in each fold. Does not belong here: the choice itself (assay), how good the
panels are (assay_accuracy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay import LEFT_OUT_SCHEMA, assay_panel
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.select import order_cpgs
from cup_assets.panels.technology import Technology
from cup_assets.panels.univariate import class_effects


def fold_panels(
    data: TrainingData,
    folds: pl.DataFrame,
    places: pl.DataFrame,
    excluded: Mapping[str, str],
    technology: Technology,
    size: int,
    parameters: PanelParameters,
    build: str = "hg38",
    material: str = "FFPE",
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Choose an assay panel in the training part of each outer fold, to be judged on the others.

    A panel chosen on all samples must not be judged on any of them; these stand in for it.

    Parameters
    ----------
    data, folds, parameters
        As for `panel_curve`.
    places, excluded, technology, size, build, material
        As for `assay_panel`.

    Returns
    -------
    panels : pl.DataFrame
        (repeat, outer_fold, order, probe_id, amplicon).
    left_out : pl.DataFrame
        (repeat, outer_fold, order, probe_id, reason).

    Raises
    ------
    PanelError, ClassifyError
        As `panel_curve` and `assay_panel`.
    """
    task = _Choice(data, places, excluded, technology, size, parameters, build, material)
    parts = mapper(task.run, used_splits(data, folds, parameters), progress)
    return pl.concat([part[0] for part in parts]), pl.concat([part[1] for part in parts])


def used_splits(
    data: TrainingData, folds: pl.DataFrame, parameters: PanelParameters
) -> list[OuterFold]:
    """Return the outer folds of the repeats that count."""
    splits = outer_folds(data, folds)
    used = sorted({split.repeat for split in splits})[: parameters.max_repeats]
    if not used:
        raise PanelError("the folds hold no outer fold to judge panels on")
    return [split for split in splits if split.repeat in used]


@dataclass(frozen=True, eq=False)
class _Choice:
    """The choice of a panel, as picklable work on one outer fold."""

    data: TrainingData
    places: pl.DataFrame
    excluded: Mapping[str, str]
    technology: Technology
    size: int
    parameters: PanelParameters
    build: str
    material: str

    def run(self, split: OuterFold) -> tuple[pl.DataFrame, pl.DataFrame]:
        candidates = find_candidates(self.data, split.train, self.parameters)
        importance = importance_of(candidates, self.parameters)
        ordered = order_cpgs(candidates, importance, self.parameters)
        effects = class_effects(
            candidates.features,
            candidates.codes,
            candidates.classes.tolist(),
            candidates.pipeline.probe_ids.tolist(),
        )
        panel = assay_panel(
            ordered,
            self.places,
            effects,
            self.excluded,
            self.technology,
            self.size,
            self.build,
            self.material,
        )
        fold = [
            pl.lit(split.repeat, pl.Int64).alias("repeat"),
            pl.lit(split.outer_fold, pl.Int64).alias("outer_fold"),
        ]
        return (
            panel.targets.select(*fold, "order", "probe_id", "amplicon"),
            panel.left_out.select(*fold, *LEFT_OUT_SCHEMA),
        )
