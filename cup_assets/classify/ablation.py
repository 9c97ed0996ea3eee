"""What a treatment of unequal classes, or copy number beside betas, is worth to a model.

Belongs here: which cross-validations that takes, the paired comparisons of their scores, and the
answer in sentences. Does not belong here: the comparison itself (`comparison`), the strategies
(`strategies`), running the cross-validations.

Every comparison is of one model with itself, on the same held-out samples: strategies, learning
from betas, against ``none``; copy number alone and with betas, by the leaderboard's strategy,
against betas alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from cup_assets.classify.comparison import (
    COMPARISON_SCHEMA,
    RECALL_SCHEMA,
    compare,
    holm,
    recall_change,
)
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.study_parameters import AblationParameters

CELL = ("model", "strategy", "features")
_NAMES = {
    "none": "no treatment of unequal classes",
    "class_weight": "class weights",
    "down_sample": "down-sampling",
    "smote": "SMOTE",
    "betas": "betas alone",
    "cnv": "copy number alone",
    "betas_cnv": "betas with copy number",
}
_METRICS = {"error": "error", "macro_f1": "macro F1", "log_loss": "log loss"}


@dataclass(frozen=True, order=True)
class Cell:
    """One cross-validation of the study."""

    model: str
    strategy: str
    features: str


@dataclass(frozen=True)
class Ablation:
    """The answers.

    Attributes
    ----------
    strategies, features
        Frames of `cup_assets.classify.comparison.COMPARISON_SCHEMA`; names are "model · strategy"
        and "model · features". ``p_holm`` is corrected over each frame.
    recalls
        Frame of model and `cup_assets.classify.comparison.RECALL_SCHEMA`: the recall of each class
        without treatment and with each strategy.
    """

    strategies: pl.DataFrame
    features: pl.DataFrame
    recalls: pl.DataFrame


def cells(asked: AblationParameters, strategy: str) -> list[Cell]:
    """Return the cross-validations to make; ``strategy`` is the leaderboard's."""
    return [
        cell
        for model in asked.models
        for cell in dict.fromkeys(
            [
                *(Cell(model, name, "betas") for name in asked.strategies),
                *(Cell(model, strategy, name) for name in asked.features),
            ]
        )
    ]


def compare_cells(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    asked: AblationParameters,
    parameters: EvaluationParameters,
) -> Ablation:
    """Compare the cells of each model with its baselines.

    Parameters
    ----------
    scores
        Frame (`CELL`, repeat, sample_id, class, raw_score, score) of one scheme.
    truth
        Frame (sample_id, class, patient_id).
    asked
        What to compare; of that, what the scores hold is compared.
    parameters
        Gives the seed of the draws and the strategy of the leaderboard.

    Raises
    ------
    ClassifyError
        As `cup_assets.classify.comparison.compare`.
    """
    strategies, features = [], []
    recalls = [pl.DataFrame(schema={"model": pl.String, **RECALL_SCHEMA})]
    seed = parameters.seed
    for model in asked.models:
        own = scores.filter(pl.col("model") == model)
        treated = own.filter(
            (pl.col("features") == "betas") & pl.col("strategy").is_in(asked.strategies)
        )
        if treated["strategy"].n_unique() > 1:
            strategies.append(
                compare(treated, truth, seed, by=CELL[:2], baseline=f"{model} · none")
            )
            changes = recall_change(treated, truth, seed)
            recalls.append(changes.select(pl.lit(model).alias("model"), *RECALL_SCHEMA))
        fed = own.filter(
            (pl.col("strategy") == parameters.strategy) & pl.col("features").is_in(asked.features)
        )
        if fed["features"].n_unique() > 1:
            by = ("model", "features")
            features.append(compare(fed, truth, seed, by=by, baseline=f"{model} · betas"))
    return Ablation(_together(strategies), _together(features), pl.concat(recalls))


def sentences(found: Ablation) -> dict[str, list[str]]:
    """Return the answers as sentences: ``strategies`` and ``features``, one for each comparison."""
    return {
        "strategies": [
            _sentence(*pair, " " + _recall_sentence(found.recalls, *pair[:2]))
            for pair in _pairs(found.strategies)
        ],
        "features": [_sentence(*pair, "") for pair in _pairs(found.features)],
    }


def _together(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """Join comparisons of several models and correct the p-values over all of them."""
    joined = pl.concat([pl.DataFrame(schema=COMPARISON_SCHEMA), *tables])
    corrected = pl.Series(holm(joined["p"].to_list()), dtype=pl.Float64)
    return joined.with_columns(p_holm=corrected).select(*COMPARISON_SCHEMA)


def _pairs(table: pl.DataFrame) -> Iterator[tuple[str, str, str, dict[str, dict[str, Any]]]]:
    """Yield model, treatment, baseline and the rows by metric."""
    for (a, b), rows in table.group_by("a", "b", maintain_order=True):
        model, other = str(a).split(" · ")
        by_metric = {row["metric"]: row for row in rows.iter_rows(named=True)}
        yield model, other, str(b).split(" · ")[1], by_metric


def _sentence(
    model: str, other: str, baseline: str, rows: dict[str, dict[str, Any]], rest: str
) -> str:
    error, f1 = rows["error"], rows["macro_f1"]
    between = ""
    if error["low"] is not None:
        between = f", 95 % interval {error['low'] * 100:+.1f} to {error['high'] * 100:+.1f}"
    told = [name for metric, name in _METRICS.items() if rows[metric]["p_holm"] < 0.05]
    verdict = (
        f"different beyond chance: {', '.join(told)}" if told else "no difference beyond chance"
    )
    return (
        f"{model.replace('_', ' ')}, {_NAMES[other]} instead of {_NAMES[baseline]}: error"
        f" {error['value_a']:.1%} instead of {error['value_b']:.1%}"
        f" ({error['difference'] * 100:+.1f} points{between}), macro F1 {f1['value_a']:.3f} instead"
        f" of {f1['value_b']:.3f}; {verdict} (p < .05 after Holm over all comparisons).{rest}"
    )


def _recall_sentence(recalls: pl.DataFrame, model: str, strategy: str) -> str:
    own = recalls.filter((pl.col("model") == model) & (pl.col("after") == strategy))
    up, down = ((own["difference"] * sign > 1e-9).sum() for sign in (1, -1))
    return f"Of {own.height} classes {up} are found more often, {down} less often."
