"""How often a panel would be right if a technology measured it instead of an array.

Belongs here: the light classifier that knows missing CpGs, and the simulated measurement of test
samples. Does not belong here: the choice of CpGs (assay_folds), the noise itself (noise).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.nested import OuterFold
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay_folds import used_splits
from cup_assets.panels.curve import panel_classifier
from cup_assets.panels.noise import measured_by, only_some
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import Technology

ARRAY = "array"
ACCURACY_METRICS = ("accuracy", "macro_f1", "log_loss")
ACCURACY_SCHEMA = {
    "technology": pl.String,
    "measured": pl.Int64,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


@dataclass(frozen=True)
class Simulation:
    """How measurements are simulated.

    Attributes
    ----------
    draws
        Simulated measurements of each test sample.
    masked_copies
        Copies of each training sample of which a random number of CpGs is hidden, beside itself:
        so the classifier learns not to rely on any single CpG.
    """

    draws: int = 5
    masked_copies: int = 4

    def __post_init__(self) -> None:
        if self.draws < 1 or self.masked_copies < 0:
            raise PanelError(
                f"draws is {self.draws}, masked_copies {self.masked_copies}: give at least 1 and 0"
            )


def expected_accuracy(
    data: TrainingData,
    folds: pl.DataFrame,
    panels: pl.DataFrame,
    technology: Technology,
    measured: tuple[int, ...],
    parameters: PanelParameters,
    simulation: Simulation | None = None,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Judge the panels of the folds when only some of their CpGs are measured, and with noise.

    In each outer fold the light classifier of the panel curve learns from the clean betas of the
    training part, and from copies with CpGs hidden at random; the test samples are measured by the
    technology (`measured_by`), and of their panel only k CpGs, drawn anew for each sample, are
    used. A missing CpG is filled in by its mean in the training part.

    Parameters
    ----------
    data, folds, parameters
        As for `panel_curve`.
    panels
        (repeat, outer_fold, order, probe_id, amplicon), chosen in the training part of each fold
        by `cup_assets.panels.assay_folds.fold_panels`.
    technology
    measured
        Numbers k of CpGs that are measured; some of these still give no value, by the technology's
        dropout.
    simulation
        Default: `Simulation()`.
    mapper, progress
        Run and report the outer folds.

    Returns
    -------
    pl.DataFrame
        (technology, measured, metric, value, low, high): accuracy, macro F1 and log loss pooled
        over folds and draws, with 95 % bootstrap intervals over patients, of the technology and,
        as ``array``, of the same CpGs without noise. Scores are not calibrated.

    Raises
    ------
    PanelError
        Where a fold has no panel, its panel fewer CpGs than are to be measured, or a CpG that its
        training part does not know.
    ClassifyError
        Where folds and data do not fit.
    """
    if not measured or min(measured) < 1 or list(measured) != sorted(set(measured)):
        raise PanelError(f"measured is {measured}: give distinct numbers from 1, ascending")
    used = simulation or Simulation()
    task = _Judgement(data, panels, technology, measured, parameters, used)
    parts = mapper(task.run, used_splits(data, folds, parameters), progress)
    return _summary(pl.concat(parts), data.truth(), technology.name, measured, parameters)


@dataclass(frozen=True, eq=False)
class _Judgement:
    """Measuring and scoring the test samples: work on one outer fold that can be sent away."""

    data: TrainingData
    panels: pl.DataFrame
    technology: Technology
    measured: tuple[int, ...]
    parameters: PanelParameters
    simulation: Simulation

    def run(self, split: OuterFold) -> pl.DataFrame:
        """Return (technology, measured, repeat, sample_id, class, score)."""
        from threadpoolctl import threadpool_limits

        some, amplicons = self._panel(split)
        with threadpool_limits(1):
            pipeline = fit_pipeline(some, split.train, self.parameters.preparation(len(amplicons)))
            if lost := sorted(set(some.probe_ids.tolist()) - set(pipeline.probe_ids.tolist())):
                raise PanelError(
                    f"{_name(split)}: {lost[0]} is missing too often, or does not vary, in the"
                    " training part: choose the panel there"
                )
            model = self._fit(some, split, pipeline)
            # The pipeline may hold the CpGs in another order.
            betas = some.X[np.ix_(split.test, pipeline.columns)]
            tables = []
            for draw in range(self.simulation.draws):
                seed = self._seed(split, 1, draw)
                noisy = measured_by(self.technology, betas, seed, amplicons[pipeline.columns])
                for name, values in ((ARRAY, betas), (self.technology.name, noisy)):
                    for k in self.measured:
                        kept = only_some(values, k, self._seed(split, 2, draw))
                        features = _features(pipeline, some, split.test, kept)
                        scores = self._scores(model, split, features)
                        tables.append(self._table(name, k, split, draw, scores))
        return pl.concat(tables)

    def _panel(self, split: OuterFold) -> tuple[TrainingData, Strings]:
        """Return the data of the fold's panel, and the amplicon of each of its CpGs."""
        panel = self.panels.filter(
            (pl.col("repeat") == split.repeat) & (pl.col("outer_fold") == split.outer_fold)
        ).sort("order")
        if panel.is_empty():
            raise PanelError(f"{_name(split)} has no panel: choose one in its training part")
        if panel.height < max(self.measured):
            raise PanelError(
                f"{_name(split)}: its panel has {panel.height} CpGs, of which"
                f" {max(self.measured)} cannot be measured: ask for fewer"
            )
        column = {name: at for at, name in enumerate(self.data.probe_ids.tolist())}
        names = panel["probe_id"].to_list()
        if unknown := [name for name in names if name not in column]:
            raise PanelError(f"{_name(split)}: {unknown[0]} of its panel is not in the data")
        betas = self.data.with_features("betas")
        X = betas.X[:, [column[name] for name in names]]
        return replace(betas, X=X, probe_ids=np.array(names)), panel["amplicon"].to_numpy()

    def _fit(self, some: TrainingData, split: OuterFold, pipeline: Pipeline) -> LinearModel:
        """Learn from the training samples as they are, and from copies with CpGs hidden."""
        betas = some.X[np.ix_(split.train, pipeline.columns)]
        n, q = betas.shape
        parts = [betas]
        for copy in range(self.simulation.masked_copies):
            seed = self._seed(split, 0, copy)
            kept = np.random.default_rng(seed).integers(1, q + 1, size=(n, 1))
            parts.append(only_some(betas, kept, (*seed, 1)))
        features = np.vstack([_features(pipeline, some, split.train, part) for part in parts])
        _, codes = np.unique(some.y[split.train], return_inverse=True)
        # Copies are no further evidence: all of a sample weigh together as much as itself.
        c = self.parameters.panel_c / len(parts)
        return panel_classifier(features, np.tile(codes, len(parts)), int(codes.max()) + 1, c)

    def _scores(self, model: LinearModel, split: OuterFold, features: Features) -> Floats:
        """Return scores of all classes of the data; those absent from training score 0."""
        classes = np.unique(self.data.y)
        present = np.searchsorted(classes, np.unique(self.data.y[split.train]))
        scores = np.zeros((len(features), len(classes)))
        scores[:, present] = model.scores(features)
        return scores

    def _table(
        self, name: str, k: int, split: OuterFold, draw: int, scores: Floats
    ) -> pl.DataFrame:
        classes, names = np.unique(self.data.y), self.data.sample_ids[split.test]
        return pl.DataFrame(
            {
                "technology": [name] * scores.size,
                "measured": [k] * scores.size,
                # Every draw judges every sample: each counts as a repeat.
                "repeat": [split.repeat * self.simulation.draws + draw] * scores.size,
                "sample_id": np.repeat(names, len(classes)).tolist(),
                "class": np.tile(classes, len(names)).tolist(),
                "score": scores.ravel(),
            }
        )

    def _seed(self, split: OuterFold, purpose: int, number: int) -> tuple[int, ...]:
        return (self.parameters.seed, split.repeat, split.outer_fold, purpose, number)


def _features(pipeline: Pipeline, some: TrainingData, rows: Ints, betas: Features) -> Features:
    """Fill in and adjust betas of the pipeline's CpGs, of some rows of the data."""
    return pipeline.features(betas, some.levels(pipeline.factors, rows))


def _name(split: OuterFold) -> str:
    return f"repeat {split.repeat}, outer fold {split.outer_fold}"


def _summary(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    technology: str,
    measured: tuple[int, ...],
    parameters: PanelParameters,
) -> pl.DataFrame:
    rows = []
    for name in (ARRAY, technology):
        for k in measured:
            some = scores.filter((pl.col("technology") == name) & (pl.col("measured") == k))
            table = metrics(
                some.with_columns(pl.col("score").alias("raw_score")),
                truth,
                parameters.seed,
                parameters.bootstraps,
            )
            kept = table.filter(
                pl.col("metric").is_in(ACCURACY_METRICS) & pl.col("class").is_null()
            )
            rows += [
                (name, k, metric, value, low, high)
                for metric, _, value, low, high in kept.iter_rows()
            ]
    return pl.DataFrame(rows, schema=ACCURACY_SCHEMA, orient="row")
