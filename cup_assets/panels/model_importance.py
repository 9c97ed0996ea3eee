"""How important each CpG is to fitted models: shuffled, by SHAP values, by sparse coefficients.

Belongs here: one score per CpG, method and class from models that are fitted to many CpGs at once.
Does not belong here: the quick scores that order panels inside training folds (`importance`), and
what one held-out part says (`held_out`).

The methods are:

- forest_permutation: share of a forest's votes for the right class that held-out samples lose when
  the CpG is shuffled among them, together with all CpGs of its cluster of correlated ones: the
  score is the cluster's, and all its members share score and rank.
- forest_shap: mean absolute SHAP value (exact TreeSHAP) of held-out samples in the same forest.
- elastic_net: absolute coefficient of the standardised beta in a multinomial logistic regression
  with an elastic-net penalty, as strong as held-out patients want it; most are zero.

Samples are held out by patient, and all classes count the same. Of ``forest_permutation`` the rows
of a class are about its samples, of ``forest_shap`` about the votes for it, of ``elastic_net``
about its coefficients; rows without class are the mean over classes, of ``elastic_net`` there are
none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.data import Floats, TrainingData
from cup_assets.compute import Mapper, serial, single_threaded
from cup_assets.panels.held_out import HeldOut, elastic_nets, hold_out, patient_folds
from cup_assets.panels.importance import IMPORTANCE_SCHEMA, Candidates
from cup_assets.panels.parameters import PanelParameters

MODEL_METHODS = ("forest_permutation", "forest_shap", "elastic_net")


@dataclass(frozen=True, eq=False)
class ModelImportance:
    """Scores by models.

    Attributes
    ----------
    table
        (probe_id, method, class, score, rank) as `importance` has them; equals share a rank.
    strength
        Of the elastic net's penalty, as a share of the least that leaves no coefficient.
    losses
        (strength, log_loss): mean over the classes of what held-out samples lose.
    """

    table: pl.DataFrame
    strength: float
    losses: pl.DataFrame


def model_importance(
    data: TrainingData,
    candidates: Candidates,
    clusters: dict[str, int],
    parameters: PanelParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> ModelImportance:
    """Score the candidates of all samples by models.

    Parameters
    ----------
    data
        What the candidates were found in, all rows.
    candidates
    clusters
        Cluster of correlated CpGs of each candidate, by name.
    parameters
    mapper, progress
        Work on and report the parts that are held out in turn.

    Raises
    ------
    PanelError
        With a single patient.
    """
    columns, codes = candidates.pipeline.columns, candidates.codes
    names, k = candidates.pipeline.probe_ids.tolist(), len(candidates.classes)
    _, cluster = np.unique([clusters[name] for name in names], return_inverse=True)
    narrow = replace(data, X=data.X[:, columns], probe_ids=data.probe_ids[columns])
    parts: list[HeldOut] = mapper(
        partial(hold_out, narrow, codes, cluster, parameters),
        patient_folds(codes, data.patient, parameters.importance_folds, parameters.seed),
        progress,
    )
    n = np.sum([part.n for part in parts], axis=0)
    lost = np.sum([part.lost for part in parts], axis=0) / n[:, None]
    shap = (np.sum([part.shap for part in parts], axis=0) / n[:, None, None]).mean(axis=0)
    losses = (np.sum([part.log_loss for part in parts], axis=0) / n[:, None]).mean(axis=0)
    best = int(np.argmin(losses))
    with single_threaded():
        fits, _, _ = elastic_nets(candidates.features, codes, k, parameters)
    scores = (
        ("forest_permutation", lost[:, cluster], True),
        ("forest_shap", shap.T, True),
        ("elastic_net", np.abs(fits[best][0]).T, False),
    )
    frames = []
    for method, by_class, overall in scores:
        if overall:
            frames.append(_frame(names, method, None, by_class.mean(axis=0)))
        frames += [
            _frame(names, method, name, values)
            for name, values in zip(candidates.classes.tolist(), by_class, strict=True)
        ]
    strengths = parameters.elastic_net_strengths
    return ModelImportance(
        shared_ranks(pl.concat(frames)),
        strengths[best],
        pl.DataFrame({"strength": list(strengths), "log_loss": losses}),
    )


def shared_ranks(table: pl.DataFrame) -> pl.DataFrame:
    """Rank anew within method and class, 1 = most important: equals share the best of theirs.

    What a sparse model leaves out must not be ordered by chance.
    """
    return table.with_columns(
        pl.col("score").rank("min", descending=True).over("method", "class").alias("rank")
    ).cast(IMPORTANCE_SCHEMA)  # type: ignore[arg-type]


def _frame(names: list[str], method: str, of_class: str | None, values: Floats) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "probe_id": names,
            "method": [method] * len(names),
            "class": [of_class] * len(names),
            "score": values,
            "rank": [0] * len(names),
        },
        schema=IMPORTANCE_SCHEMA,
    )
