"""Schemes: hold out a batch, a centre or an array, with no person on both sides."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.folds import FOLD_SCHEMA, assign_folds
from cup_assets.cohort.kept_folds import keep_numbers
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import FoldsError
from cup_assets.cohort.schemes import HELD_OUT_BY, SCHEMES, SchemeFolds, assign_scheme

PARAMETERS = CohortParameters(outer_folds=2, inner_folds=2)
COLUMNS = ["sample_id", "class", "patient_id", "batch", "site", "array"]
GROUPED = [scheme for scheme in SCHEMES if scheme != "stratified"]


def members(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Return members from (sample, class, patient, batch); site and array follow the batch."""
    full = [(*row, f"site {row[3]}", f"array {row[3]}") for row in rows]
    return pl.DataFrame(full, schema=COLUMNS, orient="row")


def two_classes_in(*batches: str) -> pl.DataFrame:
    return members(
        *(
            (f"{batch}-{name}{i}", name, f"{batch}-{name}{i}", batch)
            for batch in batches
            for name in ("acc", "nut")
            for i in range(3)
        )
    )


def held_out(found: SchemeFolds) -> dict[int, set[str]]:
    result: dict[int, set[str]] = defaultdict(set)
    rows = found.folds.filter(pl.col("inner_fold").is_null())
    for fold, name in rows.select("outer_fold", "sample_id").iter_rows():
        result[fold].add(name)
    return dict(result)


def learnt_from(found: SchemeFolds, fold: int) -> set[str]:
    rows = found.folds.filter(pl.col("inner_fold").is_not_null() & (pl.col("outer_fold") == fold))
    return set(rows["sample_id"])


_COHORT = st.lists(
    st.tuples(
        st.sampled_from(["acc", "muco", "nut"]),
        st.integers(0, 14),  # patient
        st.sampled_from(["b1", "b2", "b3", "b4"]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["450k", "epic"]),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("scheme", GROUPED)
@settings(deadline=None, max_examples=60)
@given(cohort=_COHORT)
def test_no_person_straddles_a_fold_and_every_sample_is_accounted_for(
    scheme: str, cohort: list[tuple[str, int, str, str | None, str]]
) -> None:
    rows = [(f"s{i:02d}", c, f"p{p}", b, s, a) for i, (c, p, b, s, a) in enumerate(cohort)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    found = assign_scheme(scheme, frame, PARAMETERS)
    assert found.folds.schema == FOLD_SCHEMA
    assert (found.impossible is None) == (found.folds.height > 0)
    assert assign_scheme(scheme, frame.reverse(), PARAMETERS).folds.equals(found.folds)
    known = found.folds.join(frame, on="sample_id")
    for _, part in known.group_by("outer_fold"):
        sides = part.group_by("patient_id").agg(pl.col("inner_fold").n_unique())
        assert (sides["inner_fold"] == 1).all(), "a person straddles folds"
        test = part.filter(pl.col("inner_fold").is_null())
        train = part.filter(pl.col("inner_fold").is_not_null())
        column = HELD_OUT_BY[scheme]
        assert not set(test[column]) & set(train[column])
        assert set(test["class"]) <= set(train["class"])
        for fold in set(train["inner_fold"]):
            assert train.filter(pl.col("inner_fold") != fold)["class"].n_unique() >= 2
    # Tested, or said why not: nothing is dropped in silence.
    why = found.not_used.filter(pl.col("part") == "test")
    known_levels = frame[HELD_OUT_BY[scheme]].drop_nulls().n_unique()
    if known_levels >= 2 and scheme != "cross_array":
        in_folds = [name for names in held_out(found).values() for name in names]
        assert sorted(in_folds + why["sample_id"].to_list()) == frame["sample_id"].to_list()
    if known_levels == 2 and scheme == "cross_array":
        in_folds = [name for names in held_out(found).values() for name in names]
        assert sorted(in_folds + why["sample_id"].to_list()) == frame["sample_id"].to_list()


@pytest.mark.parametrize("scheme", ["leave_batch_out", "leave_site_out"])
def test_every_batch_or_centre_is_tested_once_by_all_others(scheme: str) -> None:
    frame = two_classes_in("a", "b", "c")
    found = assign_scheme(scheme, frame, PARAMETERS)
    assert found.impossible is None
    for fold, names in held_out(found).items():
        (batch,) = {name[0] for name in names}
        assert batch == "abc"[fold]
        assert len(names) == 6
        assert learnt_from(found, fold) == set(frame["sample_id"]) - names
    assert found.not_used.is_empty()
    assert found.parts["n_train"].to_list() == [12, 12, 12]
    prefix = "" if scheme == "leave_batch_out" else "site "
    assert found.parts["held_out"].to_list() == [f"{prefix}{batch}" for batch in "abc"]


def test_cross_array_trains_on_one_array_and_tests_on_the_others() -> None:
    found = assign_scheme("cross_array", two_classes_in("a", "b", "c"), PARAMETERS)
    for fold, batch in enumerate("abc"):
        assert {name[0] for name in learnt_from(found, fold)} == {batch}
        assert {name[0] for name in held_out(found)[fold]} == set("abc") - {batch}
    # A sample counts once a repeat in the metrics, so each fold is a repeat.
    once = found.folds.select("repeat", "sample_id")
    assert not once.is_duplicated().any()
    assert found.parts["held_out"][0] == "array b, array c"


def test_a_class_of_one_batch_is_reported_as_not_testable_and_still_trained_on() -> None:
    frame = pl.concat([two_classes_in("a", "b", "c"), members(("rare", "nut2", "r", "b"))])
    found = assign_scheme("leave_batch_out", frame, PARAMETERS)
    assert found.not_used.rows(named=True) == [
        {
            "scheme": "leave_batch_out",
            "repeat": 0,
            "outer_fold": 1,
            "sample_id": "rare",
            "class": "nut2",
            "part": "test",
            "reason": "no sample of its class is left to train on",
        }
    ]
    assert "rare" in learnt_from(found, 0) & learnt_from(found, 2)
    assert all("rare" not in names for names in held_out(found).values())
    assert found.parts["n_not_used"].to_list() == [0, 1, 0]


def test_other_samples_of_a_person_under_test_are_left_out_of_training_and_listed() -> None:
    frame = pl.concat([two_classes_in("a", "b"), members(("again", "acc", "a-acc0", "b"))])
    found = assign_scheme("leave_batch_out", frame, PARAMETERS)
    assert "again" in held_out(found)[1]
    assert "again" not in learnt_from(found, 0)
    assert "a-acc0" not in learnt_from(found, 1)
    listed = found.not_used.select("outer_fold", "sample_id", "part", "reason").rows()
    reason = "the same person is tested in this fold"
    assert listed == [(0, "again", "train", reason), (1, "a-acc0", "train", reason)]


def test_a_sample_of_unknown_centre_is_neither_trained_nor_tested_but_listed() -> None:
    frame = two_classes_in("a", "b").with_columns(
        site=pl.when(pl.col("sample_id") == "a-acc0").then(None).otherwise("site")
    )
    found = assign_scheme("leave_site_out", frame, PARAMETERS)
    assert "a-acc0" not in set(found.folds["sample_id"])
    assert found.not_used.select("outer_fold", "sample_id", "reason").rows() == [
        (None, "a-acc0", "its site is not known")
    ]


@pytest.mark.parametrize("scheme", GROUPED)
def test_a_cohort_of_one_batch_makes_the_scheme_impossible_and_says_why(scheme: str) -> None:
    found = assign_scheme(scheme, two_classes_in("a"), PARAMETERS)
    assert found.folds.is_empty()
    assert found.impossible is not None
    assert f"{scheme} needs samples of at least two values of" in found.impossible
    assert "found only" in found.impossible


def test_batches_of_one_class_each_make_the_scheme_impossible_and_list_every_sample() -> None:
    frame = members(
        *((f"a{i}", "acc", f"a{i}", "one") for i in range(4)),
        *((f"n{i}", "nut", f"n{i}", "two") for i in range(4)),
    )
    found = assign_scheme("leave_batch_out", frame, PARAMETERS)
    assert found.impossible is not None
    assert set(found.not_used["sample_id"]) == set(frame["sample_id"])
    assert set(found.not_used["reason"]) == {
        "the training part holds 1 of the two classes it needs"
    }


def test_inner_folds_are_balanced_by_class() -> None:
    found = assign_scheme("leave_batch_out", two_classes_in(*"abcde"), PARAMETERS)
    inner = found.folds.drop_nulls("inner_fold").with_columns(
        name=pl.col("sample_id").str.slice(2, 3)
    )
    counts = inner.group_by("outer_fold", "inner_fold", "name").len()
    assert set(counts["len"]) == {6}


def test_a_batch_keeps_its_number_and_a_sample_its_inner_fold_when_batches_are_added() -> None:
    small = two_classes_in("b", "d")
    for scheme in GROUPED:
        before = assign_scheme(scheme, small, PARAMETERS)
        stratified = assign_folds(small, PARAMETERS)
        earlier = pl.concat([stratified, before.folds])
        assert assign_scheme(scheme, small, PARAMETERS, earlier).folds.equals(before.folds)
        after = assign_scheme(scheme, two_classes_in("a", "b", "c", "d"), PARAMETERS, earlier)
        joined = before.folds.join(after.folds, on=["outer_fold", "sample_id"], suffix="_after")
        assert joined.height == before.folds.height
        assert joined["inner_fold"].equals(joined["inner_fold_after"], null_equal=True)


def test_numbers_survive_a_batch_that_could_not_be_tested() -> None:
    frame = members(
        *two_classes_in("a", "c").select("sample_id", "class", "patient_id", "batch").rows(),
        ("odd", "rare", "odd", "b"),
    )
    first = assign_scheme("leave_batch_out", frame, PARAMETERS)
    again = assign_scheme("leave_batch_out", frame, PARAMETERS, first.folds)
    assert first.parts["held_out"].to_list() == ["a", "b", "c"]
    assert again.parts.equals(first.parts)
    assert again.folds.equals(first.folds)


def test_the_stratified_scheme_is_that_of_the_folds() -> None:
    frame = two_classes_in("a", "b")
    found = assign_scheme("stratified", frame, PARAMETERS)
    assert found.folds.equals(assign_folds(frame, PARAMETERS))
    assert found.impossible is None


def test_an_unknown_scheme_and_a_missing_column_are_refused() -> None:
    with pytest.raises(FoldsError, match="'random' is unknown: use one of stratified, leave_b"):
        assign_scheme("random", two_classes_in("a"), PARAMETERS)
    with pytest.raises(FoldsError, match="members lack the column 'site'"):
        assign_scheme("leave_site_out", two_classes_in("a").drop("site"), PARAMETERS)
    with pytest.raises(FoldsError, match="no members"):
        assign_scheme("cross_array", two_classes_in("a").clear(), PARAMETERS)


def test_a_batch_keeps_the_number_under_which_most_of_its_samples_stood() -> None:
    joined = dict.fromkeys("stuv", "joined") | {"w": "new"}
    earlier = {0: frozenset("s"), 1: frozenset("tuv")}
    assert keep_numbers(joined, earlier) == {"joined": 1, "new": 0}
