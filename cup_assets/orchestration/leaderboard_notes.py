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

_DEFINITIONS = """\
- Intervals: 95 %, over bootstrap samples of patients; models are taken as they were fitted.
- brier: mean over samples of the sum over classes of (score - truth)², from 0 to 2 (Capper 2018,
  Maros 2020); log_loss: clipped at 1e-15; ece: 10 bins of equal width of the highest score.
- coverage_at_99: largest share of samples that a threshold on the highest score keeps with an
  accuracy of at least 99 %; precision_at_90, coverage_at_90: at a score of .9 or more.
- A family's score is the sum of its classes' scores.
- A scheme's figures are those of the samples that it could test; cross_array: the mean over the
  arrays that were trained on.
- Calibrators: none (raw), ridge (multinomial, the one in use), platt, isotonic, temperature.
- Differences: first less second; error by McNemar's exact test on patients, the others by an
  exchange test; p_holm corrected after Holm over the whole table.
- Pictures of one model are those of the one that is to be released.
"""


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
    # Three decimals would call a p of .0003 zero.
    p_values = [
        pl.col(name).map_elements(lambda p: f"{p:.2g}", return_dtype=pl.String)
        for name in ("p", "p_holm")
    ]
    compared = comparisons.select(_COMPARED).with_columns(p_values)
    return {
        "what each scheme tested": markdown_table(tested),
        "error by what is held out": markdown_estimates(
            parts, ["scheme", "held_out", "n_train", "n_test"], over="model"
        ),
        "calibration before and after": markdown_estimates(
            calibrations, ["scheme", "model", "calibrator"]
        ),
        f"models compared, {SCHEME}": markdown_table(compared, max_rows=200),
        "doubted labels": markdown_table(doubts, max_rows=200),
        "definitions": _DEFINITIONS,
    }


def board_pictures(
    by_class: pl.DataFrame,
    comparisons: pl.DataFrame,
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    parameters: EvaluationParameters,
) -> dict[str, bytes]:
    """Return the pictures of all models, and of the one that would be released."""
    models = ranked(by_class, SCHEME)
    pinned = parameters.released_model
    model = pinned if pinned in models else models[0]
    own = scores.filter(pl.col("model") == model)
    return {
        "leaderboard": leaderboard_plot(by_class),
        "comparison": comparison_plot(comparisons),
        **_pictures_of(model.replace("_", " "), own, truth, family_of, parameters),
    }


def _pictures_of(
    name: str,
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    parameters: EvaluationParameters,
) -> dict[str, bytes]:
    """Return whether one model's scores can be believed under each scheme, and what it confuses."""
    seed, draws = parameters.seed, parameters.bootstraps
    by_scheme = {scheme: scores.filter(pl.col("scheme") == scheme) for scheme in parameters.schemes}
    pictures = {
        f"reliability {scheme.replace('_', ' ')}": reliability_diagram(
            reliability_table(some, truth, seed, draws),
            title=f"Does a score of the {name} mean what it says ({scheme.replace('_', ' ')})?",
        )
        for scheme, some in by_scheme.items()
        if some.height
    }
    own = by_scheme[SCHEME]
    confusions = confusion_table(own, truth, family_of)
    return pictures | {
        "reject option": reject_plot(
            reject_curve(own, truth, seed, draws),
            threshold=parameters.match_threshold,
            title=f"What a threshold on the {name} costs, and what it saves ({SCHEME})",
        ),
        "confusion of classes": confusion_diagram(
            confusions, title=f"What the {name} takes for what ({SCHEME})"
        ),
        "confusion of families": confusion_diagram(
            confusions, level="family", title=f"Which family the {name} takes for which ({SCHEME})"
        ),
    }


def _in_order(table: pl.DataFrame, models: Sequence[str], shown: Sequence[str]) -> pl.DataFrame:
    places = {name: place for place, name in enumerate(models)}
    columns = {name: place for place, name in enumerate(shown)}
    return table.filter(pl.col("metric").is_in(shown)).sort(
        pl.col("model").replace_strict(places, return_dtype=pl.Int64),
        pl.col("metric").replace_strict(columns, return_dtype=pl.Int64),
    )
