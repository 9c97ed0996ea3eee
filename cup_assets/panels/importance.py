"""How important each CpG is for telling the classes apart, by several methods.

Belongs here: one score per CpG and method from one training part. Does not belong here: combining
methods (select), correlation between CpGs (redundancy).

The methods are:

- anova_f: F statistic of the classes, CpG by CpG.
- pca_loading: variance of the CpG that the first principal components carry; knows no class.
- random_forest: mean decrease of Gini impurity in a class-balanced forest.
- logistic_coefficient: absolute coefficient times the CpG's standard deviation, per class, in a
  multinomial ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.models.linear import multinomial_ridge, row_space
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.compute import single_threaded
from cup_assets.panels.parameters import PanelError, PanelParameters

IMPORTANCE_SCHEMA = {
    "probe_id": pl.String,
    "method": pl.String,
    "class": pl.String,
    "score": pl.Float64,
    "rank": pl.Int64,
}


@dataclass(frozen=True, eq=False)
class Candidates:
    """The most variable CpGs of a training part, as the classifiers see them.

    Attributes
    ----------
    pipeline
        Filling and material adjustment, fitted on the part.
    features : float32[n, q]
        Betas after the pipeline.
    classes : str[k]
        Sorted.
    codes : int64[n]
        Position of each sample's class in ``classes``.
    """

    pipeline: Pipeline
    features: Features
    classes: Strings
    codes: Ints


def find_candidates(data: TrainingData, rows: Ints, parameters: PanelParameters) -> Candidates:
    """Prepare the candidates of the rows of a training part; no other row is read.

    Raises
    ------
    PanelError
        Where the part holds fewer than two classes.
    """
    pipeline = fit_pipeline(data, rows, parameters.preparation(parameters.candidates))
    return candidates_of(data, rows, pipeline)


def candidates_of(data: TrainingData, rows: Ints, pipeline: Pipeline) -> Candidates:
    """Return the candidates that a pipeline, fitted on these rows, has kept.

    Raises
    ------
    PanelError
        As `find_candidates`.
    """
    classes, codes = np.unique(data.y[rows], return_inverse=True)
    if len(classes) < 2:
        raise PanelError("CpGs are ranked by how they tell classes apart: one class is not enough")
    features = pipeline.features_of(data, rows)
    return Candidates(pipeline, features, classes, codes.astype(np.int64))


def importance(data: TrainingData, parameters: PanelParameters) -> pl.DataFrame:
    """Score the candidate CpGs on all samples.

    To judge what was chosen, choose inside training folds instead: `panel_curve`.

    Returns
    -------
    pl.DataFrame
        (probe_id, method, class, score, rank): rank 1 = most important within the method and
        class; class is null but for ``logistic_coefficient``.

    Raises
    ------
    PanelError
        With fewer than two classes.
    ClassifyError
        Where no probe is measured and varies.
    """
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    return importance_of(candidates, parameters)


def importance_of(candidates: Candidates, parameters: PanelParameters) -> pl.DataFrame:
    """Score candidates by every method; the frame is that of `importance`."""
    # More threads would change the order of additions, and with it the ranks of near-equals.
    with single_threaded():
        tables = {name: score(candidates, parameters) for name, score in _SCORES.items()}
    frames = []
    for method, scores in tables.items():
        names = candidates.classes.tolist() if len(scores) > 1 else [None]
        for name, values in zip(names, scores, strict=True):
            frames.append(
                pl.DataFrame(
                    {
                        "probe_id": candidates.pipeline.probe_ids.tolist(),
                        "method": [method] * len(values),
                        "class": [name] * len(values),
                        "score": values,
                        "rank": _ranks(values),
                    },
                    schema=IMPORTANCE_SCHEMA,
                )
            )
    return pl.concat(frames)


def _ranks(values: Floats) -> Ints:
    """Rank from 1 = largest; equals in the order of the probes."""
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks


def _anova_f(candidates: Candidates, parameters: PanelParameters) -> Floats:
    n, k = len(candidates.codes), len(candidates.classes)
    betas = candidates.features.astype(np.float64)
    betas -= betas.mean(axis=0)
    sizes = np.bincount(candidates.codes, minlength=k)
    means = np.array([betas[candidates.codes == code].mean(axis=0) for code in range(k)])
    between = (sizes[:, None] * means**2).sum(axis=0)
    within = np.maximum((betas**2).sum(axis=0) - between, 0)
    # A CpG that separates the classes without any spread stays finite.
    noise = np.maximum(within / max(n - k, 1), np.finfo(np.float32).eps)
    return np.asarray([between / (k - 1) / noise])


def _pca_loading(candidates: Candidates, parameters: PanelParameters) -> Floats:
    betas = candidates.features.astype(np.float64)
    betas -= betas.mean(axis=0)
    values, vectors = np.linalg.eigh(betas @ betas.T)
    first = vectors[:, values > values[-1] * 1e-10][:, -parameters.components :]
    # Squared loading times the component's variance: the projections of the CpG on the component.
    return np.asarray([((first.T @ betas) ** 2).sum(axis=0) / len(betas)])


def _random_forest(candidates: Candidates, parameters: PanelParameters) -> Floats:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        parameters.trees, class_weight="balanced_subsample", random_state=parameters.seed, n_jobs=1
    )
    forest.fit(candidates.features, candidates.codes)
    return np.asarray([forest.feature_importances_], dtype=np.float64)


def _logistic_coefficient(candidates: Candidates, parameters: PanelParameters) -> Floats:
    """Return one row a class: float64[k, q]."""
    space = row_space(candidates.features)
    n, k = len(candidates.codes), len(candidates.classes)
    weights = n / (k * np.bincount(candidates.codes)[candidates.codes])
    penalties = (parameters.logistic_c,)
    ((coefficients, intercept),) = multinomial_ridge(
        space.rotated, candidates.codes, k, penalties, weights
    )
    model = space.model(coefficients, intercept)
    # Centred: adding the same to all classes changes no score and must change no rank.
    centred = model.coefficients - model.coefficients.mean(axis=1, keepdims=True)
    spread = candidates.features.std(axis=0, dtype=np.float64)
    return np.asarray(np.abs(centred.T) * spread, dtype=np.float64)


_SCORES: dict[str, Callable[[Candidates, PanelParameters], Floats]] = {
    "anova_f": _anova_f,
    "pca_loading": _pca_loading,
    "random_forest": _random_forest,
    "logistic_coefficient": _logistic_coefficient,
}
METHODS = tuple(_SCORES)
