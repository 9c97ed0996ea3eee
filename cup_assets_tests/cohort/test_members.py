"""Every sample is a member or has a reason."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.members import MEMBER_SCHEMA, select_members
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import CohortError

PARAMETERS = CohortParameters(outer_folds=2, min_patients=2)
COLUMNS = ("sample_id", "batch", "patient_id", "role", "diagnosis", "class")


def samples(**changed: dict[str, str | None]) -> pl.DataFrame:
    """Three acinic and three mucoepidermoid samples of six patients, with changes by sample."""
    rows = []
    for number in range(1, 7):
        name = "acinic" if number < 4 else "muco"
        row: dict[str, str | None] = {
            "sample_id": f"S{number}",
            "batch": "b1",
            "patient_id": f"P{number}",
            "role": "reference",
            "diagnosis": name,
            "class": name,
        }
        rows.append(row | changed.get(f"S{number}", {}))
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))


def quality(frame: pl.DataFrame, **verdicts: tuple[str, str]) -> pl.DataFrame:
    rows = [(name, *verdicts.get(name, ("pass", ""))) for name in frame["sample_id"]]
    return pl.DataFrame(rows, schema=["sample_id", "verdict", "reasons"], orient="row")


def same(*pairs: tuple[str, str]) -> pl.DataFrame:
    both = [*pairs, *((b, a) for a, b in pairs)]
    return pl.DataFrame(both, schema={"sample_id": pl.String, "same_as": pl.String}, orient="row")


def reasons(
    frame: pl.DataFrame, identity: pl.DataFrame | None = None, **options: object
) -> dict[str, str]:
    found = select_members(
        frame,
        quality(frame),
        same() if identity is None else identity,
        PARAMETERS,
        **options,  # type: ignore[arg-type]
    )
    return dict(found.filter(~pl.col("included")).select("sample_id", "reason").iter_rows())


def test_good_samples_are_members_without_a_reason() -> None:
    frame = samples()
    found = select_members(frame, quality(frame), same(), PARAMETERS)
    assert found.schema == MEMBER_SCHEMA
    assert found["included"].all()
    assert found["reason"].null_count() == 6
    assert found["group"].to_list() == found["patient_id"].to_list()


def test_a_failed_sample_is_left_out_with_its_reasons_and_a_doubtful_one_is_not() -> None:
    frame = samples()
    checked = quality(frame, S1=("fail", "failed_fraction 0.3"), S2=("warn", "low M"))
    found = select_members(frame, checked, same(), PARAMETERS)
    assert found.filter(~pl.col("included"))["reason"].to_list() == ["quality: failed_fraction 0.3"]


def test_a_sample_without_a_verdict_is_left_out() -> None:
    frame = samples()
    found = select_members(frame, quality(frame).slice(1), same(), PARAMETERS)
    assert found["reason"][0] == "no quality verdict: the batch is not normalised"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"role": "diagnostic"}, "role is diagnostic, not reference"),
        ({"role": "normal_control"}, "role is normal_control, not reference"),
        ({"diagnosis": None, "class": None}, "no diagnosis"),
        ({"diagnosis": "zebra", "class": None}, "diagnosis 'zebra' is not in the taxonomy"),
    ],
)
def test_what_speaks_against_a_sample_is_named(change: dict[str, str | None], reason: str) -> None:
    assert reasons(samples(S1=change)) == {"S1": reason}


def test_samples_on_an_array_left_out_say_why_and_no_longer_count_for_their_class() -> None:
    frame = samples().with_columns(
        array=pl.when(pl.col("sample_id").is_in(["S1", "S2"])).then(pl.lit("hm27"))
    )
    found = reasons(frame, arrays_left_out={"hm27": "array hm27 shares too little"})
    assert found["S1"] == found["S2"] == "array hm27 shares too little"
    assert found["S3"] == "class acinic has 1 patients, needs 2"
    assert reasons(frame, arrays_left_out={"epic": "never"}) == {}


def test_a_retracted_batch_is_left_out() -> None:
    frame = samples(S1={"batch": "b0"})
    assert reasons(frame, retracted={"b0"}) == {"S1": "batch b0 was retracted"}


def test_every_reason_is_given() -> None:
    frame = samples(S1={"batch": "b0", "diagnosis": None, "class": None})
    assert reasons(frame, retracted=["b0"]) == {"S1": "batch b0 was retracted; no diagnosis"}


def test_a_class_with_too_few_patients_is_left_out_with_count_and_need() -> None:
    one_patient = {name: {"patient_id": "P4"} for name in ("S4", "S5", "S6")}
    text = "class muco has 1 patients, needs 2"
    assert reasons(samples(**one_patient)) == {"S4": text, "S5": text, "S6": text}


def test_excluded_samples_do_not_make_a_class_large_enough() -> None:
    frame = samples(S4={"role": "diagnostic"}, S5={"role": "diagnostic"})
    assert reasons(frame)["S6"] == "class muco has 1 patients, needs 2"


def test_the_same_person_under_two_names_counts_once() -> None:
    assert reasons(samples(), same(("S3", "S2"))) == {
        "S3": "identity: same genotypes as S2, filed as another patient:"
        " one person under two patient names"
    }


def test_equal_genotypes_with_different_classes_leave_both_out() -> None:
    found = reasons(samples(), same(("S1", "S6")))
    assert found == {
        "S1": "identity: same genotypes as S6, filed as another patient, with different classes:"
        " one is swapped",
        "S6": "identity: same genotypes as S1, filed as another patient, with different classes:"
        " one is swapped",
    }


def test_a_double_that_is_no_candidate_itself_is_no_conflict() -> None:
    frame = samples(S6={"role": "diagnostic"})
    assert reasons(frame, same(("S1", "S6"), ("S2", "S99"))) == {
        "S6": "role is diagnostic, not reference"
    }


def test_samples_of_one_patient_may_have_equal_genotypes() -> None:
    assert reasons(samples(S2={"patient_id": "P1"}), same(("S1", "S2"))) == {}


def test_the_group_joins_patients_that_are_one_person() -> None:
    frame = samples(S5={"patient_id": "P3"})
    found = select_members(frame, quality(frame), same(("S2", "S3")), PARAMETERS)
    groups = dict(found.select("sample_id", "group").iter_rows())
    assert groups["S2"] == groups["S3"] == groups["S5"] == "P2"
    assert groups["S1"] == "P1"


def test_a_sample_that_is_there_twice_is_an_error() -> None:
    frame = pl.concat([samples(), samples()])
    with pytest.raises(CohortError, match="occurs twice"):
        select_members(frame, quality(samples()), same(), PARAMETERS)


def test_no_samples_give_no_members() -> None:
    frame = samples().clear()
    assert select_members(frame, quality(samples()), same(), PARAMETERS).is_empty()


_NAMES = st.sampled_from([f"S{i}" for i in range(1, 7)])


@settings(deadline=None, max_examples=50)
@given(
    pairs=st.lists(st.tuples(_NAMES, _NAMES), max_size=6),
    patients=st.lists(st.sampled_from(["P1", "P2", "P3", "P4"]), min_size=6, max_size=6),
    order=st.permutations(range(6)),
)
def test_every_sample_is_in_or_out_with_a_reason_whatever_the_order(
    pairs: list[tuple[str, str]], patients: list[str], order: list[int]
) -> None:
    frame = samples(**{f"S{i + 1}": {"patient_id": p} for i, p in enumerate(patients)})
    identity = same(*pairs)
    found = select_members(frame, quality(frame), identity, PARAMETERS)
    assert sorted(found["sample_id"]) == sorted(frame["sample_id"])
    assert (found["included"] == found["reason"].is_null()).all()
    shuffled = frame[list(order)]
    assert select_members(shuffled, quality(shuffled), identity, PARAMETERS).equals(found)
    group = dict(found.select("sample_id", "group").iter_rows())
    assert all(group[a] == group[b] for a, b in pairs)


def test_samples_of_one_patient_with_different_genotypes_are_all_left_out() -> None:
    frame = samples(S2={"patient_id": "P1"}, S3={"patient_id": "P1"})
    found = reasons(frame, strangers=[("S1", "S2"), ("S2", "S1")])
    assert found["S1"] == "identity: other genotypes than S2 of the same patient: one is swapped"
    assert found["S2"] == "identity: other genotypes than S1 of the same patient: one is swapped"
    assert "identity" not in found.get("S3", ""), "nothing speaks against the third one"


def test_the_majority_of_a_patients_samples_is_believed() -> None:
    frame = samples(S2={"patient_id": "P1"}, S3={"patient_id": "P1"})
    odd = [("S1", "S3"), ("S2", "S3"), ("S3", "S1"), ("S3", "S2")]
    found = select_members(
        frame, quality(frame), same(("S1", "S2")), PARAMETERS, strangers=odd
    ).filter(pl.col("reason").str.starts_with("identity"))
    assert found["sample_id"].to_list() == ["S3"]
    assert found["group"].to_list() == ["P1"], "whoever it is, it is never tested on P1's model"


def test_strangers_among_samples_that_are_out_already_leave_out_nobody() -> None:
    frame = samples(S2={"patient_id": "P1", "role": "diagnostic"})
    assert "S1" not in reasons(frame, strangers=[("S1", "S2"), ("S2", "S1")])
