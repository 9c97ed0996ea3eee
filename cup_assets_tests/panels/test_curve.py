"""The curve of performance against panel size: honest, and right where the truth is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.classify.models import MODELS as REGISTER
from cup_assets.classify.nested import outer_folds
from cup_assets.compute import local, serial
from cup_assets.panels import PanelCurve, PanelError, PanelParameters, panel_curve, recommendations
from cup_assets.panels.curve import CURVE_METRICS
from cup_assets.panels.fold_choice import choose_in_fold, fold_tasks
from cup_assets.panels.judge import JudgeTask, PanelScores, judge_panels
from cup_assets.panels.parameters import RANDOM_JUDGES
from cup_assets_tests.classify.leaks import assert_chance_level, planted
from cup_assets_tests.classify.synthetic import QUICK as MODELS
from cup_assets_tests.classify.synthetic import folds as grouped_folds
from cup_assets_tests.panels.conftest import make_cohort

QUICK = PanelParameters(
    sizes=(3, 6, 12), models=("logistic_regression",), trees=40, components=3, random_draws=2,
    bootstraps=100, correlated=0.95,
)  # fmt: skip
# One candidate each: what is tuned is tested with the leaderboard.
LIGHT = dataclasses.replace(
    MODELS, logistic_c=(10.0,), logistic_l1=(), calibration_c=(1.0,), svm_c=(1.0,), svm_gamma=()
)
Folds = Callable[[TrainingData], pl.DataFrame]


@pytest.fixture(scope="module")
def judged(cohort: TrainingData, folds_of: Folds) -> PanelCurve:
    return panel_curve(cohort, folds_of(cohort), QUICK, LIGHT)


def figure(curve: pl.DataFrame, selector: str, size: int, metric: str = "error") -> float:
    row = curve.filter(
        (pl.col("selector") == selector) & (pl.col("size") == size) & (pl.col("metric") == metric)
    )
    return float(row["value"].item())


def test_selected_cpgs_beat_random_ones(judged: PanelCurve) -> None:
    assert figure(judged.curve, "ranked", 12) < 0.05
    assert figure(judged.curve, "random", 12) > 0.35
    for size in QUICK.sizes:
        for metric, sign in (("error", 1), ("log_loss", 1), ("macro_f1", -1)):
            ours, blind = (figure(judged.curve, s, size, metric) for s in ("ranked", "random"))
            assert sign * ours < sign * blind


def test_every_selector_size_and_metric_has_a_value_inside_its_interval(
    judged: PanelCurve,
) -> None:
    assert judged.curve.height == 3 * 3 * len(CURVE_METRICS)
    # A macro F1 of 1 in every draw has no interval: the bootstrap cannot tell how sure it is.
    without = judged.curve.filter(pl.any_horizontal(pl.all().is_null()))
    assert set(without["value"]) <= {0.0, 1.0}
    assert set(without["metric"]) <= {"macro_f1", "balanced_accuracy", "coverage_at_99"}
    assert (judged.curve["low"] <= judged.curve["value"]).all()
    assert (judged.curve["value"] <= judged.curve["high"]).all()


def test_every_fold_chooses_the_planted_cpgs(judged: PanelCurve, informative: list[str]) -> None:
    assert judged.choices.height == 4 * 12
    for _, chosen in judged.choices.group_by("repeat", "outer_fold"):
        assert set(chosen.sort("rank").head(8)["probe_id"]) < set(informative)


@pytest.mark.parametrize("order", ["separation", "mean_rank"])
def test_labels_without_signal_give_chance_at_every_size(order: str) -> None:
    base = make_cohort(seed=2, per_class=40, n_probes=3000)
    labels = np.random.default_rng(2).permutation(base.y[::2])
    data = dataclasses.replace(base, y=np.repeat(labels, 2))
    asked = dataclasses.replace(QUICK, order=order, sizes=(3, 12), random_draws=1, candidates=3000)
    scores: dict[int, list[pl.DataFrame]] = {3: [], 12: []}

    def judge(
        few: TrainingData, model: str, tasks: Sequence[JudgeTask], progress: object
    ) -> list[PanelScores]:
        found = [judge_panels(few, model, asked.sizes, LIGHT, task) for task in tasks]
        for one in found:
            for size in scores if one.selector == "ranked" else ():
                scores[size].append(one.scores.filter(size=size))
        return found

    panel_curve(data, grouped_folds(data, outer=2), asked, LIGHT, judge=judge)
    for size in asked.sizes:
        found = pl.concat(scores[size])
        assert_chance_level(data, found)
        # Calibration would hide a choice that knew the test samples: the inner loop finds nothing
        # to believe in. Of the raw scores 7 in 10 would be right then.
        assert_chance_level(data, found.with_columns(score="raw_score"))


def test_the_inner_loop_does_not_know_the_samples_that_it_holds_out(
    wide_cohort: TrainingData, folds_of: Folds
) -> None:
    """With labels at random, held-out scores tell nothing: calibration must say so."""
    labels = np.random.default_rng(1).permutation(wide_cohort.y[::2])
    shuffled = dataclasses.replace(wide_cohort, y=np.repeat(labels, 2))
    asked = dataclasses.replace(QUICK, sizes=(12,), random_draws=1)
    cautious = dataclasses.replace(LIGHT, calibration_c=(0.001, 1.0))
    curve = panel_curve(shuffled, folds_of(shuffled), asked, cautious).curve
    # Calibrated on CpGs that knew the held-out samples, it is sure and wrong: 1.77.
    assert figure(curve, "ranked", 12, "log_loss") < np.log(3) + 0.1


def test_nothing_of_the_test_samples_reaches_the_choice(
    cohort: TrainingData, folds_of: Folds, judged: PanelCurve
) -> None:
    folds = folds_of(cohort)
    held_out = folds.filter((pl.col("outer_fold") == 0) & pl.col("inner_fold").is_null())
    test = np.isin(cohort.sample_ids, held_out["sample_id"].to_list())
    X, y = cohort.X.copy(), cohort.y.copy()
    rng = np.random.default_rng(0)
    X[test] = rng.random((int(test.sum()), X.shape[1]))
    y[test] = rng.permutation(y[test])
    # A probe that spells out the test samples' classes, and says nothing in the training part.
    X[test, 299] = np.searchsorted(np.unique(y), y[test]) / 2
    spoilt = dataclasses.replace(cohort, X=X, y=y)
    first = folds.filter(pl.col("outer_fold") == 0)
    chosen = panel_curve(spoilt, first, QUICK, LIGHT).choices
    expected = judged.choices.filter(pl.col("outer_fold") == 0)
    assert chosen.equals(expected)
    assert "cg00000299" not in set(chosen["probe_id"])


def test_the_curve_is_the_same_every_time_and_on_any_number_of_processes(
    cohort: TrainingData, folds_of: Folds, judged: PanelCurve
) -> None:
    seen: list[tuple[int, int]] = []
    again = panel_curve(
        cohort, folds_of(cohort), QUICK, LIGHT, local(2), lambda *step: seen.append(step)
    )  # fmt: skip
    assert again.curve.equals(judged.curve)
    assert again.choices.equals(judged.choices)
    assert again.recommended.equals(judged.recommended)
    assert again.stability.equals(judged.stability)
    # Four folds to choose in, and their panels by four choosers to judge.
    assert seen == [(done, 20) for done in range(1, 21)]


def test_the_recommended_size_is_the_smallest_within_one_standard_error() -> None:
    rows = [
        ("svm", "ranked", 5, 0.20, 0.15, 0.25),
        ("svm", "ranked", 10, 0.114, 0.08, 0.15),
        ("svm", "ranked", 20, 0.10, 0.06, 0.1392),
        ("svm", "ranked", 50, 0.11, 0.08, 0.14),
        ("svm", "random", 5, 0.01, 0.0, 0.02),
        ("xgboost", "ranked", 5, 0.115, 0.11, 0.12),
        ("xgboost", "ranked", 10, 0.111, 0.11, 0.12),
    ]
    columns = ["model", "selector", "size", "value", "low", "high"]
    curve = pl.DataFrame(rows, schema=columns, orient="row").with_columns(metric=pl.lit("error"))
    found = recommendations(curve)
    # The interval of svm's best, .0792 wide, makes a standard error of .0202, that of xgboost's
    # best .0026. Over both families xgboost's five CpGs are within the error of svm's best.
    assert found["scope", "model", "size", "best_model", "best_size"].rows() == [
        ("family", "svm", 10, "svm", 20),
        ("family", "xgboost", 10, "xgboost", 10),
        ("overall", "xgboost", 5, "svm", 20),
    ]
    assert found["allowed"].to_list() == pytest.approx([0.1202, 0.11355, 0.1202], abs=1e-4)
    tighter = curve.with_columns(high=pl.col("value"), low=pl.col("value"))
    assert recommendations(tighter)["size"].to_list() == [20, 10, 20]
    with pytest.raises(PanelError, match="no error of the selector 'best'"):
        recommendations(curve, "best")


def test_sizes_beyond_the_cpgs_there_are_have_no_rows(
    cohort: TrainingData, folds_of: Folds
) -> None:
    few = dataclasses.replace(cohort, X=cohort.X[:, :8], probe_ids=cohort.probe_ids[:8])
    curve = panel_curve(few, folds_of(cohort), QUICK, LIGHT).curve
    assert set(curve["size"]) == {3, 6}
    two = dataclasses.replace(cohort, X=cohort.X[:, :2], probe_ids=cohort.probe_ids[:2])
    with pytest.raises(
        PanelError, match="fold 0: 2 CpGs vary in the training part, too few for a panel of 3"
    ):
        panel_curve(two, folds_of(cohort), QUICK, LIGHT)


def test_a_parts_choice_is_the_same_whatever_the_samples_outside_of_it_hold(
    cohort: TrainingData, folds_of: Folds
) -> None:
    """Of the training part, and of what is left of it without an inner fold."""
    splits = outer_folds(cohort, folds_of(cohort))[:1]
    split = splits[0]
    inner = np.unique(split.inner)[0]
    rng = np.random.default_rng(5)
    for part, outside in ((0, split.test), (1, split.train[split.inner == inner])):
        X, y = cohort.X.copy(), cohort.y.copy()
        X[outside] = rng.random((len(outside), X.shape[1]))
        y[outside] = rng.permutation(y[outside])
        other = dataclasses.replace(cohort, X=X, y=y)
        chosen = []
        for data in (cohort, other):
            few, (task,) = fold_tasks(data, splits, QUICK, serial)
            found = choose_in_fold(few, QUICK, task).pipelines
            chosen.append({
                chooser: (own.whole, *own.without)[part].probe_ids.tolist()
                for chooser, own in found.items()
            })  # fmt: skip
        assert chosen[0] == chosen[1]
        assert set(chosen[0]) == {("ranked", 0), ("top_variance", 0), ("random", 0), ("random", 1)}


def test_a_label_written_into_the_training_samples_alone_is_chosen_and_does_not_help(
    wide_cohort: TrainingData, folds_of: Folds
) -> None:
    folds = folds_of(wide_cohort).filter(pl.col("outer_fold") == 0)
    (split,) = outer_folds(wide_cohort, folds)
    for where, expected in (("all", 0.0), ("training", 0.3)):
        data = planted(wide_cohort, split, where)
        asked = dataclasses.replace(QUICK, sizes=(3,), random_draws=1)
        found = panel_curve(data, folds, asked, LIGHT)
        assert set(found.choices["probe_id"]) <= {f"cg{at:08d}" for at in range(3)}
        assert figure(found.curve, "ranked", 3) >= expected
        assert where == "training" or figure(found.curve, "ranked", 3) == 0


def test_random_panels_are_judged_by_one_cheap_family_unless_others_are_named(
    cohort: TrainingData, folds_of: Folds
) -> None:
    assert set(RANDOM_JUDGES) == set(REGISTER)
    folds, seen = folds_of(cohort).filter(pl.col("outer_fold") < 2), list[tuple[int, int]]()
    asked = dataclasses.replace(QUICK, models=("svm", "logistic_regression"), sizes=(3,))
    one = panel_curve(
        cohort, folds, asked, LIGHT, progress=lambda *step: seen.append(step)
    ).curve  # fmt: skip
    # Two folds to choose in; two selectors for one family, and two draws besides for the other.
    assert seen == [(done, 14) for done in range(1, 15)]
    every = dataclasses.replace(asked, random_models=("svm", "logistic_regression"))
    both = panel_curve(cohort, folds, every, LIGHT).curve
    assert set(both.filter(selector="random")["model"]) == {"svm", "logistic_regression"}
    # Nothing else changes, to the last bit.
    blind = (pl.col("model") == "svm") & (pl.col("selector") == "random")
    assert one.equals(both.filter(~blind))
    with pytest.raises(PanelError, match="'xgboost' is not a family of the curve: use svm, log"):
        dataclasses.replace(asked, random_models=("xgboost",))


@pytest.mark.slow
def test_every_model_family_is_judged_by_default(cohort: TrainingData, folds_of: Folds) -> None:
    every = tuple(REGISTER)
    asked = dataclasses.replace(
        QUICK, models=(), sizes=(3, 12), random_draws=1, random_models=every
    )
    found = panel_curve(cohort, folds_of(cohort), asked, LIGHT)
    assert set(found.curve["model"]) == set(REGISTER)
    assert found.recommended["scope"].to_list() == ["family"] * 5 + ["overall"]
    for model in REGISTER:
        own = found.curve.filter(model=model)
        assert figure(own, "ranked", 12) < 0.1 < figure(own, "random", 12)


def test_a_caller_can_make_the_scores_itself(
    cohort: TrainingData, folds_of: Folds, judged: PanelCurve
) -> None:
    asked: list[tuple[str, int]] = []

    def judge(
        few: TrainingData, model: str, tasks: Sequence[JudgeTask], progress: object
    ) -> list[PanelScores]:
        asked.append((model, len(tasks)))
        return [judge_panels(few, model, QUICK.sizes, LIGHT, task) for task in tasks]

    found = panel_curve(cohort, folds_of(cohort), QUICK, LIGHT, judge=judge)
    assert found.curve.equals(judged.curve)
    assert asked == [("logistic_regression", 4 * 4)]


def test_only_the_first_repeats_are_used(cohort: TrainingData, folds_of: Folds) -> None:
    folds = folds_of(cohort)
    twice = pl.concat([folds, folds.with_columns(repeat=pl.lit(1, pl.Int64))])
    quick = dataclasses.replace(QUICK, sizes=(3,), random_draws=1, bootstraps=10)
    assert set(panel_curve(cohort, twice, quick, LIGHT).choices["repeat"]) == {0}
    both = dataclasses.replace(quick, max_repeats=2)
    assert set(panel_curve(cohort, twice, both, LIGHT).choices["repeat"]) == {0, 1}


def test_a_class_missing_from_a_training_part_is_scored_zero_not_crashed_on(
    cohort: TrainingData, folds_of: Folds
) -> None:
    folds = folds_of(cohort)
    alone = np.flatnonzero(cohort.y == "nut")[2:]
    kept = np.setdiff1d(np.arange(len(cohort.y)), alone)
    names = cohort.sample_ids[kept].tolist()
    fields = ("sample_ids", "X", "y", "patient", "material", "array", "site", "family", "batch")
    rare = dataclasses.replace(cohort, **{name: getattr(cohort, name)[kept] for name in fields})
    curve = panel_curve(rare, folds.filter(pl.col("sample_id").is_in(names)), QUICK, LIGHT).curve
    assert figure(curve, "ranked", 12) >= 2 / len(names)
