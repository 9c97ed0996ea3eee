"""Values of an array in their places, and what the replicates of a name come to."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.matrix import place_probes

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


NAN = float("nan")


def placed(
    array: pl.DataFrame,
    names: list[str],
    values: dict[str, float],
    p: dict[str, float] | None = None,
) -> npt.NDArray[np.float32]:
    """Return a row of the names, filled from the values of an array's probes; -1: untouched."""
    placement = place_probes(array, names)
    row = np.full(len(names), -1, dtype=np.float32)
    read = np.array([values[probe] for probe in placement.probe_ids], dtype=np.float32)
    sure = [p[probe] for probe in placement.replicate_ids] if p else None
    placement.fill(row, read, None if sure is None else np.array(sure, dtype=np.float32))
    return row


def test_probes_go_where_their_names_are_asked_for() -> None:
    row = placed(ONE, ["cg3", "cg9", "cg1"], {"cg1": 0.1, "cg3": NAN})
    np.testing.assert_allclose(row, [NAN, -1, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "mean"), [(0.2, 0.4, 0.3), (0.2, NAN, 0.2), (NAN, NAN, NAN)]
)
def test_replicates_are_averaged_without_their_missing_values(
    first: float, second: float, mean: float
) -> None:
    values = {"cg1_TC11": first, "cg1_TC12": second, "cg2_BC11": 0.5}
    row = placed(OTHER, ["cg2", "cg0", "cg1"], values)
    np.testing.assert_allclose(row, [0.5, -1, mean], rtol=1e-6)


def test_rows_say_where_in_the_manifest_the_probes_are() -> None:
    placement = place_probes(OTHER, ["cg2", "cg1"])
    assert placement.probe_ids.to_list() == ["cg2_BC11", "cg1_TC11", "cg1_TC12"]
    assert placement.rows.tolist() == [2, 0, 1]
    assert placement.columns.tolist() == [0, 1, 1]


def test_an_array_without_any_of_the_names_changes_nothing() -> None:
    assert placed(ONE, ["cg8", "cg9"], {}).tolist() == [-1, -1]


@settings(deadline=None, max_examples=50)
@given(
    groups=st.lists(st.lists(st.floats(0, 1, width=32) | st.just(NAN), min_size=1, max_size=4),
                    min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_order_of_the_manifest_does_not_change_a_bit(
    groups: list[list[float]], order: random.Random
) -> None:
    values = {
        f"cg{name}_{replicate}": value
        for name, group in enumerate(groups)
        for replicate, value in enumerate(group)
    }
    names = [f"cg{name}" for name in range(len(groups))]
    listed = [(probe, "cg", "1") for probe in values]
    expected = [
        np.mean([v for v in group if v == v]) if any(v == v for v in group) else NAN
        for group in groups
    ]
    row = placed(probes(*listed), names, values)
    np.testing.assert_allclose(row, expected, rtol=1e-6, atol=1e-7)
    order.shuffle(listed)
    np.testing.assert_array_equal(placed(probes(*listed), names, values), row)


@pytest.mark.parametrize(
    ("betas", "p", "value"),
    [
        ((0.2, 0.4, 0.9), (0.01, 0.0, 0.02), 0.4),
        ((0.2, 0.4, 0.9), (0.0, 0.01, 0.0), 0.55),  # equally sure: their mean
        ((0.2, NAN, 0.9), (0.02, 0.0, 0.01), 0.9),  # masked, however sure
        ((NAN, NAN, 0.9), (0.0, 0.0, 0.04), 0.9),
        ((NAN, NAN, NAN), (0.0, 0.01, 0.02), NAN),
        ((0.2, 0.4, NAN), (NAN, NAN, NAN), 0.3),
    ],
)
def test_the_surest_of_replicates_counts(
    betas: tuple[float, ...], p: tuple[float, ...], value: float
) -> None:
    ids = ["cg1_TC11", "cg1_TC12", "cg1_BC21"]
    array = probes(*[(probe, "cg", "1") for probe in ids], ("cg2_TC11", "cg", "2"))
    row = placed(
        array,
        ["cg2", "cg1"],
        dict(zip(ids, betas, strict=True)) | {"cg2_TC11": 0.7},
        dict(zip(ids, p, strict=True)),
    )
    np.testing.assert_allclose(row, [0.7, value], rtol=1e-6)


unit = st.floats(0, 1, width=32)


@settings(deadline=None, max_examples=60)
@given(
    groups=st.lists(st.lists(st.tuples(unit | st.just(NAN), unit | st.just(NAN)),
                             min_size=1, max_size=4), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_best_detection_is_a_mean_of_the_least_p_in_any_order(
    groups: list[list[tuple[float, float]]], order: random.Random
) -> None:
    cells = {f"cg{n}_{r}": cell for n, group in enumerate(groups) for r, cell in enumerate(group)}
    betas, p = ({probe: cell[i] for probe, cell in cells.items()} for i in (0, 1))
    names = [f"cg{name}" for name in range(len(groups))]
    expected = []
    for group in groups:
        measured = [(b, q if q == q else 2.0) for b, q in group if b == b]
        least = min((q for _, q in measured), default=0)
        best = [b for b, q in measured if q == least]
        expected.append(np.mean(best) if best else NAN)
    listed = [(probe, "cg", "1") for probe in cells]
    row = placed(probes(*listed), names, betas, p)
    np.testing.assert_allclose(row, expected, rtol=1e-6, atol=1e-7)
    order.shuffle(listed)
    np.testing.assert_array_equal(placed(probes(*listed), names, betas, p), row)
