"""One learning matrix from several arrays, with an account of what was lost."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.matrix import collapse_replicates, common_probes, stack_matrices
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


def matrix(probe_ids: list[str], **columns: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"probe_id": probe_ids} | columns).with_columns(
        pl.exclude("probe_id").cast(pl.Float32)
    )


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


def test_replicates_are_averaged_without_their_missing_values() -> None:
    nan = float("nan")
    frame = matrix(
        ["cg2_BC11", "cg1_TC11", "cg1_TC12"],
        a=[0.5, 0.2, 0.4],
        b=[nan, 0.2, nan],
        c=[1.0, nan, nan],
    )
    found = collapse_replicates(frame, OTHER)
    assert found["probe_id"].to_list() == ["cg1", "cg2"]
    assert found.schema["a"] == pl.Float32
    values = found.drop("probe_id").to_numpy()
    np.testing.assert_allclose(values, [[0.3, 0.2, nan], [0.5, nan, 1.0]], rtol=1e-6)


def test_a_probe_without_a_name_is_an_error() -> None:
    with pytest.raises(MatrixError, match="probe cg7: is not in the manifest"):
        collapse_replicates(matrix(["cg7"], a=[0.1]), OTHER)


def test_stacking_gives_samples_by_probes_in_the_order_asked_for() -> None:
    nan = float("nan")
    frames = [matrix(["cg1", "cg2", "cg3"], a=[0.1, 0.2, 0.3], b=[nan, 0.5, 0.6])]
    frames.append(matrix(["cg3", "cg1"], c=[0.9, 0.7]))
    names, stacked = stack_matrices(frames, ["cg3", "cg1"])
    assert names == ("a", "b", "c")
    assert stacked.dtype == np.float32
    assert stacked.flags.c_contiguous
    np.testing.assert_allclose(stacked, [[0.3, 0.1], [0.6, nan], [0.9, 0.7]], rtol=1e-6)


def test_matrices_that_do_not_fit_are_refused() -> None:
    frame = matrix(["cg1", "cg2"], a=[0.1, 0.2])
    with pytest.raises(MatrixError, match=r"2 probes \(first cg8\) are not in every matrix"):
        stack_matrices([frame], ["cg1", "cg8", "cg9"])
    with pytest.raises(MatrixError, match="sample a: is in two matrices"):
        stack_matrices([frame, frame], ["cg1"])
    with pytest.raises(MatrixError, match="holds a probe twice"):
        stack_matrices([matrix(["cg1", "cg1"], a=[0.1, 0.2])], ["cg1"])


def test_nothing_to_stack_gives_an_empty_matrix() -> None:
    names, stacked = stack_matrices([], ["cg1", "cg2"])
    assert names == ()
    assert stacked.shape == (0, 2)
