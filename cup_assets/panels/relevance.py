"""What is known of each candidate CpG beyond its scores: relevance, stability, direction, company.

Belongs here: putting together Boruta, stability selection, single tests, effects and clusters of
one set of candidates. Does not belong here: each of these, and the scores that order panels
(`importance`).

Candidates are the most variable CpGs, so that no label has chosen them: false-discovery rates and
Boruta's verdicts would mean nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Strings
from cup_assets.compute import Mapper, serial
from cup_assets.panels.boruta import BorutaSettings, boruta
from cup_assets.panels.importance import Candidates
from cup_assets.panels.parameters import PanelParameters
from cup_assets.panels.redundancy import redundancy
from cup_assets.panels.stability import Stability, stability
from cup_assets.panels.univariate import class_effects, class_tests, strongest

RELEVANCE_SCHEMA = {
    "probe_id": pl.String,
    "cluster": pl.Int64,
    "representative": pl.String,
    "correlation": pl.Float64,
    "verdict": pl.String,
    "boruta_importance": pl.Float64,
    "frequency": pl.Float64,
    "frequency_of_cluster": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Relevance:
    """What is known of the candidates.

    Attributes
    ----------
    table
        Frame of ``RELEVANCE_SCHEMA``, the most variable first. Boruta judges the representative of
        each cluster of correlated CpGs, and its verdict is that of all members; null where there
        were more clusters than it was asked to judge.
    tests, effects
        As `class_tests` and `class_effects` return them.
    stability
        How often CpGs were chosen, and the bound on false choices.
    rounds
        Forests that Boruta grew.
    """

    table: pl.DataFrame
    tests: pl.DataFrame
    effects: pl.DataFrame
    stability: Stability
    rounds: int


def relevance(
    candidates: Candidates,
    patients: Strings,
    parameters: PanelParameters,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Relevance:
    """Judge the candidates on all samples they were prepared from.

    Parameters
    ----------
    candidates
        Of `find_candidates`.
    patients : str[n]
        Whose each sample is.
    parameters
    mapper
        Grows Boruta's trees and chooses from halves.
    progress
        Told of Boruta's rounds, by far the longest part.
    """
    order = np.argsort(-candidates.features.var(axis=0, dtype=np.float64), kind="stable")
    features: Features = candidates.features[:, order]
    names = candidates.pipeline.probe_ids[order].tolist()
    codes = candidates.codes
    clusters = redundancy(features, names, parameters.correlated)
    judged = np.flatnonzero((clusters["probe_id"] == clusters["representative"]).to_numpy())[
        : parameters.boruta_candidates
    ]
    settings = BorutaSettings(
        rounds=parameters.boruta_rounds, depth=parameters.boruta_depth, seed=parameters.seed
    )
    verdicts = boruta(features[:, judged], codes, settings, mapper, progress)
    stable = stability(
        features, codes, patients, names, clusters["cluster"].to_numpy(),
        chosen=parameters.stability_chosen, halves=parameters.stability_halves,
        seed=parameters.seed, mapper=mapper,
    )  # fmt: skip
    found = pl.DataFrame(
        {
            "representative": [names[at] for at in judged.tolist()],
            "verdict": verdicts.verdict.tolist(),
            "boruta_importance": verdicts.importance,
        }
    )
    table = (
        clusters.join(found, on="representative", how="left", maintain_order="left")
        .join(stable.table, on="probe_id", how="left", maintain_order="left")
        .select(*RELEVANCE_SCHEMA)
        .cast(RELEVANCE_SCHEMA)  # type: ignore[arg-type]
    )
    return Relevance(
        table,
        class_tests(features, codes, names),
        class_effects(features, codes, candidates.classes.tolist(), names),
        stable,
        verdicts.rounds,
    )


def marker_table(found: Relevance) -> pl.DataFrame:
    """Return what matters, in words: the confirmed CpGs with the class that each marks most.

    Returns
    -------
    pl.DataFrame
        (probe_id, verdict, frequency_of_cluster, class, direction, difference, separation, fdr of
        Kruskal and Wallis, cluster, representative), the most often chosen first. A CpG marks the
        class that it differs in most from the others.
    """
    kruskal = found.tests.filter(pl.col("method") == "kruskal").select("probe_id", "fdr")
    return (
        found.table.filter(pl.col("verdict") == "confirmed")
        .join(strongest(found.effects), on="probe_id")
        .join(kruskal, on="probe_id")
        .sort(
            "frequency_of_cluster", "boruta_importance", "probe_id",
            descending=[True, True, False],
        )
        .select(
            *("probe_id", "verdict", "frequency_of_cluster", "class", "direction", "difference"),
            *("separation", "fdr", "cluster", "representative"),
        )
    )  # fmt: skip
