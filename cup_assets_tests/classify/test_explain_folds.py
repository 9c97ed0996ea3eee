"""Explanations of held-out samples, on a cohort whose informative CpGs are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain import explainer
from cup_assets.classify.explain_folds import (
    FoldExplanation,
    choose_samples,
    explain_folds,
    explain_samples,
    largest_classes,
)
from cup_assets.classify.explain_summary import (
    agreement_table,
    checks_of,
    importance_of,
    importance_table,
)
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import CvResult, nested_cv
from cup_assets.classify.refit import JudgedFold, judged_folds, refit_fold
from cup_assets.classify.study_parameters import ExplanationParameters
from cup_assets_tests.classify.synthetic import QUICK, folds

PARAMETERS = replace(
    QUICK, trees=40, logistic_l1=(), svm_gamma=(0.5,), svm_c=(1.0,), network_epochs=20
)
SETTINGS = ExplanationParameters(top=6)
# Two CpGs are high in class a, two low in it, and two high in class b; the others are noise.
INFORMATIVE = {
    **dict.fromkeys(("cg00000", "cg00001"), ("a", "hyper")),
    **dict.fromkeys(("cg00002", "cg00003"), ("a", "hypo")),
    **dict.fromkeys(("cg00004", "cg00005"), ("b", "hyper")),
}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    generator = np.random.default_rng(3)
    n, p = 90, 60
    y = np.array(["a", "b", "c"])[np.arange(n) // 2 % 3]
    X = generator.normal(0.5, 0.08, (n, p))
    for place, (name, direction) in enumerate(INFORMATIVE.values()):
        X[y == name, place] += 0.25 if direction == "hyper" else -0.25
    samples = pl.DataFrame(
        {
            "sample_id": [f"s{row:03d}" for row in range(n)],
            "class": y.tolist(),
            "patient_id": [f"p{row // 2:03d}" for row in range(n)],
        }
    )
    names = [f"cg{probe:05d}" for probe in range(p)]
    return TrainingData.from_frame(samples, np.clip(X, 0, 1).astype(np.float32), names)


@pytest.fixture(scope="module")
def results(data: TrainingData) -> dict[str, CvResult]:
    plan = folds(data, outer=3)
    return {model: nested_cv(data, model, plan, PARAMETERS) for model in MODELS}


def judged(data: TrainingData, result: CvResult) -> list[JudgedFold]:
    return judged_folds(data, folds(data, outer=3), result.choices, result.scores)


@pytest.fixture(scope="module")
def explained(data: TrainingData, results: dict[str, CvResult]) -> dict[str, list[FoldExplanation]]:
    return {
        model: explain_folds(data, model, judged(data, result), PARAMETERS, SETTINGS, shown=("a",))
        for model, result in results.items()
    }


@pytest.mark.parametrize("model", sorted(MODELS))
def test_planted_cpgs_come_out_on_top_and_point_the_right_way(
    explained: dict[str, list[FoldExplanation]], model: str
) -> None:
    table = importance_table(importance_of(explained[model]), top=60)
    overall = table.filter(pl.col("class").is_null())
    assert set(overall["feature"].head(6)) == set(INFORMATIVE)
    assert overall["share"].sum() == pytest.approx(1)
    for name, (of, direction) in INFORMATIVE.items():
        own = table.filter((pl.col("class") == of) & (pl.col("feature") == name))
        assert own["direction"].to_list() == [direction]
        assert own["correlation"].abs().item() > 0.3
        assert own["folds"].item() == 3
    assert table["n_samples"].unique().to_list() == [90]


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_sample_is_explained_once_by_a_classifier_that_never_saw_it(
    data: TrainingData,
    results: dict[str, CvResult],
    explained: dict[str, list[FoldExplanation]],
    model: str,
) -> None:
    cases = pl.concat([fold.cases for fold in explained[model]])
    shown = cases.select("sample_id", "outer_fold").unique()
    tested = results[model].scores.select("sample_id", "outer_fold").unique()
    assert shown.sort("sample_id").equals(tested.sort("sample_id"))
    called = cases.filter(part="called", rank=1)["sample_id", "class", "score"]
    best = results[model].scores.sort("score", "class", descending=[True, False])
    best = best.group_by("sample_id", maintain_order=True).first().select(called.columns)
    assert called.sort("sample_id").equals(best.sort("sample_id"))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_additivity_error_is_measured_and_small(
    explained: dict[str, list[FoldExplanation]], model: str
) -> None:
    checks = checks_of(explained[model]).row(0, named=True)
    assert checks["n_samples"] == 90
    assert 0 < checks["additivity_max"] < (1e-4 if model == "xgboost" else 1e-10)
    assert checks["additivity_median"] <= checks["additivity_max"]
    assert (checks["floored"] is None) == (model == "random_forest")


def test_an_explainer_that_does_not_add_up_is_seen(
    data: TrainingData, results: dict[str, CvResult]
) -> None:
    fold = judged(data, results["svm"])[0]
    fitted = refit_fold(data, "svm", PARAMETERS, fold)
    own = explainer(fitted.classifier, fitted.background)
    wrong = replace(own, base=own.base + 0.5)  # type: ignore[type-var]
    found = explain_samples(data, fold, fitted, wrong, np.arange(3), 2, ())
    assert found.errors == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_sums_of_a_fold_are_those_of_its_samples_explained_alone(
    data: TrainingData,
    results: dict[str, CvResult],
    explained: dict[str, list[FoldExplanation]],
    model: str,
) -> None:
    fold = judged(data, results[model])[1]
    fitted = refit_fold(data, model, PARAMETERS, fold)
    own = explainer(fitted.classifier, fitted.background)
    alone = [
        explain_samples(data, fold, fitted, own, np.array([row]), 6, ("a",))
        for row in range(len(fold.split.test))
    ]
    together = explained[model][1]
    np.testing.assert_allclose(together.absolute, np.sum([one.absolute for one in alone], axis=0))
    assert together.cases.equals(pl.concat([one.cases for one in alone]))
    one = alone[4].points["a"]
    at = [together.points["a"].features.tolist().index(name) for name in one.features]
    assert (together.points["a"].contributions[4, at] == one.contributions[0]).all()


def test_a_fold_whose_scores_are_not_those_judged_is_not_explained(
    data: TrainingData, results: dict[str, CvResult]
) -> None:
    fold = judged(data, results["svm"])[0]
    raw = fold.raw.copy()
    raw[2, 1] = np.nextafter(raw[2, 1], 1)
    with pytest.raises(ClassifyError, match=r"svm, repeat 0, outer fold 0: sample 's\d+' has the"):
        refit_fold(data, "svm", PARAMETERS, replace(fold, raw=raw))
    seeded = replace(PARAMETERS, seed=2)
    fold = judged(data, results["random_forest"])[0]
    with pytest.raises(ClassifyError, match="run the cross-validation again"):
        refit_fold(data, "random_forest", seeded, fold)


def test_a_fold_that_was_not_evaluated_is_named(
    data: TrainingData, results: dict[str, CvResult]
) -> None:
    result = results["svm"]
    for choices, scores, said in [
        (result.choices.head(2), result.scores, "outer fold 2 was not evaluated"),
        (result.choices, result.scores.slice(1), "lacks scores"),
    ]:
        with pytest.raises(ClassifyError, match=said):
            judged_folds(data, folds(data, outer=3), choices, scores)


def test_a_limit_on_samples_leaves_no_class_out(
    data: TrainingData, results: dict[str, CvResult]
) -> None:
    plan = judged(data, results["svm"])
    for most in (3, 7, 0, 1000):
        chosen = choose_samples(data, plan, most)
        rows = np.concatenate([f.split.test[rows] for f, rows in zip(plan, chosen, strict=True)])
        sizes = np.unique(data.y[rows], return_counts=True)[1]
        assert len(sizes) == 3
        assert sizes.max() - sizes.min() <= 1
        assert sizes.sum() == (most if 0 < most < 90 else 90)
    repeated = [*plan, *(replace(f, split=replace(f.split, repeat=1)) for f in plan)]
    assert [len(rows) for rows in choose_samples(data, repeated, 0)] == [30, 30, 30, 0, 0, 0]
    assert largest_classes(data, plan, 2) == ["a", "b"]


def test_agreement_is_full_with_oneself_and_of_no_rank_with_noise(
    explained: dict[str, list[FoldExplanation]],
) -> None:
    own = importance_of(explained["svm"])
    generator = np.random.default_rng(1)
    noise = replace(own, mean_absolute=generator.random(own.mean_absolute.shape))
    table = agreement_table({"a": own, "b": own, "c": noise}, top=6)
    same = table.filter(a="a", b="b")
    assert same.height == 2 * (1 + 3)
    assert same["value"].to_list() == pytest.approx([1.0] * same.height)
    assert table.filter(metric="overlap")["by_chance"].unique().to_list() == [6 / 60]
    other = table.filter(a="a", b="c", metric="rank_correlation")
    assert other["value"].abs().max() < 0.45  # type: ignore[operator]


def test_models_agree_on_what_was_planted(
    explained: dict[str, list[FoldExplanation]],
) -> None:
    models = {model: importance_of(folds) for model, folds in explained.items()}
    table = agreement_table(models, top=6).filter(pl.col("class").is_null())
    assert table.filter(metric="overlap")["value"].to_list() == [1.0] * 10
