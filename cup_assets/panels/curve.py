"""How performance falls as a panel gets smaller, with selection inside the training folds.

Belongs here: from folds to the curve of every model family, and the size that it recommends. Does
not belong here: what a fold chooses (`fold_choice`) and how its panels are scored (`judge`), the
definitions of the metrics (`cup_assets.classify.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.measures import (
    Measured,
    Scored,
    measure_averages,
    measure_belief,
    measure_coverage,
    measure_hits,
)
from cup_assets.classify.metrics import some_metrics
from cup_assets.classify.nested import outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.compute import Mapper, serial
from cup_assets.panels.choice_stability import choice_stability
from cup_assets.panels.fold_choice import (
    SELECTORS,
    Chooser,
    choose_in_fold,
    fold_tasks,
    narrow_choices,
)
from cup_assets.panels.judge import JudgeTask, PanelScores, judge_panels, judge_tasks
from cup_assets.panels.parameters import PanelError, PanelParameters

CURVE_METRICS = ("error", "balanced_accuracy", "macro_f1", "log_loss", "coverage_at_99")
CURVE_SCHEMA = {
    "model": pl.String,
    "selector": pl.String,
    "size": pl.Int64,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
RECOMMENDED_SCHEMA = {
    "scope": pl.String,
    "model": pl.String,
    "size": pl.Int64,
    "error": pl.Float64,
    "best_model": pl.String,
    "best_size": pl.Int64,
    "best_error": pl.Float64,
    "allowed": pl.Float64,
}
Progress = Callable[[int, int], None]
Judge = Callable[[TrainingData, str, Sequence[JudgeTask], Progress], list[PanelScores]]
"""(data, model, tasks, progress) -> the scores of each task, by `judge_panels`."""


@dataclass(frozen=True)
class PanelCurve:
    """Performance against panel size.

    Attributes
    ----------
    curve
        (model, selector, size, metric, value, low, high): `CURVE_METRICS` of calibrated scores,
        pooled over the outer folds, with 95 % bootstrap intervals over patients. ``random`` is the
        mean over random panels, of the families that judged them.
    choices
        (repeat, outer_fold, rank, probe_id): the ordered CpGs of each fold, down to the largest
        panel.
    stability
        (size, stability, low, high, n_folds), `cup_assets.panels.choice_stability`.
    recommended
        (scope, model, size, error, best_model, best_size, best_error, allowed), `recommendations`.
    """

    curve: pl.DataFrame
    choices: pl.DataFrame
    stability: pl.DataFrame
    recommended: pl.DataFrame

    @property
    def size(self) -> int:
        """Recommended size over all model families."""
        return int(self.recommended.filter(scope="overall")["size"].item())


def panel_curve(
    data: TrainingData,
    folds: pl.DataFrame,
    parameters: PanelParameters,
    evaluation: EvaluationParameters,
    mapper: Mapper = serial,
    progress: Progress | None = None,
    *,
    judge: Judge | None = None,
) -> PanelCurve:
    """Judge panels of every size by nested cross-validation, choosing CpGs in each part anew.

    Three selectors compete (`choose_in_fold`), judged by every model family of
    ``parameters.models``, tuned and calibrated in the inner loop as for the leaderboard; random
    panels by those of ``parameters.random_families`` only, since each draw costs as much as our
    panels. The choice of CpGs is part of the model, and shared by all families: it is made in the
    training part of each outer fold, and for the inner loop without each inner fold.

    Parameters
    ----------
    data
        Only betas are used.
    folds
        (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme; within an outer fold,
        rows without inner fold are the test samples.
    parameters, evaluation
        How CpGs are chosen, and how models are tuned and calibrated.
    mapper, progress
        Run and report the work: an item for each outer fold (choosing), then for each model, outer
        fold, selector and draw.
    judge
        Makes the scores of one model; default: `judge_panels` by way of the mapper. A caller's can
        take finished ones over.

    Raises
    ------
    PanelError
        Where a training part has fewer CpGs than the smallest panel, or fewer than two classes.
    ClassifyError
        Where folds and data do not fit.
    """
    data = data.with_features("betas")
    splits = outer_folds(data, folds)
    used = sorted({split.repeat for split in splits})[: parameters.max_repeats]
    splits = [split for split in splits if split.repeat in used]
    if not splits:
        raise PanelError("the folds hold no outer fold to judge panels on")
    each = {model: len(splits) * len(_choosers(model, parameters)) for model in parameters.families}
    total = len(splits) + sum(each.values())

    def told(before: int) -> Progress:
        return lambda done, _: progress(before + done, total) if progress else None

    few, tasks = fold_tasks(data, splits, parameters, mapper)
    found = mapper(partial(choose_in_fold, few, parameters), tasks, told(0))
    choices = pl.concat([choice.cpgs() for choice in found])
    few, found = narrow_choices(few, found)
    work = judge_tasks(found)
    tested = sum(len(split.test) for split in splits)
    curves, before = [], len(splits)
    for model in parameters.families:
        run = judge or _by_mapper(mapper, parameters, evaluation)
        choosers = _choosers(model, parameters)
        own = [task for task in work if task.chooser in choosers]
        scores = run(few, model, own, told(before))
        before += each[model]
        curves.append(_curve(model, scores, data.truth(), tested, parameters))
    curve = pl.concat(curves)
    stability = choice_stability(choices, parameters.sizes, data.X.shape[1])
    return PanelCurve(curve, choices, stability, recommendations(curve))


def _choosers(model: str, parameters: PanelParameters) -> list[Chooser]:
    """Return whose panels a model family judges."""
    draws = parameters.random_draws if model in parameters.random_families else 0
    return [(name, draw) for name in SELECTORS for draw in range(draws if name == "random" else 1)]


def _by_mapper(
    mapper: Mapper, parameters: PanelParameters, evaluation: EvaluationParameters
) -> Judge:
    def judge(
        data: TrainingData, model: str, tasks: Sequence[JudgeTask], progress: Progress
    ) -> list[PanelScores]:
        task = partial(judge_panels, data, model, parameters.sizes, evaluation)
        return mapper(task, tasks, progress)

    return judge


def recommendations(curve: pl.DataFrame, selector: str = "ranked") -> pl.DataFrame:
    """Return the sizes to use, by the one-standard-error rule (Breiman et al. 1984).

    The smallest size whose error exceeds the lowest error of the selector by at most one standard
    error of that lowest error; the standard error is the width of its 95 % interval / 3.92. Of each
    model family for itself, and over all of them: then the lowest error of any counts, and of
    families that reach it with the same size the one of the lowest error is named.

    The errors of two sizes are made on the same patients, so that their difference is surer than
    this rule takes it to be: it leans towards the smaller panel.

    Returns
    -------
    pl.DataFrame
        (scope, model, size, error, best_model, best_size, best_error, allowed): scope is
        ``family`` or, in the last row, ``overall``; ``allowed`` is the largest error that counts as
        no worse.

    Raises
    ------
    PanelError
        If the curve has no error for the selector.
    """
    errors = curve.filter((pl.col("selector") == selector) & (pl.col("metric") == "error"))
    if errors.is_empty():
        raise PanelError(f"the curve holds no error of the selector {selector!r}")
    models = errors["model"].unique(maintain_order=True).to_list()
    rows = [("family", *_recommended(errors.filter(model=model))) for model in models]
    rows.append(("overall", *_recommended(errors)))
    return pl.DataFrame(rows, schema=RECOMMENDED_SCHEMA, orient="row")


def _recommended(errors: pl.DataFrame) -> tuple[str, int, float, str, int, float, float]:
    best = errors.sort("value", "size", "model").row(0, named=True)
    allowed = best["value"] + (best["high"] - best["low"]) / 3.92
    enough = errors.filter(pl.col("value") <= allowed + 1e-12).sort("size", "value", "model")
    chosen = enough.row(0, named=True)
    return (
        *(chosen["model"], chosen["size"], chosen["value"]),
        *(best["model"], best["size"], best["value"], allowed),
    )


def _curve(
    model: str,
    scores: Sequence[PanelScores],
    truth: pl.DataFrame,
    tested: int,
    parameters: PanelParameters,
) -> pl.DataFrame:
    """Pool the folds; no rows has what was not judged, and a size that some fold cannot offer."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for selector in SELECTORS:
        own = [one for one in scores if one.selector == selector]
        if not own:
            continue
        draws = len({one.draw for one in own})
        table = pl.concat(
            [
                # Every random panel judges every sample: each counts as a repeat.
                one.scores.with_columns(repeat=pl.lit(one.repeat * draws + one.draw, pl.Int64))
                for one in own
            ]
        )
        for size in parameters.sizes:
            some = table.filter(size=size)
            if some.select("repeat", "sample_id").n_unique() < tested * draws:
                continue
            judged = some_metrics(some, truth, _measure, parameters.seed, parameters.bootstraps)
            rows += [
                (model, selector, size, metric, value, low, high)
                for metric, _, value, low, high in judged.iter_rows()
                if metric in CURVE_METRICS
            ]
    return pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row")


def _measure(scored: Scored) -> Iterator[Measured]:
    yield from measure_hits(scored)
    yield from measure_averages(scored)
    yield from measure_belief(scored)
    yield measure_coverage(scored)
