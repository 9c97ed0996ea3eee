"""Which probes several arrays share, which arrays are used, and an account of what was lost."""

from __future__ import annotations

import polars as pl
import pytest

from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.probe_space import choose_arrays, common_probes
from cup_assets.cohort.problems import MatrixError

PROBE_SCHEMA = {
    "probe_id": pl.String,
    "name": pl.String,
    "kind": pl.String,
    "chrom": pl.String,
}


def probes(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    """Return a probes frame from (probe_id, kind, chrom); the name is what precedes '_'."""
    return pl.DataFrame(
        [(probe, probe.split("_")[0], kind, chrom) for probe, kind, chrom in rows],
        schema=PROBE_SCHEMA,
        orient="row",
    )


ONE = probes(
    ("cg1", "cg", "1"),
    ("cg2", "cg", "2"),
    ("cg3", "cg", "3"),
    ("cgX", "cg", "X"),
    ("cgY", "cg", "Y"),
    ("cg0", "cg", None),
    ("rs1", "rs", "1"),
    ("ch1", "ch", "1"),
)
OTHER = probes(("cg1_TC11", "cg", "1"), ("cg1_TC12", "cg", "1"), ("cg2_BC11", "cg", "X"))


def test_one_array_loses_what_is_not_to_be_learned_from() -> None:
    space = common_probes({"450k": ONE})
    assert space.names == ("cg1", "cg2", "cg3")
    assert space.report.rows() == [
        ("450k", "not_cpg", 2),
        ("450k", "sex_chromosome", 2),
        ("450k", "unplaced", 1),
    ]


def test_several_arrays_keep_what_all_have_and_say_why_the_rest_went() -> None:
    space = common_probes({"450k": ONE, "epicv2": OTHER})
    assert space.names == ("cg1",)
    assert space.report.rows() == [
        ("450k", "not_cpg", 2),
        ("450k", "not_on_epicv2", 1),
        ("450k", "sex_chromosome", 3),
        ("450k", "unplaced", 1),
        ("epicv2", "sex_chromosome", 1),
    ]
    for array, frame in (("450k", ONE), ("epicv2", OTHER)):
        lost = space.report.filter(pl.col("array") == array)["n_probes"].sum()
        assert lost + len(space.names) == frame["name"].n_unique()


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(MatrixError, match="450k, x have no probe in common"):
        common_probes({"450k": ONE, "x": probes(("cg9", "cg", "1"))})
    with pytest.raises(MatrixError, match="no arrays"):
        common_probes({})


def test_a_probe_on_x_in_one_build_is_learnt_from_on_no_array() -> None:
    """Builds place some probes on other chromosomes: either one's X is a reason against it."""
    hg19 = probes(("cg1", "cg", "1"), ("cg2", "cg", "7"), ("cg3", "cg", "X"), ("cg4", "cg", None))
    hg38 = probes(("cg1", "cg", "2"), ("cg2", "cg", "X"), ("cg3", "cg", "7"), ("cg4", "cg", "1"))
    for arrays in ({"450k": hg19, "epicv2": hg38}, {"epicv2": hg38, "450k": hg19}):
        assert common_probes(arrays).names == ("cg1",)


def cpgs(first: int, last: int) -> pl.DataFrame:
    return probes(*[(f"cg{n}", "cg", "1") for n in range(first, last)], ("cgX", "cg", "X"))


ARRAYS = {"450k": cpgs(0, 100), "epicv2": cpgs(60, 300), "hm27": cpgs(0, 20)}
SIZES = {"450k": 30, "epicv2": 20, "hm27": 1}


def test_an_array_that_shares_too_little_is_left_out_with_the_numbers() -> None:
    choice = choose_arrays(ARRAYS, SIZES, CohortParameters())
    assert list(choice.left_out) == ["hm27"]
    assert "hm27 has 20 of the 100 probes of 450k" in choice.left_out["hm27"]
    assert "min_shared_fraction 0.25" in choice.left_out["hm27"]
    assert choice.report.rows() == [
        ("450k", 30, 100, 100, 1.0, True),
        ("epicv2", 20, 240, 40, 0.4, True),
        ("hm27", 1, 20, 20, 0.2, False),
    ]


def test_the_array_of_most_samples_decides_not_the_richest() -> None:
    mostly_old = choose_arrays(ARRAYS, {"450k": 2, "hm27": 50}, CohortParameters())
    assert list(mostly_old.left_out) == ["epicv2"]  # 450k has all of hm27's probes
    nobody = choose_arrays(ARRAYS, {}, CohortParameters())
    assert nobody.report["array"][0] == "epicv2"
    assert choose_arrays({}, {}, CohortParameters()).left_out == {}


def test_named_arrays_are_used_whatever_they_share_and_no_others() -> None:
    choice = choose_arrays(ARRAYS, SIZES, CohortParameters(arrays=("hm27", "450k")))
    assert list(choice.left_out) == ["epicv2"]
    assert "not among those to learn from" in choice.left_out["epicv2"]
    assert choose_arrays(ARRAYS, SIZES, CohortParameters(min_shared_fraction=0)).left_out == {}


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [({"min_shared_fraction": 1.5}, "between 0 and 1"), ({"replicates": "best"}, "'mean'")],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        CohortParameters(**wrong)  # type: ignore[arg-type]
