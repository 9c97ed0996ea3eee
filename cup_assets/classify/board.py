"""The leaderboard: every model under every scheme, raw and calibrated, and what was not tested.

Belongs here: applying the metrics to each model, scheme and calibrator, and what of the cohort a
scheme leaves untold. Does not belong here: the metrics (`metrics`), differences between models
(`comparison`), pictures.

A scheme tests only what it can: a sample whose class the training part lacks is not tested, and so
the figures of two schemes are those of different samples. `tested` says how different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import polars as pl

from cup_assets.classify.comparison import COMPARISON_SCHEMA, compare
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.measures import measure_belief, measure_hits
from cup_assets.classify.metrics import family_metrics, metrics, some_metrics
from cup_assets.classify.parameters import SCHEMES, EvaluationParameters
from cup_assets.compute import Mapper, serial

KEYS = ("model", "scheme", "strategy", "features")
RAW, USED = "none", "ridge"
"""Names of no calibrator and of the one whose scores are used (`cup_assets.classify.calibrate`)."""
TESTED_SCHEMA = {
    "scheme": pl.String,
    "folds": pl.Int64,
    "samples": pl.Int64,
    "tested": pl.Int64,
    "never_tested": pl.Int64,
    "not_tested_because": pl.String,
    "not_trained_on_because": pl.String,
}
_SCHEME_PLACE = {name: place for place, name in enumerate(SCHEMES)}

Progress = Callable[[int, int], None]


def judge_models(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    parameters: EvaluationParameters,
    mapper: Mapper = serial,
    progress: Progress | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hold each model's scores against the truth, under each scheme, by class and by family.

    Parameters
    ----------
    scores
        Frame (`KEYS`, repeat, sample_id, class, raw_score, score).
    truth
        Frame (sample_id, class, patient_id).
    family_of
        Family of each class.
    mapper, progress
        Run and report the models and schemes.

    Returns
    -------
    by_class, by_family
        Frames (`KEYS`, metric, class or family, value, low, high) as
        `cup_assets.classify.metrics.metrics` and `family_metrics` give them.

    Raises
    ------
    ClassifyError
        As `metrics` and `family_metrics`.
    """
    if scores.is_empty():
        raise ClassifyError("there are no scores to judge")
    parts = _parts(scores, KEYS)
    task = partial(_judge, truth, dict(family_of), parameters.seed, parameters.bootstraps)
    found = mapper(task, [part for _, part in parts], progress)
    by_class, by_family = (
        pl.concat(
            [
                frames[level].select(*_marks(KEYS, names), *frames[level].columns)
                for (names, _), frames in zip(parts, found, strict=True)
            ]
        )
        for level in (0, 1)
    )
    return by_class, by_family.rename({"class": "family"})


def _judge(
    truth: pl.DataFrame,
    family_of: Mapping[str, str],
    seed: int,
    bootstraps: int,
    scores: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    return (
        metrics(scores, truth, seed, bootstraps),
        family_metrics(scores, truth, family_of, seed, bootstraps),
    )


def judge_calibrators(
    scores: pl.DataFrame,
    others: pl.DataFrame,
    truth: pl.DataFrame,
    parameters: EvaluationParameters,
) -> pl.DataFrame:
    """Tell how far the scores can be believed before calibration, after it, and by other ways.

    Parameters
    ----------
    scores
        As for `judge_models`, of one strategy and choice of features.
    others
        Frame (model, scheme, calibrator, repeat, sample_id, class, score): the same predictions
        by other calibrators.
    truth
        As for `judge_models`.

    Returns
    -------
    Frame (model, scheme, calibrator, metric, value, low, high) of log_loss, brier and ece;
    calibrator `RAW`: not calibrated, `USED`: as the models are used.
    """
    columns = ["model", "scheme", "repeat", "sample_id", "class"]
    kinds = [
        scores.select(*columns, calibrator=pl.lit(name), score=pl.col(column))
        for name, column in ((RAW, "raw_score"), (USED, "score"))
    ]
    kinds.append(others.filter(~pl.col("calibrator").is_in([RAW, USED])).select(kinds[0].columns))
    by = ("model", "scheme", "calibrator")
    found = [
        some_metrics(part, truth, measure_belief, parameters.seed, parameters.bootstraps).select(
            *_marks(by, names), "metric", "value", "low", "high"
        )
        for frame in kinds
        for names, part in _parts(frame, by)
    ]
    ordered = _parts(pl.concat(found), ("scheme", "model"))
    return pl.concat([part for _, part in ordered])


def compare_models(
    scores: pl.DataFrame, truth: pl.DataFrame, parameters: EvaluationParameters, draws: int = 2000
) -> pl.DataFrame:
    """Compare every two models on the predictions they share; no row where there is only one.

    Parameters
    ----------
    scores
        As for `judge_models`, of one scheme, strategy and choice of features.

    Returns
    -------
    Frame of `cup_assets.classify.comparison.COMPARISON_SCHEMA`.
    """
    if scores["model"].n_unique() < 2:
        return pl.DataFrame(schema=COMPARISON_SCHEMA)
    return compare(scores, truth, parameters.seed, draws=draws)


def errors_by_part(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    parts: pl.DataFrame,
    parameters: EvaluationParameters,
) -> pl.DataFrame:
    """Tell how often each model errs in each batch, centre or array that was held out.

    Parameters
    ----------
    scores, truth
        As for `judge_models`, with outer_fold.
    parts
        Frame (scheme, repeat, outer_fold, held_out, n_train, n_test); schemes that hold nothing
        out are not in it.

    Returns
    -------
    Frame (scheme, held_out, n_train, n_test, model, value, low, high), value the error, in the
    order of the parts.
    """
    where = ["scheme", "repeat", "outer_fold"]
    rows = []
    for part in parts.filter(pl.col("n_test") > 0).sort(where).to_dicts():
        tested = scores.filter(*(pl.col(name) == part[name] for name in where))
        for (model,), some in _parts(tested, ("model",)):
            found = some_metrics(
                some, truth, measure_hits, parameters.seed, parameters.bootstraps
            ).row(by_predicate=pl.col("metric") == "error", named=True)
            sizes = {name: part[name] for name in ("scheme", "held_out", "n_train", "n_test")}
            rows.append({**sizes, "model": model} | {k: found[k] for k in ("value", "low", "high")})
    return pl.DataFrame(rows, schema=_PART_SCHEMA)


_PART_SCHEMA = {
    "scheme": pl.String,
    "held_out": pl.String,
    "n_train": pl.Int64,
    "n_test": pl.Int64,
    "model": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def tested(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    not_used: pl.DataFrame,
    schemes: Sequence[str],
) -> pl.DataFrame:
    """Tell how much of the cohort each scheme tested, and why not all of it.

    Parameters
    ----------
    scores
        As for `judge_models`, with outer_fold.
    truth
        All samples that could have been tested.
    not_used
        Frame (scheme, repeat, outer_fold, sample_id, part, reason), part ``test`` or ``train``, as
        `cup_assets.cohort.schemes` gives it.
    schemes
        Those that were asked for.

    Returns
    -------
    Frame of `TESTED_SCHEMA`, a row a scheme: ``tested`` counts samples that every model scored in
    one fold at least, ``never_tested`` the others. The reasons count samples in folds.
    """
    rows: list[tuple[object, ...]] = []
    for scheme in schemes:
        some = scores.filter(pl.col("scheme") == scheme)
        models = some["model"].n_unique()
        by_sample = some.group_by("sample_id").agg(pl.col("model").n_unique())
        complete = by_sample.filter(pl.col("model") == models).height
        left_out = not_used.filter(pl.col("scheme") == scheme)
        missing = len(truth) - complete
        why = _reasons(left_out.filter(pl.col("part") == "test"))
        if missing and not why:
            why = "no reason is recorded" if complete else "no fold could be tested"
        folds = some.select("repeat", "outer_fold").n_unique() if len(some) else 0
        trained = _reasons(left_out.filter(pl.col("part") == "train"))
        rows.append((scheme, folds, len(truth), complete, missing, why, trained))
    return pl.DataFrame(rows, schema=TESTED_SCHEMA, orient="row")


def _reasons(left_out: pl.DataFrame) -> str:
    counted = left_out["reason"].value_counts().sort("count", "reason", descending=[True, False])
    return "; ".join(f"{n} x {reason}" for reason, n in counted.iter_rows())


def _parts(frame: pl.DataFrame, by: Sequence[str]) -> list[tuple[tuple[str, ...], pl.DataFrame]]:
    """Return the parts of a frame with their names, schemes in their order, the rest by name."""

    def place(part: tuple[tuple[str, ...], pl.DataFrame]) -> tuple[list[int], tuple[str, ...]]:
        return [_SCHEME_PLACE.get(name, 0) for name in part[0]], part[0]

    parts = frame.partition_by(by, as_dict=True)
    return sorted(((tuple(map(str, names)), part) for names, part in parts.items()), key=place)


def _marks(by: Sequence[str], names: Sequence[str]) -> list[pl.Expr]:
    return [pl.lit(name).alias(column) for column, name in zip(by, names, strict=True)]
