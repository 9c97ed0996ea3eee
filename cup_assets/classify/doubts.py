"""Labels that the evidence contradicts.

Belongs here: finding samples that every model confidently assigns to another class. Does not
belong here: changing a label; that is for the pathologist.
"""

from __future__ import annotations

import polars as pl

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import EvaluationParameters

DOUBT_SCHEMA = {
    "sample_id": pl.String,
    "class": pl.String,
    "suggested": pl.String,
    "evidence": pl.String,
}


def label_doubts(
    scores: pl.DataFrame, truth: pl.DataFrame, parameters: EvaluationParameters
) -> pl.DataFrame:
    """List samples whose label every model contradicts, the clearest first.

    Scores are averaged over repeats. A label is doubted when each model gives another class a
    calibrated score of at least ``doubt_score`` and the label at most ``doubt_label_score``.

    Parameters
    ----------
    scores
        Frame (model, sample_id, class, score) of held-out scores of one or more models, of one
        scheme, strategy and choice of features each.
    truth
        Frame (sample_id, class).

    Returns
    -------
    Frame (sample_id, class, suggested, evidence): the label, the class with the highest mean score
    over models, and what each model scores, in words.

    Raises
    ------
    ClassifyError
        Where a model has scores of several schemes, strategies or choices of features: their mean
        would be evidence of none of them.
    """
    for column in (c for c in ("scheme", "strategy", "features") if c in scores.columns):
        mixed = scores.group_by("model").agg(pl.col(column).n_unique()).filter(pl.col(column) > 1)
        if mixed.height:
            name = mixed["model"].sort()[0]
            raise ClassifyError(f"{name} has scores of several values of {column}: give one")
    mean = (
        scores.group_by("model", "sample_id", "class")
        .agg(pl.col("score").mean())
        .join(truth.select("sample_id", pl.col("class").alias("label")), on="sample_id")
        .sort("model", "sample_id", "class")
    )
    by_model = mean.group_by("sample_id", "label", "model", maintain_order=True).agg(
        pl.col("class").get(pl.col("score").arg_max()).alias("top"),
        pl.col("score").max().alias("top_score"),
        pl.col("score").filter(pl.col("class") == pl.col("label")).sum().alias("label_score"),
    )
    contradicts = (
        (pl.col("top") != pl.col("label"))
        & (pl.col("top_score") >= parameters.doubt_score)
        & (pl.col("label_score") <= parameters.doubt_label_score)
    )
    doubted = (
        by_model.with_columns(
            contradicts.alias("contradicts"),
            pl.format(
                "{}: {} {}, label {}",
                "model",
                "top",
                pl.col("top_score").round(3),
                pl.col("label_score").round(3),
            ).alias("evidence"),
        )
        .group_by("sample_id", "label", maintain_order=True)
        .agg(
            pl.col("contradicts").all(),
            pl.col("model").n_unique().alias("models"),
            pl.col("label_score").mean(),
            pl.col("evidence").str.join("; "),
        )
        .filter(pl.col("contradicts") & (pl.col("models") == mean["model"].n_unique()))
    )
    suggested = (
        mean.group_by("sample_id", "class")
        .agg(pl.col("score").mean())
        .sort("score", "class", descending=[True, False])
        .group_by("sample_id", maintain_order=True)
        .agg(pl.col("class").first().alias("suggested"))
    )
    return (
        doubted.join(suggested, on="sample_id")
        .sort("label_score", "sample_id")
        .select("sample_id", pl.col("label").alias("class"), "suggested", "evidence")
        .cast(DOUBT_SCHEMA)  # type: ignore[arg-type]
    )
