"""Who of a table takes part: every sample is a member or listed with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.beta_table import BetaTable
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.table_members import (
    TableColumns,
    choose_members,
    label_candidates,
    require_columns,
)
from cup_assets.cohort.taxonomy import load_taxonomy

LABEL = TableColumns("class")
FIVE = CohortParameters(outer_folds=5, inner_folds=5)


def table(n: int = 30, **columns: list[str | None]) -> BetaTable:
    """Return n samples of the classes a, b and c in turn."""
    names = [f"s{i:02d}" for i in range(n)]
    classes = [("a", "b", "c")[i % 3] for i in range(n)]
    samples = pl.DataFrame({"sample_id": names, "class": classes, **columns})
    X = np.random.default_rng(1).random((n, 80), dtype=np.float32)
    return BetaTable(samples, X, [f"cg{i:05d}" for i in range(80)], [], [])


def reasons(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("sample_id", "reason").iter_rows())


def test_without_faults_everybody_takes_part_and_keeps_his_row() -> None:
    given = table()
    shuffled = np.random.default_rng(3).permutation(30)
    given = replace(given, samples=given.samples[shuffled.tolist()], X=given.X[shuffled])
    found = choose_members(given, LABEL, FIVE)
    assert found.left_out.is_empty()
    assert found.members["sample_id"].is_sorted()
    assert given.samples["sample_id"].gather(found.rows).to_list() == (
        found.members["sample_id"].to_list()
    )
    assert found.members["patient_id"].to_list() == found.members["sample_id"].to_list()
    assert found.members["family"].to_list() == found.members["class"].to_list()


def test_everybody_who_is_left_out_is_listed_with_the_reason() -> None:
    given = table()
    classes = given.samples["class"].to_list()
    classes[0], classes[3], classes[1] = None, " ", "rare"
    given = replace(
        given,
        samples=given.samples.with_columns(pl.Series("class", classes)),
        without_betas=["elsewhere"],
    )
    given.X[4, :40] = np.nan
    given.X[7] = given.X[10]
    given.X[5] = (given.X[8] + given.X[11]) / 2
    found = choose_members(given, LABEL, FIVE)
    assert reasons(found.left_out) == {
        "s00": "no diagnosis",
        "s03": "no diagnosis",
        "s01": "class rare has 1 patients, needs 3",
        "s04": "50% of its betas are missing, at most 25% may be",
        "s10": "identity: same betas as s07, filed as another patient: one person under two patient"
        " names",
        "s05": "its betas lie exactly between those of s08 and s11: interpolated, as SMOTE does,"
        " and not measured",
        "elsewhere": "the table holds no betas",
    }
    everyone = {*found.members["sample_id"], *found.left_out["sample_id"]}
    assert everyone == {*given.samples["sample_id"], "elsewhere"}


def test_equal_betas_with_two_classes_are_left_out_both() -> None:
    given = table()
    given.X[7] = given.X[11]
    found = choose_members(given, LABEL, FIVE)
    assert sorted(found.left_out["sample_id"]) == ["s07", "s11"]
    assert "with different classes: one is swapped" in found.left_out["reason"][0]


def test_samples_of_one_patient_stay_one_group_whatever_their_betas() -> None:
    patients: list[str | None] = [f"p{i // 6}{i % 3}" for i in range(30)]
    patients[4] = None
    given = table(who=patients)
    given.X[3] = given.X[0]
    found = choose_members(given, replace(LABEL, patient="who"), FIVE)
    assert found.left_out.is_empty()
    groups = dict(found.members.select("sample_id", "group").iter_rows())
    assert groups["s00"] == groups["s03"] == "p00"
    assert groups["s04"] == "s04"


def test_patients_are_counted_and_not_samples() -> None:
    given = table(who=[f"p{i % 3}{i // 3 % 4}" for i in range(30)])
    columns = replace(LABEL, patient="who")
    with pytest.raises(MatrixError, match=r"0 classes stay .* class a has 4 patients, needs 5"):
        choose_members(given, columns, replace(FIVE, min_patients=5))
    assert choose_members(given, columns, replace(FIVE, min_patients=4)).members.height == 30


def test_diagnoses_become_classes_and_families_by_the_taxonomy() -> None:
    diagnoses = ["adenoid cystic carcinoma", "Warthin tumour", "no such thing"]
    given = table(diagnosis=[diagnoses[i % 3] for i in range(30)])
    found = choose_members(given, TableColumns("diagnosis"), FIVE, taxonomy=load_taxonomy())
    assert set(found.members["class"]) == {"adenoid_cystic_carcinoma", "warthin_tumour"}
    assert set(found.members["family"]) == {"salivary"}
    assert set(found.left_out["reason"]) == {"diagnosis 'no such thing' is not in the taxonomy"}
    assert found.left_out["label"].to_list() == ["no such thing"] * 10


def test_columns_that_are_not_there_are_asked_for_with_candidates() -> None:
    given = table(age=[str(i) for i in range(30)], kit=["x", "y"] * 15, same=["z"] * 30)
    assert label_candidates(given.samples) == ["class", "kit"]
    with pytest.raises(MatrixError, match=r"say with --label .* candidates: class, kit$"):
        require_columns(given, None)
    with pytest.raises(MatrixError, match=r"--label: the table has no column 'x'; .* class, kit$"):
        require_columns(given, TableColumns("x"))
    with pytest.raises(MatrixError, match=r"--batch: .* no column 'x'; .* class, age, kit, same$"):
        require_columns(given, TableColumns("class", batch="x"))
    bare = replace(given, samples=given.samples.select("sample_id"))
    with pytest.raises(MatrixError, match="candidates: none: give the labels with --labels FILE"):
        require_columns(bare, None)


def test_a_class_of_two_families_is_refused() -> None:
    given = table(family=["one", "two"] * 15)
    with pytest.raises(MatrixError, match=r"class 'a' has several families: one, two"):
        choose_members(given, replace(LABEL, family="family"), FIVE)
