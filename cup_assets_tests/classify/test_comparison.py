"""Paired comparison: the same held-out samples, tests known from the textbook."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cup_assets.classify.comparison import COMPARISON_SCHEMA, compare, holm, recall_change
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.metrics import metrics
from cup_assets.classify.paired import mcnemar

CLASSES = ["a", "b", "c"]


def of_model(name: str, scores: np.ndarray, repeat: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": [name] * scores.size,
            "repeat": [repeat] * scores.size,
            "sample_id": np.repeat([f"s{row:04d}" for row in range(len(scores))], 3),
            "class": CLASSES * len(scores),
            "raw_score": scores.ravel(),
            "score": scores.ravel(),
        }
    )


def right_where(right: np.ndarray, codes: np.ndarray, sure: float = 0.8) -> np.ndarray:
    called = np.where(right, codes, (codes + 1) % 3)
    scores = np.full((len(codes), 3), (1 - sure) / 2)
    scores[np.arange(len(codes)), called] = sure
    return scores


def known(codes: np.ndarray, patients: list[str] | None = None) -> pl.DataFrame:
    names = [f"s{row:04d}" for row in range(len(codes))]
    labels = [CLASSES[code] for code in codes]
    return pl.DataFrame({"sample_id": names, "class": labels, "patient_id": patients or names})


CODES = np.arange(60) % 3
# Of 60 samples 10 are right by the first only, 2 by the second only.
FIRST, SECOND = np.ones(60, dtype=bool), np.ones(60, dtype=bool)
FIRST[[3, 4]] = False
SECOND[10:20] = False


def row(frame: pl.DataFrame, metric: str, a: str = "first") -> dict[str, object]:
    return frame.row(by_predicate=(pl.col("metric") == metric) & (pl.col("a") == a), named=True)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    scores = [
        of_model("first", right_where(FIRST, CODES)),
        of_model("second", right_where(SECOND, CODES)),
    ]
    return compare(pl.concat(scores), known(CODES), seed=1, draws=500)


def test_the_error_is_tested_as_mcnemar_did(table: pl.DataFrame) -> None:
    assert table.schema == COMPARISON_SCHEMA
    found = row(table, "error")
    assert (found["a_better"], found["b_better"]) == (10, 2)
    assert found["test"] == "mcnemar_exact"
    # Of 12 patients of whom one is right and the other wrong, 2 or fewer: (1 + 12 + 66) / 4096.
    assert found["p"] == pytest.approx(2 * 79 / 4096)
    assert found["difference"] == pytest.approx(-8 / 60)
    assert table["p_holm"].to_list() == holm(table["p"].to_list())


def test_the_values_are_those_of_the_metrics(table: pl.DataFrame) -> None:
    alone = metrics(of_model("x", right_where(SECOND, CODES)), known(CODES), 1, 5)
    expected = dict(alone.filter(pl.col("class").is_null()).select("metric", "value").iter_rows())
    for name in ("error", "macro_f1", "log_loss"):
        assert row(table, name)["value_b"] == pytest.approx(expected[name])


def test_the_interval_of_a_difference_is_narrower_than_the_models_apart_suggest() -> None:
    generator = np.random.default_rng(1)
    codes = np.arange(300) % 3
    hard = generator.random(300) < 0.3
    one, two = ~hard, ~hard.copy()
    two[np.flatnonzero(one)[:12]] = False
    frames = {
        name: of_model(name, right_where(right, codes)) for name, right in (("x", one), ("y", two))
    }
    found = row(compare(pl.concat(frames.values()), known(codes), seed=1, draws=500), "error", "x")
    apart = metrics(frames["x"], known(codes), 1).row(
        by_predicate=pl.col("metric") == "error", named=True
    )
    paired_width = float(found["high"]) - float(found["low"])  # type: ignore[arg-type]
    assert paired_width < (apart["high"] - apart["low"]) / 2
    assert float(found["high"]) < 0  # type: ignore[arg-type]
    assert float(found["p"]) < 0.001  # type: ignore[arg-type]


def test_a_classifier_does_not_differ_from_itself() -> None:
    same = right_where(FIRST, CODES)
    scores = pl.concat([of_model("one", same), of_model("two", same)])
    table = compare(scores, known(CODES), seed=1, draws=100)
    assert table["difference"].to_list() == [0.0] * 3
    assert table["p"].to_list() == [1.0] * 3
    assert table["low"].null_count() == 3


def test_of_two_classifiers_that_do_not_differ_few_are_told_apart() -> None:
    generator = np.random.default_rng(5)
    codes = np.arange(60) % 3
    called = {"error": 0, "macro_f1": 0, "log_loss": 0}
    for _ in range(60):
        both = [
            of_model(name, generator.dirichlet([1, 1, 1], 60) * 0.8 + np.eye(3)[codes] * 0.2)
            for name in ("x", "y")
        ]
        table = compare(pl.concat(both), known(codes), seed=1, draws=200)
        for name, p in table.select("metric", "p").iter_rows():
            called[name] += p <= 0.05
    # 10 or more of 60 by chance of 5 % has a probability below .001.
    assert max(called.values()) < 10


def test_copies_of_a_patient_are_no_further_evidence() -> None:
    thrice = [f"p{row % 60}" for row in range(180)]
    scores = pl.concat(
        [
            of_model("first", np.tile(right_where(FIRST, CODES), (3, 1))),
            of_model("second", np.tile(right_where(SECOND, CODES), (3, 1))),
        ]
    )
    table = compare(scores, known(np.tile(CODES, 3), thrice), seed=1, draws=200)
    assert row(table, "error")["p"] == pytest.approx(2 * 79 / 4096)
    assert (table["n_samples"][0], table["n_patients"][0]) == (180, 60)


def test_repeats_are_averaged_and_are_no_further_evidence_either() -> None:
    models = (("first", FIRST), ("second", SECOND))
    scores = pl.concat(
        [
            of_model(name, right_where(right, CODES), repeat)
            for name, right in models
            for repeat in range(3)
        ]
    )
    table = compare(scores, known(CODES), seed=1, draws=200)
    assert row(table, "error")["p"] == pytest.approx(2 * 79 / 4096)
    assert row(table, "error")["difference"] == pytest.approx(-8 / 60)


def test_the_better_scores_are_told_where_the_classes_called_are_the_same() -> None:
    sure, unsure = (right_where(FIRST, CODES, level) for level in (0.8, 0.5))
    scores = pl.concat([of_model("first", sure), of_model("unsure", unsure)])
    table = compare(scores, known(CODES), seed=1, draws=500)
    assert row(table, "error")["p"] == 1
    found = row(table, "log_loss")
    assert (found["a_better"], found["b_better"]) == (58, 2)
    assert float(found["high"]) < 0  # type: ignore[arg-type]
    assert float(found["p"]) < 0.01  # type: ignore[arg-type]
    assert found["test"] == "exchange"


def test_the_exchange_test_agrees_with_all_exchanges() -> None:
    generator = np.random.default_rng(2)
    codes = np.arange(9) % 3
    one, two = (generator.dirichlet([1, 1, 1], 9) * 0.6 + np.eye(3)[codes] * 0.4 for _ in range(2))
    gain = -np.log(one[np.arange(9), codes]) + np.log(two[np.arange(9), codes])
    signs = 1 - 2 * ((np.arange(512)[:, None] >> np.arange(9)) & 1)
    exact = (np.abs(signs @ gain) >= abs(gain.sum()) - 1e-9).mean()
    scores = pl.concat([of_model("first", one), of_model("second", two)])
    found = row(compare(scores, known(codes), seed=1, draws=4000), "log_loss")
    assert 0.05 < exact < 0.95
    assert found["p"] == pytest.approx(exact, abs=0.03)


def test_predictions_of_only_one_take_no_part_and_are_counted() -> None:
    second = of_model("second", right_where(SECOND, CODES)).filter(pl.col("sample_id") != "s0003")
    scores = pl.concat([of_model("first", right_where(FIRST, CODES)), second])
    found = row(compare(scores, known(CODES), seed=1, draws=50), "error")
    assert (found["n_samples"], found["n_unpaired"], found["b_better"]) == (59, 1, 1)


def test_all_pairs_or_each_with_the_baseline() -> None:
    scores = pl.concat([of_model(name, right_where(FIRST, CODES)) for name in ("x", "y", "z")])
    pairs = compare(scores, known(CODES), seed=1, draws=20).select("a", "b").unique().sort("a", "b")
    assert pairs.rows() == [("x", "y"), ("x", "z"), ("y", "z")]
    against = compare(scores, known(CODES), seed=1, draws=20, baseline="y")
    assert against.select("a", "b").unique().sort("a").rows() == [("x", "y"), ("z", "y")]
    with pytest.raises(ClassifyError, match="baseline 'q' is unknown: use one of x, y, z"):
        compare(scores, known(CODES), seed=1, baseline="q")


def test_what_cannot_be_compared_is_refused_with_the_reason() -> None:
    one = of_model("first", right_where(FIRST, CODES))
    with pytest.raises(ClassifyError, match="nothing to compare: there is only first"):
        compare(one, known(CODES), seed=1)
    other = of_model("second", right_where(FIRST, CODES), repeat=1)
    with pytest.raises(ClassifyError, match="first and second have no held-out prediction in comm"):
        compare(pl.concat([one, other]), known(CODES), seed=1)
    with pytest.raises(ClassifyError, match="lack the column 'features'"):
        compare(one, known(CODES), seed=1, by=["features"])


def test_the_same_seed_gives_the_same_table(table: pl.DataFrame) -> None:
    scores = [
        of_model("second", right_where(SECOND, CODES)),
        of_model("first", right_where(FIRST, CODES)),
    ]
    again = compare(pl.concat(scores), known(CODES), seed=1, draws=500)
    assert_frame_equal(table, again, check_exact=True)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = [p for p in holm(p_values) if p is not None]
    assert all(new >= old for new, old in zip(corrected, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    if p_values:
        assert min(corrected) == pytest.approx(min(1.0, len(p_values) * min(p_values)))


def test_holm_multiplies_the_smallest_by_all_and_passes_over_what_is_not_tested() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])


def test_mcnemar_without_discordant_patients_tells_nothing() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 6) == pytest.approx(2 / 64)


def test_recall_before_and_after_balancing_names_the_classes_that_gain_and_lose() -> None:
    codes = np.array([0] * 40 + [1] * 10)
    before = np.array([True] * 40 + [False] * 6 + [True] * 4)
    after = np.array([True] * 36 + [False] * 5 + [True] * 9)
    scores = pl.concat(
        [
            of_model("x", right_where(before, codes)).with_columns(strategy=pl.lit("none")),
            of_model("x", right_where(after, codes)).with_columns(strategy=pl.lit("class_weight")),
        ]
    )
    table = recall_change(scores, known(codes), seed=1, draws=500)
    rare, common = table.rows(named=True)
    assert (rare["class"], rare["n_samples"], rare["after"]) == ("b", 10, "class_weight")
    assert (rare["recall_before"], rare["recall_after"]) == pytest.approx((0.4, 0.9))
    assert rare["difference"] == pytest.approx(0.5)
    assert rare["low"] > 0
    assert common["difference"] == pytest.approx(-0.1)
    assert common["high"] <= 0
    with pytest.raises(ClassifyError, match="strategy needs 'none' and another to compare"):
        recall_change(scores.filter(pl.col("strategy") == "none"), known(codes), seed=1)
