"""The curve of performance against panel size: honest, and right where the truth is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.compute import local
from cup_assets.panels import PanelCurve, PanelError, PanelParameters, panel_curve, recommended_size

QUICK = PanelParameters(
    sizes=(3, 6, 12), trees=40, components=3, random_draws=3, bootstraps=100, correlated=0.95
)
Folds = Callable[[TrainingData], pl.DataFrame]


@pytest.fixture(scope="module")
def judged(cohort: TrainingData, folds_of: Folds) -> PanelCurve:
    return panel_curve(cohort, folds_of(cohort), QUICK)


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
    assert judged.curve.height == 3 * 3 * 3
    # A macro F1 of 1 in every draw has no interval: the bootstrap cannot tell how sure it is.
    without = judged.curve.filter(pl.any_horizontal(pl.all().is_null()))
    assert set(without["metric"]) <= {"macro_f1"}
    assert set(without["value"]) <= {1.0}
    assert (judged.curve["low"] <= judged.curve["value"]).all()
    assert (judged.curve["value"] <= judged.curve["high"]).all()


def test_every_fold_chooses_the_planted_cpgs(judged: PanelCurve, informative: list[str]) -> None:
    assert judged.choices.height == 4 * 12
    for _, chosen in judged.choices.group_by("repeat", "outer_fold"):
        assert set(chosen.sort("rank").head(8)["probe_id"]) < set(informative)


def test_permuted_labels_give_a_panel_of_chance_level(
    wide_cohort: TrainingData, folds_of: Folds
) -> None:
    labels = np.random.default_rng(1).permutation(wide_cohort.y[::2])
    shuffled = dataclasses.replace(wide_cohort, y=np.repeat(labels, 2))
    curve = panel_curve(shuffled, folds_of(shuffled), QUICK).curve
    # Chance is 2/3; were the CpGs chosen on all samples, the largest panel would come near 1/2.
    for size in QUICK.sizes:
        assert figure(curve, "ranked", size) > 0.57


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
    chosen = panel_curve(spoilt, first, QUICK).choices
    expected = judged.choices.filter(pl.col("outer_fold") == 0)
    assert chosen.equals(expected)
    assert "cg00000299" not in set(chosen["probe_id"])


def test_the_curve_is_the_same_every_time_and_on_any_number_of_processes(
    cohort: TrainingData, folds_of: Folds, judged: PanelCurve
) -> None:
    seen: list[tuple[int, int]] = []
    again = panel_curve(cohort, folds_of(cohort), QUICK, local(2), lambda *step: seen.append(step))
    assert again.curve.equals(judged.curve)
    assert again.choices.equals(judged.choices)
    assert again.recommended == judged.recommended
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_recommended_size_is_the_smallest_within_one_standard_error() -> None:
    rows = [
        ("ranked", 5, 0.20, 0.15, 0.25),
        ("ranked", 10, 0.114, 0.08, 0.15),
        ("ranked", 20, 0.10, 0.06, 0.1392),
        ("ranked", 50, 0.11, 0.08, 0.14),
        ("random", 5, 0.01, 0.0, 0.02),
    ]
    columns = ["selector", "size", "value", "low", "high"]
    curve = pl.DataFrame(rows, schema=columns, orient="row").with_columns(metric=pl.lit("error"))
    # The interval of the best, .0792 wide, makes a standard error of .0202.
    assert recommended_size(curve) == 10
    tighter = curve.with_columns(high=pl.col("value"), low=pl.col("value"))
    assert recommended_size(tighter) == 20
    with pytest.raises(PanelError, match="no error of the selector 'best'"):
        recommended_size(curve, "best")


def test_sizes_beyond_the_cpgs_there_are_have_no_rows(
    cohort: TrainingData, folds_of: Folds
) -> None:
    few = dataclasses.replace(cohort, X=cohort.X[:, :8], probe_ids=cohort.probe_ids[:8])
    curve = panel_curve(few, folds_of(cohort), QUICK).curve
    assert set(curve["size"]) == {3, 6}
    two = dataclasses.replace(cohort, X=cohort.X[:, :2], probe_ids=cohort.probe_ids[:2])
    with pytest.raises(
        PanelError, match="fold 0: 2 CpGs vary in the training part, too few for a panel of 3"
    ):
        panel_curve(two, folds_of(cohort), QUICK)


def test_only_the_first_repeats_are_used(cohort: TrainingData, folds_of: Folds) -> None:
    folds = folds_of(cohort)
    twice = pl.concat([folds, folds.with_columns(repeat=pl.lit(1, pl.Int64))])
    quick = dataclasses.replace(QUICK, sizes=(3,), random_draws=1, bootstraps=10)
    assert set(panel_curve(cohort, twice, quick).choices["repeat"]) == {0}
    both = dataclasses.replace(quick, max_repeats=2)
    assert set(panel_curve(cohort, twice, both).choices["repeat"]) == {0, 1}


def test_a_class_missing_from_a_training_part_is_scored_zero_not_crashed_on(
    cohort: TrainingData, folds_of: Folds
) -> None:
    folds = folds_of(cohort)
    alone = np.flatnonzero(cohort.y == "nut")[2:]
    kept = np.setdiff1d(np.arange(len(cohort.y)), alone)
    names = cohort.sample_ids[kept].tolist()
    fields = ("sample_ids", "X", "y", "patient", "material", "array", "site", "family", "batch")
    rare = dataclasses.replace(cohort, **{name: getattr(cohort, name)[kept] for name in fields})
    curve = panel_curve(rare, folds.filter(pl.col("sample_id").is_in(names)), QUICK).curve
    assert figure(curve, "ranked", 12) >= 2 / len(names)
