"""What people read of the leaderboard: its tables as notes, its pictures.

Belongs here: choosing and titling what ``evaluation/leaderboard`` shows. Does not belong here:
computing it (`cup_assets.classify`), drawing it (`cup_assets.report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from cup_assets.classify.metrics import METRICS
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.reliability import confusion_table, reject_curve, reliability_table
from cup_assets.cohort.folds import SCHEME
from cup_assets.report import (
    comparison_plot,
    confusion_diagram,
    leaderboard_plot,
    markdown_estimates,
    markdown_table,
    reject_plot,
    reliability_diagram,
)

_SHOWN = tuple(name for name in METRICS if name != "accuracy")
_NUMBERS = ("error", "log_loss")
_COMPARED = ("a", "b", "metric", "value_a", "value_b", "difference", "low", "high", "test", "p",
             "p_holm")  # fmt: skip


def ranked(by_class: pl.DataFrame, scheme: str) -> list[str]:
    """Return the models of a scheme, the lowest calibrated log loss first."""
    losses = by_class.filter((pl.col("scheme") == scheme) & (pl.col("metric") == "log_loss"))
    return losses.sort("value", "model", nulls_last=True)["model"].to_list()


def board_numbers(by_class: pl.DataFrame) -> dict[str, float | None]:
    """Return the headline figures by model, those of other schemes with their name before."""
    overall = by_class.filter(pl.col("metric").is_in(_NUMBERS))
    return {
        f"{model}_{metric}" if scheme == SCHEME else f"{scheme}_{model}_{metric}": value
        for scheme, model, metric, value in overall[
            "scheme", "model", "metric", "value"
        ].iter_rows()
    }


def board_notes(by_class: pl.DataFrame, by_family: pl.DataFrame) -> dict[str, str]:
    """Return a note for each scheme: every model, best first, calibrated and before it."""
    notes = {}
    for scheme in by_class["scheme"].unique(maintain_order=True):
        models = ranked(by_class, scheme)
        families = by_family.filter(pl.col("family").is_null()).drop("family")
        table = pl.concat(
            [by_class.filter(pl.col("class").is_null()).drop("class"), families]
        ).filter(pl.col("scheme") == scheme)
        kinds = {
            "Calibrated:": (*_SHOWN, "family_error", "family_log_loss"),
            "Before calibration:": tuple(f"raw_{name}" for name in _SHOWN),
        }
        parts = [
            f"{title}\n\n{markdown_estimates(_in_order(table, models, shown), ['model'])}"
            for title, shown in kinds.items()
        ]
        notes[f"by model, {scheme}"] = "\n\n".join(parts)
    return notes


def other_notes(
    tested: pl.DataFrame,
    parts: pl.DataFrame,
    calibrations: pl.DataFrame,
    comparisons: pl.DataFrame,
    doubts: pl.DataFrame,
) -> dict[str, str]:
    """Return what the schemes test, calibration before and after, comparisons, doubted labels."""
    return {
        "what each scheme tested": markdown_table(tested),
        "error by what is held out": markdown_estimates(
            parts, ["scheme", "held_out", "n_train", "n_test"], over="model"
        ),
        "calibration before and after": markdown_estimates(
            calibrations, ["scheme", "model", "calibrator"]
        ),
        f"models compared, {SCHEME}": markdown_table(comparisons.select(_COMPARED), max_rows=200),
        "doubted labels": markdown_table(doubts, max_rows=200),
    }


def board_pictures(
    by_class: pl.DataFrame,
    comparisons: pl.DataFrame,
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    parameters: EvaluationParameters,
) -> dict[str, bytes]:
    """Return the pictures of all models, and of the one that would be released.

    ``scores`` are those of the stratified scheme.
    """
    models = ranked(by_class, SCHEME)
    pinned = parameters.released_model
    model = pinned if pinned in models else models[0]
    own = scores.filter(pl.col("model") == model)
    seed, draws = parameters.seed, parameters.bootstraps
    confusions = confusion_table(own, truth, family_of)
    name = model.replace("_", " ")
    return {
        "leaderboard": leaderboard_plot(by_class),
        "comparison": comparison_plot(comparisons),
        "reliability": reliability_diagram(
            reliability_table(own, truth, seed, draws),
            title=f"Does a score of the {name} mean what it says?",
        ),
        "reject option": reject_plot(
            reject_curve(own, truth, seed, draws),
            threshold=parameters.match_threshold,
            title=f"What a threshold on the {name} costs, and what it saves",
        ),
        "confusion of classes": confusion_diagram(
            confusions, title=f"What the {name} takes for what"
        ),
        "confusion of families": confusion_diagram(
            confusions, level="family", title=f"Which family the {name} takes for which"
        ),
    }


def _in_order(table: pl.DataFrame, models: Sequence[str], shown: Sequence[str]) -> pl.DataFrame:
    places = {name: place for place, name in enumerate(models)}
    columns = {name: place for place, name in enumerate(shown)}
    return table.filter(pl.col("metric").is_in(shown)).sort(
        pl.col("model").replace_strict(places, return_dtype=pl.Int64),
        pl.col("metric").replace_strict(columns, return_dtype=pl.Int64),
    )
