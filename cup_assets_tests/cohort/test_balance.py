"""Weights: each strategy does what it says."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.balance import STRATEGIES, synthetic_samples, training_plan
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import CohortError


def members(**sizes: int) -> pl.DataFrame:
    rows = [(f"{name}{i:03d}", name) for name, n in sizes.items() for i in range(n)]
    return pl.DataFrame(rows, schema=["sample_id", "class"], orient="row")


def by_class(plan: pl.DataFrame, frame: pl.DataFrame) -> dict[str, float]:
    joined = plan.join(frame, on="sample_id")
    return dict(joined.group_by("class").agg(pl.col("weight").sum()).iter_rows())


def test_without_a_strategy_every_weight_is_one() -> None:
    plan = training_plan("none", members(a=3, b=1))
    assert plan.columns == ["strategy", "sample_id", "weight"]
    assert plan["weight"].to_list() == [1.0] * 4
    assert set(plan["strategy"]) == {"none"}


def test_class_weight_makes_classes_equal_and_keeps_the_mean() -> None:
    frame = members(a=6, b=2, c=4)
    plan = training_plan("class_weight", frame)
    assert by_class(plan, frame) == pytest.approx({"a": 4.0, "b": 4.0, "c": 4.0})
    assert plan["weight"].mean() == pytest.approx(1.0)


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.dictionaries(st.sampled_from("abc"), st.integers(1, 12), min_size=1),
    seed=st.integers(0, 5),
)
def test_down_sampling_keeps_as_many_of_each_class_as_the_smallest_has(
    sizes: dict[str, int], seed: int
) -> None:
    parameters = CohortParameters(seed=seed)
    frame = members(**sizes)
    plan = training_plan("down_sample", frame, parameters)
    assert by_class(plan, frame) == dict.fromkeys(sizes, float(min(sizes.values())))
    assert set(plan["weight"]) <= {0.0, 1.0}
    assert training_plan("down_sample", frame.reverse(), parameters).equals(plan)


def test_the_draw_depends_on_the_seed() -> None:
    frame = members(a=20, b=2)
    drawn = {
        tuple(training_plan("down_sample", frame, CohortParameters(seed=seed))["weight"])
        for seed in range(5)
    }
    assert len(drawn) > 1


def test_a_larger_smallest_class_keeps_what_was_drawn_before() -> None:
    small, large = members(a=20, b=2), members(a=20, b=7)
    kept = [
        set(training_plan("down_sample", frame).filter(pl.col("weight") == 1)["sample_id"])
        for frame in (small, large)
    ]
    assert kept[0] < kept[1]


def test_excluded_rows_have_no_weight() -> None:
    frame = members(a=2, b=2).with_columns(included=pl.Series([True, True, True, False]))
    for strategy in STRATEGIES:
        assert training_plan(strategy, frame).height == 3


def test_an_unknown_strategy_and_no_members_are_errors() -> None:
    with pytest.raises(CohortError, match="'magic' is unknown: use one of none, class_weight, "):
        training_plan("magic", members(a=1))  # type: ignore[arg-type]
    with pytest.raises(CohortError, match="no members"):
        training_plan("none", members())


def test_smote_weighs_nobody_and_says_how_many_samples_it_would_make() -> None:
    frame = members(a=6, b=2, c=4)
    assert set(training_plan("smote", frame)["weight"]) == {1.0}
    assert synthetic_samples(frame).rows() == [("a", 6, 0), ("b", 2, 4), ("c", 4, 2)]
    left_out = frame.with_columns(included=pl.col("class") != "a")
    assert synthetic_samples(left_out).rows() == [("b", 2, 2), ("c", 4, 0)]
