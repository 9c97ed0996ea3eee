"""What a treatment is worth: cross-validations, comparisons and sentences of known scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.ablation import CELL, Cell, cells, compare_cells, sentences
from cup_assets.classify.comparison import holm
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.study_parameters import AblationParameters
from cup_assets_tests.classify.test_comparison import known, of_model, right_where

PARAMETERS = EvaluationParameters(strategy="class_weight")
CODES = np.arange(60) % 3
BOTH = AblationParameters(
    models=("svm", "xgboost"), strategies=("none", "smote"), features=("betas", "cnv")
)


def scores_of(right: Mapping[Cell, np.ndarray]) -> pl.DataFrame:
    """Return scores by which each cell is right about some of 60 samples of three classes."""
    return pl.concat(
        [
            of_model(cell.model, right_where(hits, CODES)).with_columns(
                strategy=pl.lit(cell.strategy), features=pl.lit(cell.features)
            )
            for cell, hits in right.items()
        ]
    )


def all_but(*wrong: int) -> np.ndarray:
    hits = np.ones(60, dtype=bool)
    hits[list(wrong)] = False
    return hits


def test_each_cross_validation_is_made_once_and_the_leaderboards_is_among_them() -> None:
    asked = AblationParameters(
        models=("svm",), strategies=("none", "class_weight"), features=("betas", "betas_cnv")
    )
    assert cells(asked, "class_weight") == [
        Cell("svm", "none", "betas"),
        Cell("svm", "class_weight", "betas"),
        Cell("svm", "class_weight", "betas_cnv"),
    ]
    assert len(cells(AblationParameters(), "class_weight")) == 2 * 6
    assert cells(AblationParameters(models=()), "none") == []


def test_each_model_is_compared_with_itself_and_corrected_for_all_comparisons() -> None:
    # Without a treatment the SVM misses ten samples of class 1, which SMOTE finds; boosted trees
    # are the same with both. Copy number alone is wrong about half of the samples.
    missed = all_but(*np.flatnonzero(CODES == 1)[:10])
    right = {
        Cell("svm", "none", "betas"): missed,
        Cell("svm", "smote", "betas"): all_but(),
        Cell("xgboost", "none", "betas"): all_but(5),
        Cell("xgboost", "smote", "betas"): all_but(5),
    }
    for model in BOTH.models:
        right[Cell(model, "class_weight", "betas")] = all_but(7)
        right[Cell(model, "class_weight", "cnv")] = np.arange(60) % 2 == 0
    found = compare_cells(scores_of(right), known(CODES), BOTH, PARAMETERS)

    pairs = found.strategies.select("a", "b").unique(maintain_order=True).rows()
    assert pairs == [("svm · smote", "svm · none"), ("xgboost · smote", "xgboost · none")]
    error = {row["a"]: row for row in found.strategies.filter(metric="error").to_dicts()}
    assert error["svm · smote"]["difference"] == pytest.approx(-10 / 60)
    assert (error["svm · smote"]["a_better"], error["svm · smote"]["b_better"]) == (10, 0)
    assert error["xgboost · smote"]["difference"] == 0
    for table in (found.strategies, found.features):
        assert table["p_holm"].to_list() == pytest.approx(holm(table["p"].to_list()))
    assert set(found.features["a"]) == {"svm · cnv", "xgboost · cnv"}

    changed = found.recalls.filter(pl.col("difference") != 0)
    assert changed.select("model", "class", "before", "after", "difference").rows() == [
        ("svm", "b", "none", "smote", 0.5)
    ]
    told = sentences(found)
    assert told["strategies"][0].startswith(
        "svm, SMOTE instead of no treatment of unequal classes: error 0.0% instead of 16.7%"
        " (-16.7 points, 95 % interval "
    )
    assert told["strategies"][0].endswith(
        "different beyond chance: error, macro F1, log loss (p < .05 after Holm over all"
        " comparisons). Of 3 classes 1 are found more often, 0 less often."
    )
    assert "no difference beyond chance" in told["strategies"][1]
    assert "copy number alone instead of betas alone: error 50.0% instead" in told["features"][0]


def test_what_was_not_computed_is_not_compared() -> None:
    scores = scores_of({Cell("svm", "class_weight", "betas"): all_but(7)})
    found = compare_cells(scores, known(CODES), BOTH, PARAMETERS)
    assert found.strategies.is_empty()
    assert found.features.is_empty()
    assert found.recalls.is_empty()
    assert sentences(found) == {"strategies": [], "features": []}
    assert set(CELL) <= set(scores.columns)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategies": ("smote",)}, "add 'none', which the others are compared with"),
        ({"features": ("cnv", "betas_cnv")}, "add 'betas', which the others are compared with"),
        ({"strategies": ("none", "hope")}, "strategies: 'hope' is unknown: use none, class_weight"),
        ({"features": ("betas", "genes")}, "features: 'genes' is unknown: use betas, cnv"),
    ],
)
def test_a_study_without_its_baseline_or_of_something_unknown_is_refused(
    wrong: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(ClassifyError, match=message):
        AblationParameters(**wrong)
