"""What unsupervised structure would have called each sample, beside what the classifiers called it.

Belongs here: the vote of neighbours and of cluster mates, accuracy of all side by side, and the
samples of which they say different things. Does not belong here: classifiers, maps, clusters.

All answers are held-out ones: a classifier's from cross-validation, a vote from samples of other
patients only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.bootstrap import patient_weights, share_interval
from cup_assets.landscape.clusters import NO_CLUSTER
from cup_assets.landscape.neighbours import distances, nearest
from cup_assets.landscape.parameters import LandscapeError
from cup_assets.landscape.space import Floats

ANSWER_SCHEMA = {
    "kind": pl.String,
    "method": pl.String,
    "sample_id": pl.String,
    "answer": pl.String,
    "support": pl.Float64,
}
COMPARISON_SCHEMA = {
    "kind": pl.String,
    "method": pl.String,
    "n": pl.Int64,
    "answered": pl.Float64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "balanced_accuracy": pl.Float64,
}
DISAGREEMENT_SCHEMA = {
    "sample_id": pl.String,
    "class": pl.String,
    "model": pl.String,
    "called": pl.String,
    "score": pl.Float64,
    "method": pl.String,
    "answer": pl.String,
    "support": pl.Float64,
    "right": pl.String,
}


def classifier_answers(scores: pl.DataFrame) -> pl.DataFrame:
    """Return what each model calls each sample: the class of the highest mean calibrated score.

    Parameters
    ----------
    scores
        (model, sample_id, class, score), a row for each repeat of the cross-validation.

    Returns
    -------
    pl.DataFrame
        Of ``ANSWER_SCHEMA``, kind ``classifier``; support is the score.
    """
    return (
        scores.group_by("model", "sample_id", "class")
        .agg(pl.col("score").mean())
        .sort("model", "sample_id", "score", "class", descending=[False, False, True, False])
        .group_by("model", "sample_id", maintain_order=True)
        .first()
        .select(
            pl.lit("classifier").alias("kind"),
            pl.col("model").alias("method"),
            "sample_id",
            pl.col("class").alias("answer"),
            pl.col("score").alias("support"),
        )
        .cast(ANSWER_SCHEMA)  # type: ignore[arg-type]
    )


def neighbour_answers(
    method: str,
    places: Floats,
    sample_ids: Sequence[str],
    classes: Sequence[str],
    patients: Sequence[str],
    k: int,
) -> pl.DataFrame:
    """Return the class of most of the k nearest samples of other patients, a tie to the nearest.

    Parameters
    ----------
    method
        Name of the space: ``pc_space`` or a map's.
    places : float64[n, d]
    sample_ids, classes, patients : n str
    k
        How many vote.

    Returns
    -------
    pl.DataFrame
        Of ``ANSWER_SCHEMA``, kind ``neighbours``; support is the share of the votes.
    """
    known = np.array(classes, dtype=str)
    persons = np.array(patients, dtype=str)
    table = distances(places, places)
    table[persons[:, None] == persons[None, :]] = np.inf
    rows = []
    for name, away, order in zip(sample_ids, table, nearest(table, k), strict=True):
        near = [str(known[at]) for at in order if np.isfinite(away[at])]
        rows.append(("neighbours", method, name, *_majority(near)))
    return pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row")


def cluster_answers(
    method: str,
    members: NDArray[np.int64],
    sample_ids: Sequence[str],
    classes: Sequence[str],
    patients: Sequence[str],
) -> pl.DataFrame:
    """Return the commonest class of the other patients in a sample's cluster.

    Parameters
    ----------
    method
        Name of the clustering.
    members : int64[n]
        Cluster of each sample, `NO_CLUSTER` for none.
    sample_ids, classes, patients : n str

    Returns
    -------
    pl.DataFrame
        Of ``ANSWER_SCHEMA``, kind ``clusters``; the answer is null where there is no other patient.
    """
    known = np.array(classes, dtype=str)
    persons = np.array(patients, dtype=str)
    rows = []
    for name, person, own in zip(sample_ids, persons, members, strict=True):
        others = (members == own) & (persons != person) & (own != NO_CLUSTER)
        rows.append(("clusters", method, name, *_majority(sorted(known[others].tolist()))))
    return pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row")


def _majority(votes: Sequence[str]) -> tuple[str | None, float | None]:
    """Return the commonest vote (the first of equals) and its share."""
    if not votes:
        return None, None
    counts = {vote: votes.count(vote) for vote in votes}
    best = max(counts, key=lambda vote: counts[vote])
    return best, counts[best] / len(votes)


def compare_answers(
    answers: pl.DataFrame, truth: pl.DataFrame, seed: int, bootstraps: int = 500
) -> pl.DataFrame:
    """Hold every method's answers against the diagnoses, a row a method, the best first.

    Parameters
    ----------
    answers
        Of ``ANSWER_SCHEMA``.
    truth
        (sample_id, class, patient_id).

    Returns
    -------
    pl.DataFrame
        Of ``COMPARISON_SCHEMA``: accuracy over all samples (no answer counts as wrong) with its
        95 % interval over patients, and the mean of the classes' accuracies.

    Raises
    ------
    LandscapeError
        Where an answer is about a sample without diagnosis.
    """
    joined = answers.join(truth, on="sample_id", how="left", maintain_order="left")
    if joined["class"].null_count():
        unknown = joined.filter(pl.col("class").is_null())["sample_id"][0]
        raise LandscapeError(f"there is an answer for {unknown!r}, but no diagnosis")
    rows = []
    for (kind, method), part in joined.group_by("kind", "method", maintain_order=True):
        right = (part["answer"] == part["class"]).fill_null(value=False)
        patients = part["patient_id"].to_list()
        (weights,) = patient_weights([patients], bootstraps, seed)
        draws = weights @ right.to_numpy().astype(np.float64) / weights.sum(axis=1)
        accuracy = float(draws[0])
        by_class = part.with_columns(right=right).group_by("class").agg(pl.col("right").mean())
        rows.append(
            (
                *(kind, method, part.height, 1 - part["answer"].null_count() / part.height),
                *(accuracy, *share_interval(accuracy, draws[1:], len(set(patients)))),
                by_class["right"].mean(),
            )
        )
    table = pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")
    return table.sort("accuracy", "method", descending=[True, False])


def disagreements(
    answers: pl.DataFrame, truth: pl.DataFrame, methods: Sequence[str]
) -> pl.DataFrame:
    """List the samples of which a classifier and an unsupervised method say different things.

    Parameters
    ----------
    answers
        Of ``ANSWER_SCHEMA``.
    truth
        (sample_id, class).
    methods
        Unsupervised methods to hold the classifiers against.

    Returns
    -------
    pl.DataFrame
        Of ``DISAGREEMENT_SCHEMA``, a row for each sample, model and method; ``right`` is
        ``classifier``, the kind of the other, or ``neither``.
    """
    called = answers.filter(pl.col("kind") == "classifier").select(
        "sample_id",
        pl.col("method").alias("model"),
        pl.col("answer").alias("called"),
        pl.col("support").alias("score"),
    )
    others = answers.filter((pl.col("kind") != "classifier") & pl.col("method").is_in(methods))
    right = (
        pl.when(pl.col("called") == pl.col("class"))
        .then(pl.lit("classifier"))
        .when(pl.col("answer") == pl.col("class"))
        .then(pl.col("kind"))
        .otherwise(pl.lit("neither"))
    )
    return (
        called.join(others, on="sample_id")
        .filter(pl.col("called").ne_missing(pl.col("answer")))
        .join(truth.select("sample_id", "class"), on="sample_id")
        .with_columns(right=right)
        .select(*DISAGREEMENT_SCHEMA)
        .cast(DISAGREEMENT_SCHEMA)  # type: ignore[arg-type]
        .sort("sample_id", "model", "method")
    )


def all_answers(
    spaces: Mapping[str, Floats],
    clusterings: Mapping[str, NDArray[np.int64]],
    samples: pl.DataFrame,
    k: int,
) -> pl.DataFrame:
    """Return the answers of neighbours in every space and of every clustering.

    Parameters
    ----------
    spaces
        Name -> places float64[n, d] of the samples.
    clusterings
        Name -> cluster of each sample, int64[n].
    samples
        (sample_id, class, patient_id), n rows in this order.
    k
        Neighbours that vote.
    """
    names, classes, patients = (
        samples[column].to_list() for column in ("sample_id", "class", "patient_id")
    )
    return pl.concat(
        [
            *(
                neighbour_answers(space, places, names, classes, patients, k)
                for space, places in spaces.items()
            ),
            *(
                cluster_answers(method, members, names, classes, patients)
                for method, members in clusterings.items()
            ),
        ]
    )
