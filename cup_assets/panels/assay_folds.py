"""Assay panels chosen inside training parts, by which the choice on all samples is judged.

Belongs here: the parts, the order in which CpGs are wanted in each, and the choice of every
technology from it. Does not belong here: what a technology can measure (assay), how good the panels
are (assay_accuracy).

CpGs are wanted in the order in which they together separate the most classes (`separation`): the
panels of light technologies are so small that each CpG has to add what the others do not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Floats, Ints, TrainingData
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.classify.pipeline import Pipeline, fit_pipelines, narrowed
from cup_assets.classify.tuned import one_thread
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay import LEFT_OUT_SCHEMA, AssayPanel, assay_panel, unfit_cpgs
from cup_assets.panels.importance import (
    Candidates,
    candidates_of,
    find_candidates,
)
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.separation import pair_separation, separating
from cup_assets.panels.technology import Technology
from cup_assets.panels.univariate import class_effects

# Squared distance from which a pair of classes is not confused any more: more is no use.
_ENOUGH = 25.0
FOLD_SCHEMA = {"repeat": pl.Int64, "outer_fold": pl.Int64, "inner_fold": pl.Int64}


@dataclass(frozen=True, eq=False)
class Assay:
    """What is to be measured how; the arguments of `assay_panel` that do not depend on samples."""

    technology: Technology
    places: pl.DataFrame
    excluded: Mapping[str, str]
    size: int
    build: str = "hg38"
    material: str = "FFPE"

    def choose(
        self, ordered: Sequence[str], effects: pl.DataFrame, size: int | None = None
    ) -> AssayPanel:
        """Choose from CpGs in the order in which they are wanted (`assay_panel`)."""
        names = pl.DataFrame({"probe_id": ordered}, schema={"probe_id": pl.String})
        return assay_panel(
            names, self.places, effects, self.excluded, self.technology, size or self.size,
            self.build, self.material,
        )  # fmt: skip

    def fit(self, names: Sequence[str], effects: pl.DataFrame) -> list[str]:
        """Return the CpGs that could be measured, in the order given."""
        frame = pl.DataFrame({"probe_id": names}, schema={"probe_id": pl.String})
        unfit = unfit_cpgs(frame, self.places, effects, self.excluded, self.technology, self.build)
        return [name for name in names if name not in unfit]

    def among(self, names: Sequence[str]) -> Assay:
        """Return the same with the places and reasons of these CpGs only."""
        return replace(
            self,
            places=self.places.filter(pl.col("probe_id").is_in(list(names))),
            excluded={name: self.excluded[name] for name in names if name in self.excluded},
        )


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
class Choices:
    """What one technology would measure, by the training part that chose it.

    Attributes
    ----------
    panels
        (repeat, outer_fold, inner_fold, order, probe_id, amplicon).
    left_out
        (repeat, outer_fold, inner_fold, order, probe_id, reason).
    refused
        Why some part has no panel; None: all have one.
    """

    panels: pl.DataFrame
    left_out: pl.DataFrame
    refused: str | None


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


def choose_in_parts(
    data: TrainingData,
    parts: Sequence[Part],
    assays: Sequence[Assay],
    parameters: PanelParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> list[Choices]:
    """Choose the panel of every assay in each part, from its training samples alone.

    A panel chosen on all samples must not be judged on any of them; these stand in for it.

    Parameters
    ----------
    parameters
        ``candidates`` most variable CpGs of a part are chosen from; those that vary alike inside
        the classes (``correlated``) are represented by one as long as others are left.

    Returns
    -------
    list of Choices
        In the order of the assays.

    Raises
    ------
    PanelError, ClassifyError
        As `candidates_of`.
    """
    preparation = parameters.preparation(parameters.candidates)
    # One walk over the matrix for all parts; what is sent away are the few columns that any keeps.
    found = fit_pipelines(data, [part.train for part in parts], preparation, mapper)
    few, pipelines = narrowed(data.with_features("betas"), found)
    own = [assay.among(few.probe_ids.tolist()) for assay in assays]
    task = partial(_choose_in_part, few, own, parameters)
    done = mapper(task, list(zip(parts, pipelines, strict=True)), progress)
    return [_collected([of_part[at] for of_part in done]) for at in range(len(assays))]


def choose_on_all(
    data: TrainingData, assays: Sequence[Assay], parameters: PanelParameters
) -> list[AssayPanel | PanelError]:
    """Choose on all samples the panel of every assay that is used, or say why there is none."""
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    return choose_among(candidates, _pairs(candidates.codes), assays, parameters)


_Part = tuple[pl.DataFrame, pl.DataFrame] | PanelError


def _choose_in_part(
    data: TrainingData,
    assays: Sequence[Assay],
    parameters: PanelParameters,
    item: tuple[Part, Pipeline],
) -> list[_Part]:
    part, pipeline = item
    here = [pl.lit(getattr(part, name), kind).alias(name) for name, kind in FOLD_SCHEMA.items()]
    result: list[_Part] = []
    candidates = candidates_of(data, part.train, pipeline)
    for panel in choose_among(candidates, _pairs(candidates.codes), assays, parameters):
        if isinstance(panel, PanelError):
            result.append(panel)
        else:
            chosen = panel.targets.select(*here, "order", "probe_id", "amplicon")
            result.append((chosen, panel.left_out.select(*here, *LEFT_OUT_SCHEMA)))
    return result


def _collected(parts: Sequence[_Part]) -> Choices:
    known = [part for part in parts if not isinstance(part, PanelError)]
    refused = [str(part) for part in parts if isinstance(part, PanelError)]
    none = pl.DataFrame()
    return Choices(
        pl.concat([panels for panels, _ in known]) if known else none,
        pl.concat([left_out for _, left_out in known]) if known else none,
        refused[0] if refused else None,
    )


def choose_among(
    candidates: Candidates, pairs: Ints, assays: Sequence[Assay], parameters: PanelParameters
) -> list[AssayPanel | PanelError]:
    """Choose the panel of every assay from candidates, or say why there is none.

    Parameters
    ----------
    pairs : int64[m, 2]
        Codes of the classes to tell apart.
    """
    names = candidates.pipeline.probe_ids.tolist()
    result: list[AssayPanel | PanelError] = []
    # More threads would change the order of additions, and with it that of near-equals.
    with one_thread():
        effects = class_effects(
            candidates.features, candidates.codes, candidates.classes.tolist(), names
        )
        apart = pair_separation(candidates.features, candidates.codes, pairs)
        for assay in assays:
            fit = assay.fit(names, effects)
            order = _order(candidates, fit, pairs, apart, assay, parameters.correlated)
            try:
                result.append(assay.choose(order, effects))
            except PanelError as error:
                # One technology that measures nothing here must not take the others with it.
                result.append(error)
    return result


def _order(
    candidates: Candidates,
    fit: Sequence[str],
    pairs: Ints,
    apart: Floats,
    assay: Assay,
    correlated: float,
) -> list[str]:
    """Order the CpGs that can be measured so that the first together separate all classes.

    After as many as can be needed come the others by what each separates by itself, and last those
    that cannot be measured, to be named.
    """
    names = candidates.pipeline.probe_ids.tolist()
    position = {name: at for at, name in enumerate(names)}
    at = np.array([position[name] for name in fit], dtype=np.int64)
    needed = min(len(fit), 2 * assay.size + assay.technology.look_ahead)
    chosen: Ints = np.empty(0, dtype=np.int64)
    if needed:
        first, _ = separating(
            candidates.features[:, at], candidates.codes, pairs, needed, correlated
        )
        chosen = at[first]
    strength = np.minimum(apart, _ENOUGH).sum(axis=0)
    is_fit = np.zeros(len(names), dtype=bool)
    is_fit[at] = True
    rest = np.lexsort((np.arange(len(names)), -strength, ~is_fit))
    taken = set(chosen.tolist())
    return [names[i] for i in (*chosen.tolist(), *(i for i in rest.tolist() if i not in taken))]


def _pairs(codes: Ints) -> Ints:
    """Return all pairs of classes; one of a single sample has no variance, but still a mean."""
    present = np.unique(codes).tolist()
    return np.array([(i, j) for i in present for j in present if i < j], dtype=np.int64).reshape(
        -1, 2
    )
