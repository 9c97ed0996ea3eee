"""The tables behind reliability diagrams, confusion matrices and reject curves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.metrics import metrics
from cup_assets.classify.reliability import confusion_table, reject_curve, reliability_table

CLASSES = ["acinic", "secretory", "warthin"]
FAMILY = {"acinic": "salivary", "secretory": "salivary", "warthin": "benign"}


def frames(
    scores: np.ndarray, truth: list[str], raw: np.ndarray | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    names = [f"s{row:04d}" for row in range(len(scores))]
    long = pl.DataFrame(
        {
            "repeat": [0] * scores.size,
            "sample_id": np.repeat(names, 3),
            "class": CLASSES * len(names),
            "raw_score": (scores if raw is None else raw).ravel(),
            "score": scores.ravel(),
        }
    )
    return long, pl.DataFrame({"sample_id": names, "class": truth})


def honest(n: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return scores that are true chances, with labels drawn from them."""
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet([0.5] * 3, n)
    return scores, [CLASSES[generator.choice(3, p=row)] for row in scores]


def test_scores_that_are_true_chances_lie_on_the_diagonal_and_sharpened_ones_do_not() -> None:
    scores, truth = honest(2000, 1)
    sharp = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    table = reliability_table(*frames(scores, truth, raw=sharp), seed=1, bootstraps=200)
    filled = table.filter(pl.col("n") >= 30)
    covers = (pl.col("low") <= pl.col("predicted")) & (pl.col("predicted") <= pl.col("high"))
    hit = filled.select("kind", covers=covers)
    calibrated, raw = (
        hit.filter(pl.col("kind") == kind)["covers"].mean() for kind in ("calibrated", "raw")
    )
    assert calibrated is not None
    assert raw is not None
    assert calibrated >= 0.8
    assert raw <= 0.3, "overconfident scores must be seen to be so"


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31), st.integers(3, 80))
def test_the_gaps_of_the_table_add_up_to_the_calibration_error(seed: int, n: int) -> None:
    scores, truth = frames(*honest(n, seed))
    table = reliability_table(scores, truth, seed=1, bootstraps=5)
    found = metrics(scores, truth, seed=1, bootstraps=5)
    for kind, name in (("calibrated", "ece"), ("raw", "raw_ece")):
        part = table.filter(pl.col("kind") == kind)
        assert part["n"].sum() == n, "every prediction lies in one bin"
        assert part.height == 10
        gap = (part["predicted"] - part["observed"]).abs().fill_null(0)
        ece = (gap * part["n"]).sum() / n
        assert ece == pytest.approx(found.filter(pl.col("metric") == name)["value"][0])


def test_a_score_of_one_lies_in_the_last_bin_and_empty_bins_say_so() -> None:
    table = reliability_table(*frames(np.array([[1.0, 0, 0]]), ["acinic"]), seed=1, bootstraps=5)
    last = table.filter((pl.col("kind") == "calibrated") & (pl.col("n") > 0)).row(0, named=True)
    assert (last["bin_low"], last["bin_high"], last["n"]) == (0.9, 1.0, 1)
    empty = table.filter(pl.col("n") == 0)
    assert empty.height == 18
    assert empty["observed"].null_count() == 18


def test_confusions_are_counted_by_class_and_by_family() -> None:
    scores = np.array([[0.6, 0.4, 0], [0.7, 0.3, 0], [0.4, 0.25, 0.35], [0.1, 0.1, 0.8]])
    truth = ["acinic", "secretory", "warthin", "warthin"]
    long, known = frames(scores, truth)
    twice = pl.concat([long, long.with_columns(repeat=pl.lit(1, pl.Int64))])
    table = confusion_table(twice, known, FAMILY)
    n = {(level, t, p): (n, share) for level, t, p, n, share in table.iter_rows()}
    assert n["class", "secretory", "acinic"] == (2, 1.0)
    assert n["class", "warthin", "acinic"] == (2, 0.5)
    assert n["class", "warthin", "warthin"] == (2, 0.5)
    assert n["class", "acinic", "warthin"] == (0, 0.0)
    assert n["family", "salivary", "salivary"] == (4, 1.0)
    # .4 + .25 beats .35: the family's score is the sum.
    assert n["family", "benign", "salivary"] == (2, 0.5)
    assert table.filter(pl.col("level") == "class").height == 9
    assert table.group_by("level").agg(pl.col("n").sum())["n"].to_list() == [8, 8]


def test_a_class_without_samples_has_no_shares() -> None:
    table = confusion_table(*frames(np.array([[0.6, 0.4, 0]]), ["acinic"]))
    assert set(table["level"]) == {"class"}
    assert table.filter(pl.col("true") == "warthin")["share"].to_list() == [None] * 3


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_a_higher_threshold_never_calls_more_and_the_ends_are_known(seed: int) -> None:
    scores, truth = frames(*honest(40, seed))
    curve = reject_curve(scores, truth, seed=1, bootstraps=20)
    assert (curve["n_kept"].diff().drop_nulls() <= 0).all()
    assert curve["coverage"][0] == 1
    found = dict(metrics(scores, truth, seed=1, bootstraps=5).select("metric", "value").iter_rows())
    assert curve["accuracy"][0] == pytest.approx(found["accuracy"])
    at_90 = curve.filter(pl.col("threshold") == 0.9).row(0, named=True)
    assert at_90["coverage"] == pytest.approx(found["coverage_at_90"])
    assert at_90["accuracy"] == pytest.approx(found["precision_at_90"])
    assert (curve["accuracy_low"] <= curve["accuracy"]).all()


def test_where_nothing_is_called_no_accuracy_is_claimed() -> None:
    curve = reject_curve(
        *frames(np.array([[0.6, 0.4, 0.0]]), ["acinic"]),
        seed=1,
        bootstraps=5,
        thresholds=[0.5, 0.7],
    )
    assert curve["n_kept"].to_list() == [1, 0]
    assert curve["accuracy"].to_list() == [1.0, None]
    assert curve["accuracy_low"][0] == pytest.approx(0.025), "one patient right proves little"


def test_a_score_at_the_threshold_is_called_as_a_call_calls_it() -> None:
    scores, truth = frames(np.array([[0.9, 0.1, 0.0]]), ["acinic"])
    curve = reject_curve(scores, truth, seed=1, bootstraps=5, thresholds=[0.9, 0.9001])
    assert curve["n_kept"].to_list() == [1, 0]
