"""How performance falls as a panel gets smaller, with selection inside the training folds.

Belongs here: the folds' loop, the light classifier of a panel, the recommended size. Does not
belong here: ranking of CpGs, metrics, the models of the leaderboard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Ints, TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models.linear import LinearModel, multinomial_ridge
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.compute import Mapper, serial
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.select import order_cpgs

MODEL = "logistic_regression"
SELECTORS = ("ranked", "random", "top_variance")
CURVE_METRICS = ("error", "macro_f1", "log_loss")
CURVE_SCHEMA = {
    "model": pl.String,
    "selector": pl.String,
    "size": pl.Int64,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
CHOICE_SCHEMA = {
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "rank": pl.Int64,
    "probe_id": pl.String,
}


@dataclass(frozen=True)
class PanelCurve:
    """Performance against panel size.

    Attributes
    ----------
    curve
        (model, selector, size, metric, value, low, high): error, macro F1 and log loss pooled
        over the outer folds, with 95 % bootstrap intervals over patients. ``random`` is the mean
        over random panels.
    choices
        (repeat, outer_fold, rank, probe_id): the ordered CpGs of each fold, down to the largest
        panel.
    recommended
        Size by `recommended_size`.
    """

    curve: pl.DataFrame
    choices: pl.DataFrame
    recommended: int


def panel_curve(
    data: TrainingData,
    folds: pl.DataFrame,
    parameters: PanelParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> PanelCurve:
    """Judge panels of every size by cross-validation, choosing CpGs in each training part anew.

    Three selectors compete: ``ranked`` (`order_cpgs`), ``top_variance`` (the most variable CpGs)
    and ``random`` (drawn from all probes that are measured). Each panel is judged by a
    standardised multinomial logistic regression.

    Parameters
    ----------
    data
    folds
        (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme; within an outer fold,
        rows without inner fold are the test samples.
    parameters
    mapper, progress
        Run and report the outer folds.

    Raises
    ------
    PanelError
        Where a training part has fewer CpGs than the smallest panel.
    ClassifyError
        Where folds and data do not fit.
    """
    splits = outer_folds(data, folds)
    used = sorted({split.repeat for split in splits})[: parameters.max_repeats]
    splits = [split for split in splits if split.repeat in used]
    if not splits:
        raise PanelError("the folds hold no outer fold to judge panels on")
    parts = mapper(partial(_run_fold, data, parameters), splits, progress)
    scores = pl.concat([part[0] for part in parts])
    tested = sum(len(split.test) for split in splits) * len(np.unique(data.y))
    curve = _curve(scores, data.truth(), tested, parameters)
    choices = pl.concat([part[1] for part in parts])
    return PanelCurve(curve, choices, recommended_size(curve))


def recommended_size(curve: pl.DataFrame, selector: str = "ranked") -> int:
    """Return the size to use, by the one-standard-error rule.

    The smallest size whose error exceeds the lowest error of the selector by at most one standard
    error of that lowest error; the standard error is the width of its 95 % interval / 3.92.

    Raises
    ------
    PanelError
        If the curve has no error for the selector.
    """
    errors = curve.filter((pl.col("selector") == selector) & (pl.col("metric") == "error"))
    if errors.is_empty():
        raise PanelError(f"the curve holds no error of the selector {selector!r}")
    best = errors.sort("value", "size").row(0, named=True)
    allowed = best["value"] + (best["high"] - best["low"]) / 3.92
    sizes = errors.filter(pl.col("value") <= allowed + 1e-12)["size"].to_list()
    return int(min(sizes))


def panel_classifier(train: Features, codes: Ints, n_classes: int, c: float) -> LinearModel:
    """Fit multinomial logistic regression on standardised CpGs, as a model of plain betas."""
    centre = train.mean(axis=0, dtype=np.float64)
    spread = np.maximum(train.std(axis=0, dtype=np.float64), 1e-6)
    standard = (train - centre) / spread
    ((coefficients, intercept),) = multinomial_ridge(standard, codes, n_classes, (c,), None)
    plain = coefficients / spread[:, None]
    return LinearModel(plain, intercept - centre @ plain)


def _run_fold(
    data: TrainingData, parameters: PanelParameters, split: OuterFold
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return scores (selector, size, repeat, sample_id, class, score) and the ordered CpGs."""
    from threadpoolctl import threadpool_limits

    candidates = find_candidates(data, split.train, parameters)
    ranking = order_cpgs(candidates, importance_of(candidates, parameters), parameters)
    ordered = ranking["probe_id"].head(max(parameters.sizes)).to_list()
    position = {name: at for at, name in enumerate(candidates.pipeline.probe_ids.tolist())}
    held_out = candidates.pipeline.features_of(data, split.test)
    variance = candidates.features.var(axis=0, dtype=np.float64)
    task = _Task(data, split, candidates.codes, len(candidates.classes), parameters)
    tables = []
    with threadpool_limits(1):
        for selector, order in (
            ("ranked", np.array([position[name] for name in ordered])),
            ("top_variance", np.argsort(-variance, kind="stable")),
        ):
            tables += task.scored(selector, 0, candidates.features[:, order], held_out[:, order])
        for draw in range(parameters.random_draws):
            tables += task.scored("random", draw, *_random_features(data, split, parameters, draw))
    if not tables:
        raise PanelError(
            f"repeat {split.repeat}, outer fold {split.outer_fold}: {len(ordered)} CpGs vary in "
            f"the training part, too few for a panel of {parameters.sizes[0]}"
        )
    choices = pl.DataFrame(
        {
            "repeat": [split.repeat] * len(ordered),
            "outer_fold": [split.outer_fold] * len(ordered),
            "rank": range(1, len(ordered) + 1),
            "probe_id": ordered,
        },
        schema=CHOICE_SCHEMA,
    )
    return pl.concat(tables), choices


@dataclass(frozen=True, eq=False)
class _Task:
    """What the panels of one outer fold share."""

    data: TrainingData
    split: OuterFold
    codes: Ints
    n_classes: int
    parameters: PanelParameters

    def scored(
        self, selector: str, draw: int, train: Features, test: Features
    ) -> list[pl.DataFrame]:
        """Score the test samples by the first k columns, for every possible size k."""
        classes = np.unique(self.data.y)
        present = np.searchsorted(classes, np.unique(self.data.y[self.split.train]))
        names = self.data.sample_ids[self.split.test]
        sizes = [size for size in self.parameters.sizes if size <= train.shape[1]]
        tables = []
        for size in sizes:
            scores = np.zeros((len(names), len(classes)))
            scores[:, present] = self._fit(train[:, :size]).scores(test[:, :size])
            tables.append(
                pl.DataFrame(
                    {
                        "selector": [selector] * scores.size,
                        "size": [size] * scores.size,
                        # Every random panel judges every sample: each counts as a repeat.
                        "repeat": [self.split.repeat * self.parameters.random_draws + draw]
                        * scores.size,
                        "sample_id": np.repeat(names, len(classes)).tolist(),
                        "class": np.tile(classes, len(names)).tolist(),
                        "score": scores.ravel(),
                    }
                )
            )
        return tables

    def _fit(self, train: Features) -> LinearModel:
        return panel_classifier(train, self.codes, self.n_classes, self.parameters.panel_c)


def _random_features(
    data: TrainingData, split: OuterFold, parameters: PanelParameters, draw: int
) -> tuple[Features, Features]:
    """Return training and test features of CpGs drawn blindly, in random order.

    Twice as many as needed are drawn, because some are not measured or do not vary.
    """
    entropy = (parameters.seed, split.repeat, split.outer_fold, draw)
    generator = np.random.default_rng(entropy)
    p = data.X.shape[1]
    drawn = generator.permutation(p)[: 2 * max(parameters.sizes)]
    some = replace(data, X=data.X[:, drawn], probe_ids=data.probe_ids[drawn])
    pipeline = fit_pipeline(some, split.train, parameters.preparation(len(drawn)))
    return pipeline.features_of(some, split.train), pipeline.features_of(some, split.test)


def _curve(
    scores: pl.DataFrame, truth: pl.DataFrame, tested: int, parameters: PanelParameters
) -> pl.DataFrame:
    """Pool the folds; a size that some fold could not offer has no rows."""
    rows = []
    for selector in SELECTORS:
        for size in parameters.sizes:
            some = scores.filter((pl.col("selector") == selector) & (pl.col("size") == size))
            draws = parameters.random_draws if selector == "random" else 1
            if some.height < tested * draws:
                continue
            table = metrics(
                some.with_columns(pl.col("score").alias("raw_score")),
                truth,
                parameters.seed,
                parameters.bootstraps,
            )
            kept = table.filter(pl.col("metric").is_in(CURVE_METRICS) & pl.col("class").is_null())
            rows += [
                (MODEL, selector, size, metric, value, low, high)
                for metric, _, value, low, high in kept.iter_rows()
            ]
    return pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row")
