"""Every missing beta of every sample has one reason, and the table accounts for all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cup_assets.methylome import (
    ArraySignals,
    BetaParameters,
    MaskError,
    pin_masks,
    process_batch,
)
from cup_assets.methylome.missing import missing_by_reason

ROWS = 640


@pytest.fixture
def signals(tiny, levels) -> ArraySignals:
    """Return two samples, the second with dead probes and few beads, under two masks."""
    own = tiny.folder / "own.txt"
    own.write_text("\n".join(tiny.manifest.probes["probe_id"][:5]))
    parameters, masks = pin_masks(
        BetaParameters(masks=("own.txt", "manifest:sex_chromosomes")), tiny.folder
    )
    n_beads = np.full(len(tiny.manifest.addresses), 12)
    n_beads[::9] = 2
    items = [
        tiny.write("100", methylation=levels),
        tiny.write("101", methylation=levels, dead=range(100, 164), n_beads=n_beads, seed=1),
    ]
    (array,) = process_batch(items, tiny.manifest, parameters, masks=masks).arrays
    return array


def test_the_table_has_a_row_a_sample_and_a_number_and_share_a_reason(
    signals: ArraySignals,
) -> None:
    table = missing_by_reason(signals)
    reasons = ("detection", "low_beads", "not_measured", "own", "sex_chromosome")
    assert table.columns[:5] == ["sample_id", "array", "probes", "missing", "missing_share"]
    assert table.columns[5:] == [name for r in reasons for name in (r, f"{r}_share")]
    assert table["sample_id"].to_list() == ["100", "101"]
    first, second = table.iter_rows(named=True)
    assert (first["own"], second["own"], first["not_measured"]) == (5, 5, 0)
    assert second["low_beads"] > 50
    assert second["detection"] > first["detection"] + 20
    for sample, row in enumerate((first, second)):
        assert row["missing"] == np.isnan(signals.beta[:, sample]).sum()
        assert row["missing"] == sum(row[reason] for reason in reasons)
        assert row["missing_share"] == row["missing"] / ROWS
        assert row["own_share"] == 5 / ROWS


def test_a_beta_missing_for_no_reason_is_refused(signals: ArraySignals) -> None:
    beta = signals.beta.copy(order="F")
    row = int(np.flatnonzero(~np.isnan(beta[:, 1]))[0])
    beta[row, 1] = np.nan
    n = int(np.isnan(beta[:, 1]).sum())
    with pytest.raises(MaskError, match=f"sample 101: {n} betas are missing, {n - 1} for a"):
        missing_by_reason(dataclasses.replace(signals, beta=beta))


def test_a_reason_for_a_beta_that_is_there_is_refused(signals: ArraySignals) -> None:
    doubled = signals.masked.with_columns(n=pl.col("n") + (pl.col("reason") == "own").cast(int))
    with pytest.raises(MaskError, match="sample 100"):
        missing_by_reason(dataclasses.replace(signals, masked=doubled))
    with pytest.raises(MaskError, match="sample 101"):
        missing_by_reason(
            dataclasses.replace(signals, masked=signals.masked.filter(sample_id="100"))
        )


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    dead=st.sets(st.integers(0, ROWS - 1), max_size=300),
    few=st.sets(st.integers(0, ROWS - 1), max_size=300),
    own=st.dictionaries(st.integers(0, ROWS - 1), st.sampled_from(["snp", "x"]), min_size=1),
    sexes=st.booleans(),
    method=st.sampled_from(["noob", "sesame", "raw"]),
    least=st.integers(0, 4),
)
def test_the_reasons_of_a_batch_always_add_up(
    tiny,
    levels: np.ndarray,
    dead: set[int],
    few: set[int],
    own: dict[int, str],
    sexes: bool,
    method: str,
    least: int,
) -> None:
    ids = tiny.manifest.probes["probe_id"]
    Path(tiny.folder / "own.csv").write_text(
        "probe_id,reason\n" + "".join(f"{ids[row]},{why}\n" for row, why in own.items())
    )
    lists = ("manifest:sex_chromosomes", "own.csv") if sexes else ("own.csv",)
    parameters, masks = pin_masks(
        BetaParameters(masks=lists, method=method, min_beads=least), tiny.folder
    )
    address = tiny.manifest.addresses
    n_beads = np.full(len(address), 12)
    n_beads[np.isin(address, tiny.manifest.probes["address_a"].gather(sorted(few)))] = 2
    item = tiny.write("100", methylation=levels, dead=sorted(dead), n_beads=n_beads)
    batch = process_batch([item], tiny.manifest, parameters, masks=masks)
    assert not batch.failed
    (row,) = missing_by_reason(batch.arrays[0]).iter_rows(named=True)
    assert row["missing"] == np.isnan(batch.arrays[0].beta).sum()
    if not sexes:
        assert row.get("snp", 0) + row.get("x", 0) == len(own)
    if least > 2:
        assert row["low_beads"] == len(few - set(own) - (on_sexes(tiny) if sexes else set()))
    else:
        assert row["low_beads"] == 0


def on_sexes(tiny) -> set[int]:
    chosen = pl.col("chrom").is_in(["X", "Y"]) & (pl.col("kind") == "cg")
    return set(tiny.manifest.probes.with_row_index("row").filter(chosen)["row"])
