"""What models say of the candidates on patients that they have not learnt from.

Belongs here: dividing the patients, and one part's forest and elastic nets. Does not belong here:
shuffling (`permutation`), SHAP values (`cup_assets.classify.explain_trees`), and tables of it all
(`model_importance`).

Impurity and coefficients praise a CpG for what it fits; on held-out patients it counts for what it
tells. Filling and the adjustment for material, which knows the classes, are learnt anew from each
training part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.explain_trees import explain_forest
from cup_assets.classify.models.base import TrainingSet
from cup_assets.classify.models.elastic_net import elastic_net
from cup_assets.classify.models.random_forest import RANDOM_FOREST, Forest
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.compute import single_threaded
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.permutation import votes_lost

# Permutations that are averaged: one more halves little of what other patients would change.
_ROUNDS = 3
# A class that the training part lacks has no score; its log loss is that of this one.
_LEAST_SCORE = 1e-6


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the samples of one part say, summed over those of each class.

    Attributes
    ----------
    n : int64[k]
        Samples of each class.
    lost : float64[k, c]
        Votes for the right class that are lost with each cluster.
    shap : float64[k, q, k]
        By the class of the samples: absolute contribution of each candidate to the votes for each
        class.
    log_loss : float64[k, s]
        Of the elastic net with each strength.
    """

    n: Ints
    lost: Floats
    shap: Floats
    log_loss: Floats


def patient_folds(codes: Ints, patients: Strings, folds: int, seed: int) -> list[Ints]:
    """Divide the patients, those of each class (their first sample's) evenly.

    Returns
    -------
    list of int64
        Rows of each part; fewer parts than asked for where there are fewer patients.

    Raises
    ------
    PanelError
        With a single patient.
    """
    names, first, of = np.unique(patients, return_index=True, return_inverse=True)
    if len(names) < 2:
        raise PanelError("all samples are of one patient: none can be held out")
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    fold = np.empty(len(names), dtype=np.int64)
    fold[order] = np.arange(len(names)) % folds
    return [rows for at in range(folds) if (rows := np.flatnonzero(fold[of] == at)).size]


def hold_out(
    data: TrainingData, codes: Ints, clusters: Ints, parameters: PanelParameters, rows: Ints
) -> HeldOut:
    """Learn from all samples but ``rows``, and ask these.

    Parameters
    ----------
    data
        With the candidates as its probes.
    codes : int64[n]
        Class of each sample.
    clusters : int64[q]
        Cluster of each candidate, from 0.
    parameters
    rows
        Samples held out.
    """
    n_classes, n_clusters = int(codes.max()) + 1, int(clusters.max()) + 1
    training = np.setdiff1d(np.arange(len(codes)), rows)
    preparation = replace(parameters.preparation(len(clusters)), trees=parameters.trees)
    # More threads would change the order of additions, and with it the last bits.
    with single_threaded():
        pipeline = fit_pipeline(data, training, preparation)
        seen, unseen = (pipeline.features_of(data, some) for some in (training, rows))
        forest = grow_forest(seen, codes[training], n_classes, preparation)
        # A candidate that says nothing in the training part is not among the columns.
        columns = pipeline.columns
        lost = votes_lost(
            forest, unseen, codes[rows], clusters[columns], n_clusters,
            rounds=_ROUNDS, seed=parameters.seed,
        )  # fmt: skip
        found = np.zeros((n_classes, len(clusters), n_classes))
        explainer = explain_forest(forest)
        for row, code in zip(unseen, codes[rows].tolist(), strict=True):
            found[code][columns] += np.abs(explainer.contributions(row))
        losses = _log_losses(seen, codes[training], unseen, codes[rows], n_classes, parameters)
    member = np.eye(n_classes)[codes[rows]]
    return HeldOut(member.sum(axis=0).astype(np.int64), member.T @ lost, found, member.T @ losses)


def grow_forest(
    features: Features, codes: Ints, n_classes: int, preparation: EvaluationParameters
) -> Forest:
    """Grow the leaderboard's kind of forest, every tree on as many samples of each class."""
    (forest,) = RANDOM_FOREST.fit(
        TrainingSet(features, codes, n_classes), ({"features": 1.0},), preparation, preparation.seed
    )
    assert isinstance(forest, Forest)
    return forest


def elastic_nets(
    features: Features, codes: Ints, n_classes: int, parameters: PanelParameters
) -> tuple[list[tuple[Floats, Floats]], Floats, Floats]:
    """Fit the path of elastic nets to standardised candidates, all classes weighing the same.

    Returns
    -------
    fits, mean, spread
        Coefficients float64[q, k] (of standardised betas) and intercept float64[k] for each of
        the strengths; mean and standard deviation float64[q] of the candidates.
    """
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    weights = 1 / np.bincount(codes, minlength=n_classes)[codes]
    fits = elastic_net(
        (features - mean) / spread, codes, n_classes, weights,
        parameters.elastic_net_strengths, parameters.elastic_net_mix,
    )  # fmt: skip
    return fits, mean, spread


def _log_losses(
    seen: Features,
    codes: Ints,
    unseen: Features,
    wanted: Ints,
    n_classes: int,
    parameters: PanelParameters,
) -> Floats:
    """Return the log loss float64[m, s] of each held-out sample at each strength."""
    fits, mean, spread = elastic_nets(seen, codes, n_classes, parameters)
    rows = (unseen - mean) / spread
    losses = np.empty((len(unseen), len(fits)))
    for at, (coefficients, intercept) in enumerate(fits):
        logits = rows @ coefficients + intercept
        logits -= logits.max(axis=1, keepdims=True)
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        right = scores[np.arange(len(wanted)), wanted]
        losses[:, at] = -np.log(np.maximum(right, _LEAST_SCORE))
    return losses
