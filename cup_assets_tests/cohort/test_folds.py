"""Folds: a partition by person, balanced by class, and stable while the cohort grows."""

from __future__ import annotations

from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.folds import FOLD_SCHEMA, assign_folds
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import FoldsError

PARAMETERS = CohortParameters(outer_folds=3, inner_folds=2)


def members(sizes: dict[str, list[int]], prefix: str = "") -> pl.DataFrame:
    """Return members from class -> number of samples of each of its patients."""
    rows = [
        (f"{prefix}{name}-{patient}-{sample}", name, f"{prefix}{name}-{patient}")
        for name, patients in sizes.items()
        for patient, n in enumerate(patients)
        for sample in range(n)
    ]
    return pl.DataFrame(rows, schema=["sample_id", "class", "patient_id"], orient="row")


def outer_test_of(folds: pl.DataFrame) -> dict[tuple[int, str], int]:
    """Return (repeat, sample) -> the outer fold in which it is tested."""
    test = folds.filter(pl.col("inner_fold").is_null())
    return {(r, s): f for r, f, s in test.select("repeat", "outer_fold", "sample_id").iter_rows()}


_SIZES = st.dictionaries(
    st.sampled_from(["acc", "muco", "nut", "warthin"]),
    st.lists(st.integers(1, 3), min_size=3, max_size=9),
    min_size=1,
)


@settings(deadline=None, max_examples=50)
@given(sizes=_SIZES, seed=st.integers(0, 3), repeats=st.integers(1, 2))
def test_folds_are_a_partition_by_person_balanced_within_one_person_a_class(
    sizes: dict[str, list[int]], seed: int, repeats: int
) -> None:
    frame = members(sizes)
    parameters = CohortParameters(outer_folds=3, inner_folds=2, repeats=repeats, seed=seed)
    folds = assign_folds(frame, parameters)
    assert folds.schema == FOLD_SCHEMA
    assert folds.height == repeats * 3 * frame.height
    assert outer_test_of(folds).keys() == {
        (r, s) for r in range(repeats) for s in frame["sample_id"]
    }
    known = folds.join(frame, on="sample_id")
    by_person = known.group_by("repeat", "outer_fold", "patient_id").agg(
        pl.col("inner_fold").n_unique()
    )
    assert (by_person["inner_fold"] == 1).all(), "a person straddles folds"
    for keys in (["outer_fold"], ["outer_fold", "inner_fold"]):
        part = known.filter(pl.col("inner_fold").is_null() == (len(keys) == 1))
        spread: dict[tuple[object, ...], list[int]] = defaultdict(list)
        n_folds = 3 if len(keys) == 1 else 2
        counts = part.group_by("repeat", "class", *keys).agg(pl.col("patient_id").n_unique())
        for repeat, name, *where, n in counts.iter_rows():
            spread[repeat, name, *where[:-1]].append(n)
        for values in spread.values():
            full = values + [0] * (n_folds - len(values))
            assert max(full) - min(full) <= 1


@settings(deadline=None, max_examples=50)
@given(first=_SIZES, more=_SIZES, extra=st.integers(0, 5))
def test_a_sample_keeps_its_folds_when_others_are_added(
    first: dict[str, list[int]], more: dict[str, list[int]], extra: int
) -> None:
    small = members(first)
    second_samples = small.head(extra).with_columns(pl.col("sample_id") + "-again")
    large = pl.concat([small, members(more, prefix="new-"), second_samples])
    before = assign_folds(small, PARAMETERS)
    after = assign_folds(large, PARAMETERS, before)
    kept = after.filter(pl.col("sample_id").is_in(small["sample_id"].implode()))
    assert kept.equals(before)
    tested = outer_test_of(after)
    per_class: dict[str, Counter[int]] = defaultdict(Counter)
    for name, sample in large.unique("patient_id").select("class", "sample_id").iter_rows():
        per_class[name][tested[0, sample]] += 1
    for counter in per_class.values():
        values = [counter[fold] for fold in range(3)]
        assert max(values) - min(values) <= 1, "growth unbalanced the folds"


def test_the_order_of_the_members_does_not_matter_and_the_seed_does() -> None:
    frame = members({"acc": [1] * 9, "nut": [2] * 5})
    folds = assign_folds(frame, PARAMETERS)
    assert assign_folds(frame.reverse(), PARAMETERS).equals(folds)
    other = assign_folds(frame, CohortParameters(outer_folds=3, inner_folds=2, seed=2))
    assert not other.equals(folds)


def test_repeats_divide_differently() -> None:
    folds = assign_folds(members({"acc": [1] * 12}), CohortParameters(repeats=2))
    tested = outer_test_of(folds)
    assert {s: f for (r, s), f in tested.items() if r == 0} != {
        s: f for (r, s), f in tested.items() if r == 1
    }


def test_folds_fill_evenly_over_classes_too() -> None:
    folds = assign_folds(members({name: [1] * 4 for name in "abcdef"}), PARAMETERS)
    assert sorted(Counter(outer_test_of(folds).values()).values()) == [8, 8, 8]


def test_a_group_is_not_divided_although_its_patients_differ() -> None:
    frame = members({"acc": [1] * 6}).with_columns(
        group=pl.Series(["g1", "g1", "g2", "g2", "g3", "g3"])
    )
    tested = list(outer_test_of(assign_folds(frame, PARAMETERS)).values())
    assert tested[0] == tested[1] != tested[2] == tested[3] != tested[4] == tested[5]


def test_a_person_with_two_classes_stays_whole() -> None:
    frame = members({"acc": [1] * 4, "nut": [1] * 4}).with_columns(
        patient_id=pl.when(pl.col("sample_id").str.ends_with("-0-0"))
        .then(pl.lit("both"))
        .otherwise("patient_id")
    )
    tested = outer_test_of(assign_folds(frame, PARAMETERS))
    assert tested[0, "acc-0-0"] == tested[0, "nut-0-0"]


def test_two_persons_that_turn_out_to_be_one_share_a_fold_from_then_on() -> None:
    frame = members({"acc": [1] * 9})
    before = assign_folds(frame, PARAMETERS)
    fold_before = outer_test_of(before)
    one = "acc-0-0"
    other = next(s for (_, s), fold in fold_before.items() if fold != fold_before[0, one])
    joined = frame.with_columns(
        group=pl.when(pl.col("sample_id").is_in([one, other]))
        .then(pl.lit("person"))
        .otherwise("patient_id")
    )
    after = outer_test_of(assign_folds(joined, PARAMETERS, before))
    assert after[0, one] == after[0, other]
    moved = [key for key, fold in after.items() if fold_before[key] != fold]
    assert len(moved) == 1


def test_excluded_rows_take_no_part() -> None:
    frame = members({"acc": [1] * 4}).with_columns(included=pl.Series([True] * 3 + [False]))
    assert assign_folds(frame, PARAMETERS)["sample_id"].n_unique() == 3


def test_folds_of_another_number_are_drawn_anew() -> None:
    frame = members({"acc": [1] * 9})
    five = assign_folds(frame, CohortParameters(outer_folds=5, inner_folds=2))
    assert assign_folds(frame, PARAMETERS, five).equals(assign_folds(frame, PARAMETERS))


def test_a_class_that_cannot_be_divided_and_too_few_patients_are_named() -> None:
    with pytest.raises(FoldsError, match=r"fewer than 2 patients .* learnt: nut \(1\)"):
        assign_folds(members({"acc": [1] * 3, "nut": [4]}), PARAMETERS)
    with pytest.raises(FoldsError, match="4 patients for 5 outer folds: use fewer folds"):
        assign_folds(members({"acc": [1] * 2, "nut": [2] * 2}), CohortParameters())


@settings(deadline=None, max_examples=50)
@given(
    rare=st.integers(3, 5),
    common=st.integers(3, 12),
    outer=st.integers(3, 6),
    inner=st.integers(2, 6),
)
def test_a_class_rarer_than_the_folds_is_tested_once_and_never_missing_in_training(
    rare: int, common: int, outer: int, inner: int
) -> None:
    frame = members({"acc": [1] * common, "nut": [1, 2, 1, 1, 3][:rare]})
    parameters = CohortParameters(outer_folds=outer, inner_folds=inner)
    folds = assign_folds(frame, parameters)
    tested = folds.filter(pl.col("inner_fold").is_null())
    assert sorted(tested["sample_id"]) == sorted(frame["sample_id"])
    assert set(tested["outer_fold"]) == set(range(outer)), "a fold without test samples"
    assert trained_everywhere(folds, frame, "nut")


def trained_everywhere(folds: pl.DataFrame, frame: pl.DataFrame, name: str) -> bool:
    """Return whether every outer and inner training part holds the class."""
    training = folds.filter(pl.col("inner_fold").is_not_null()).join(frame, on="sample_id")
    for _, part in training.group_by("outer_fold"):
        for held in part["inner_fold"].unique():
            if name not in set(part.filter(pl.col("inner_fold") != held)["class"]):
                return False
    return training["outer_fold"].n_unique() == folds["outer_fold"].n_unique()


def test_a_class_that_kept_folds_would_crowd_into_one_is_placed_anew() -> None:
    # Three patients of acc who are tested together turn out to have another, rare tumour.
    frame = members({"acc": [1] * 12, "muco": [1] * 6})
    before = assign_folds(frame, PARAMETERS)
    tested = outer_test_of(before)
    together = [name for (_, name), fold in tested.items() if fold == 0 and "acc" in name][:3]
    renamed = frame.with_columns(
        pl.when(pl.col("sample_id").is_in(together))
        .then(pl.lit("nut"))
        .otherwise("class")
        .alias("class")
    )
    after = assign_folds(renamed, PARAMETERS, before)
    moved = outer_test_of(after)
    assert sorted(moved[0, name] for name in together) == [0, 1, 2]
    assert {name for (_, name), fold in tested.items() if moved[0, name] != fold} < set(together)
    assert trained_everywhere(after, renamed, "nut")
    assert assign_folds(renamed, PARAMETERS, after).equals(after), "and stays there"


def test_no_members_and_doubled_members_are_errors() -> None:
    frame = members({"acc": [1] * 3})
    with pytest.raises(FoldsError, match="no members"):
        assign_folds(frame.clear(), PARAMETERS)
    with pytest.raises(FoldsError, match="listed twice"):
        assign_folds(pl.concat([frame, frame]), PARAMETERS)


@pytest.mark.parametrize(
    "bad", [{"outer_folds": 1}, {"inner_folds": 0}, {"repeats": 0}, {"min_patients": 0}]
)
def test_impossible_parameters_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        CohortParameters(**bad)


def test_a_class_is_used_although_it_has_fewer_patients_than_outer_folds() -> None:
    assert CohortParameters(outer_folds=5, min_patients=3).patients_needed == 3
    assert CohortParameters(outer_folds=3, min_patients=8).patients_needed == 8
    assert CohortParameters(min_patients=1).patients_needed == 2  # one tested, one trained on
