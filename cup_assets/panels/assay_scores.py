"""Held-out samples, measured by a technology and scored by classifiers that never saw them.

Belongs here: simulated measurements, raw scores, and their calibration inside each training part.
Does not belong here: the choice of CpGs (assay_folds), metrics (assay_accuracy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cup_assets.classify.calibrate import Calibrator, fit_calibrator
from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.nested import OuterFold
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.classify.tuned import one_thread
from cup_assets.panels.assay_folds import Part, parts_of
from cup_assets.panels.masked import Simulation, fit_masked
from cup_assets.panels.noise import measured_by, only_some
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import ARRAY, Technology

# Least raw score that a calibrator tells from zero, as for logistic regression on many CpGs.
FLOOR = 1e-9
_LEARN, _MEASURE, _HIDE = 0, 1, 2  # what a seed is for


@dataclass(frozen=True, eq=False)
class Judge:
    """Measures and scores the held-out samples of parts: work that can be sent away.

    Attributes
    ----------
    data
    panels
        (repeat, outer_fold, inner_fold, order, probe_id, amplicon): the choice in each part
        (`cup_assets.panels.assay_folds.fold_panels`).
    technology
    measured
        Numbers k of CpGs that are measured.
    parameters
    simulation
    evaluation
        Of the calibrators.
    """

    data: TrainingData
    panels: pl.DataFrame
    technology: Technology
    measured: tuple[int, ...]
    parameters: PanelParameters
    simulation: Simulation
    evaluation: EvaluationParameters

    def outer(self, split: OuterFold) -> pl.DataFrame:
        """Score the test samples of an outer fold, calibrated inside its training part.

        Returns
        -------
        pl.DataFrame
            (measured_by, measured, repeat, sample_id, class, raw_score, score): by the technology,
            and by the array with the same CpGs.
        """
        whole, *inner = parts_of([split])
        fitted = self.fit(whole)
        ways = {technology.name: technology for technology in (ARRAY, self.technology)}
        tables = []
        without = [self.fit(part) for part in inner]
        with one_thread():
            for name, technology in ways.items():
                calibrator = self._calibrator(whole, without, technology)
                for draw in range(self.simulation.draws):
                    betas = fitted.measured(self, technology, draw)
                    for k in self.measured:
                        kept = only_some(betas, k, self.seed(whole, _HIDE, draw))
                        raw = fitted.scores(kept)
                        tables.append(
                            self._table(name, k, whole, draw, raw, calibrator.scores(raw))
                        )
        return pl.concat(tables)

    def uncalibrated(self, part: Part) -> pl.DataFrame:
        """Score the held-out samples of a part by their whole panel; the frame is that of `outer`.

        Scores are raw ones in both columns: there is nothing to calibrate them on.
        """
        fitted = self.fit(part)
        tables = []
        with one_thread():
            for name, technology in {t.name: t for t in (ARRAY, self.technology)}.items():
                for draw in range(self.simulation.draws):
                    raw = fitted.scores(fitted.measured(self, technology, draw))
                    k = len(fitted.amplicons)
                    tables.append(self._table(name, k, part, draw, raw, raw))
        return pl.concat(tables)

    def held_out(self, part: Part, technology: Technology) -> Floats:
        """Return raw scores float64[held, k] of the held-out samples, each measured once.

        Columns are the classes of the part, sorted.
        """
        return self._once(self.fit(part), technology)

    def _once(self, fitted: _Fitted, technology: Technology) -> Floats:
        with one_thread():
            return fitted.scores(fitted.measured(self, technology, 0))

    def fit(self, part: Part) -> _Fitted:
        """Fit the classifier of a part on the CpGs that were chosen there."""
        some, amplicons = self._panel(part)
        with one_thread():
            pipeline = fit_pipeline(some, part.train, self.parameters.preparation(len(amplicons)))
            if lost := sorted(set(some.probe_ids.tolist()) - set(pipeline.probe_ids.tolist())):
                raise PanelError(
                    f"{_name(part)}: {lost[0]} is missing too often, or does not vary, in the"
                    " training part: choose the panel there"
                )
            model = fit_masked(
                some, part.train, pipeline, self.simulation.masked_copies, self.parameters.panel_c,
                self.seed(part, _LEARN),
            )  # fmt: skip
        # The pipeline may hold the CpGs in another order.
        return _Fitted(some, part, pipeline, model, amplicons[pipeline.columns])

    def seed(self, part: Part, purpose: int, number: int = 0) -> tuple[int, ...]:
        """Return the seed of what is random in a part."""
        inner = 0 if part.inner_fold is None else part.inner_fold + 1
        return (self.parameters.seed, part.repeat, part.outer_fold, inner, purpose, number)

    def _calibrator(
        self, whole: Part, without: Sequence[_Fitted], technology: Technology
    ) -> Calibrator:
        """Calibrate on samples of the training part, each scored by a fit on the other groups."""
        classes, codes = np.unique(self.data.y[whole.train], return_inverse=True)
        position = np.full(len(self.data.y), -1, dtype=np.int64)
        position[whole.train] = np.arange(len(whole.train))
        raw = np.zeros((len(whole.train), len(classes)))
        groups = np.zeros(len(whole.train), dtype=np.int64)
        for number, fitted in enumerate(without):
            here = position[fitted.part.held]
            present = np.searchsorted(classes, np.unique(self.data.y[fitted.part.train]))
            raw[np.ix_(here, present)] = self._once(fitted, technology)
            groups[here] = number
        return fit_calibrator(raw, codes.astype(np.int64), groups, self.evaluation, FLOOR)

    def _panel(self, part: Part) -> tuple[TrainingData, Strings]:
        """Return the data of the part's panel, and the amplicon of each of its CpGs."""
        panel = self.panels.filter(
            (pl.col("repeat") == part.repeat)
            & (pl.col("outer_fold") == part.outer_fold)
            & pl.col("inner_fold").eq_missing(part.inner_fold)
        ).sort("order")
        if panel.is_empty():
            raise PanelError(f"{_name(part)} has no panel: choose one in its training part")
        if part.inner_fold is None and panel.height < max(self.measured):
            raise PanelError(
                f"{_name(part)}: its panel has {panel.height} CpGs, of which"
                f" {max(self.measured)} cannot be measured: ask for fewer"
            )
        return of_panel(self.data, panel["probe_id"].to_list()), panel["amplicon"].to_numpy()

    def _table(
        self, name: str, k: int, part: Part, draw: int, raw: Floats, score: Floats
    ) -> pl.DataFrame:
        classes, names = np.unique(self.data.y), self.data.sample_ids[part.held]
        # Classes that are absent from training score 0.
        present = np.searchsorted(classes, np.unique(self.data.y[part.train]))
        full = np.zeros((2, len(names), len(classes)))
        full[:, :, present] = raw, score
        return pl.DataFrame(
            {
                "measured_by": [name] * raw.shape[0] * len(classes),
                "measured": [k] * raw.shape[0] * len(classes),
                # Every draw judges every sample: each counts as a repeat.
                "repeat": [part.repeat * self.simulation.draws + draw] * full[0].size,
                "sample_id": np.repeat(names, len(classes)).tolist(),
                "class": np.tile(classes, len(names)).tolist(),
                "raw_score": full[0].ravel(),
                "score": full[1].ravel(),
            }
        )


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The classifier of a part, and the amplicon of each CpG of its pipeline."""

    some: TrainingData
    part: Part
    pipeline: Pipeline
    model: LinearModel
    amplicons: Strings

    def measured(self, judge: Judge, technology: Technology, draw: int) -> Features:
        """Return betas float32[held, q] as the technology might measure the held-out samples."""
        betas = self.some.X[np.ix_(self.part.held, self.pipeline.columns)]
        return measured_by(technology, betas, judge.seed(self.part, _MEASURE, draw), self.amplicons)

    def scores(self, betas: Features) -> Floats:
        levels = self.some.levels(self.pipeline.factors, self.part.held)
        return self.model.scores(self.pipeline.features(betas, levels))


def of_panel(data: TrainingData, names: Sequence[str]) -> TrainingData:
    """Return the same samples with the betas of the named CpGs, in their order.

    Raises
    ------
    PanelError
        Where the data lack one.
    """
    column = {name: at for at, name in enumerate(data.probe_ids.tolist())}
    if unknown := [name for name in names if name not in column]:
        raise PanelError(f"{unknown[0]} of the panel is not in the data")
    betas = data.with_features("betas")
    at: Ints = np.array([column[name] for name in names], dtype=np.int64)
    return replace(betas, X=betas.X[:, at], probe_ids=np.array(list(names)))


def of_panels(data: TrainingData, panels: pl.DataFrame) -> TrainingData:
    """Return the data of the CpGs that are in any of the panels: what a `Judge` needs."""
    return of_panel(data, panels["probe_id"].unique(maintain_order=True).to_list())


def _name(part: Part) -> str:
    inner = "" if part.inner_fold is None else f", inner fold {part.inner_fold}"
    return f"repeat {part.repeat}, outer fold {part.outer_fold}{inner}"
