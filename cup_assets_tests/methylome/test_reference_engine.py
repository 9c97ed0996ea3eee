"""Our betas are methylprep's, but for its rounding and its older sesame; and it cannot fool us."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import BetaParameters, Manifest, SampleSignal, process_pair, read_idat
from cup_assets.methylome import load_manifests as load
from cup_assets.methylome.layout import layout_of, levels_of, plan_for
from cup_assets.methylome.methods import METHODS
from cup_assets.methylome.methylprep_shims import methylprep_running
from cup_assets.methylome.reference_engine import (
    ReferenceEngineError,
    ReferenceSignal,
    reference_signal,
)

pytest.importorskip("methylprep", reason="needs the reference engine: the extra methylprep")

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def manifest(mini_cohort, tmp_path_factory) -> Manifest:
    (found,) = load(mini_cohort.manifests, tmp_path_factory.mktemp("cache"))
    return found


@pytest.fixture(scope="module")
def pairs(mini_cohort) -> dict[str, Pair]:
    """Return one sound sample of each material."""
    truth = pl.read_parquet(mini_cohort.truth / "samples.parquet").filter(~pl.col("degraded"))
    found = {}
    for row in truth.iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        folder = mini_cohort.landing / row["batch"]
        found[row["material"]] = tuple(folder / f"{stem}_{c}.idat" for c in ("Grn", "Red"))
    return found


@pytest.fixture(scope="module")
def theirs(manifest, pairs) -> dict[tuple[str, str], ReferenceSignal]:
    return {
        (mode, material): reference_signal(*pairs[material], manifest, mode)
        for mode, material in (("noob", "frozen"), ("noob", "FFPE"), ("sesame", "FFPE"))
    }


def ours(pair: Pair, manifest: Manifest, method: str) -> SampleSignal:
    """Return our result with nothing masked."""
    parameters = BetaParameters(method, detection_p=1.0, min_beads=0)
    return process_pair(*(read_idat(path) for path in pair), manifest, parameters)


@pytest.mark.parametrize("material", ["frozen", "FFPE"])
def test_noob_is_that_of_methylprep(theirs, manifest, pairs, material) -> None:
    apart = np.abs(ours(pairs[material], manifest, "noob").beta - theirs["noob", material].beta)
    assert np.median(apart) < 1e-4
    assert np.quantile(apart, 0.999) < 0.004
    assert apart.max() < 0.006


def test_what_parts_noob_from_methylprep_is_its_rounding(theirs, manifest, pairs) -> None:
    # It rounds to a tenth, to a unit, and red once more after the dye factor.
    grn, red = (read_idat(path) for path in pairs["FFPE"])
    plan = plan_for(layout_of(manifest), grn.address)
    corrected = METHODS["noob"](grn.mean, red.mean, plan, BetaParameters())
    table = np.concatenate([corrected.green, corrected.red])
    levels = levels_of(grn.mean, red.mean, plan)
    once = 0.5 + 0.05
    largest = 0.5 + max(once, once * corrected.measures["dye_factor"])
    for exact, rounded in (
        (table[levels.m_at], theirs["noob", "FFPE"].m),
        (table[levels.u_at], theirs["noob", "FFPE"].u),
    ):
        assert np.array_equal(rounded, np.round(rounded))
        assert np.abs(exact - rounded).max() < largest


def test_sesame_is_near_that_of_methylprep(theirs, manifest, pairs) -> None:
    # Apart by the order of its steps, an older one, and by its estimates on detected probes only.
    reference = theirs["sesame", "FFPE"]
    mine = ours(pairs["FFPE"], manifest, "sesame")
    stayed = ~manifest.probes["probe_id"].is_in(list(reference.moved)).to_numpy()
    apart = np.abs(mine.beta - reference.beta)[stayed]
    assert np.median(apart) < 0.002
    assert np.quantile(apart, 0.99) < 0.02
    assert np.corrcoef(mine.beta, reference.beta)[0, 1] > 0.999


@pytest.mark.parametrize("material", ["frozen", "FFPE"])
def test_poobah_is_that_of_methylprep(theirs, manifest, pairs, material) -> None:
    apart = (
        ours(pairs[material], manifest, "noob").detection_p - theirs["noob", material].detection_p
    )
    assert np.abs(apart).max() < 1e-6


def test_the_probes_come_in_our_order_and_absent_ones_without_value(
    theirs, manifest, pairs
) -> None:
    absent = manifest.probes[:1].with_columns(
        probe_id=pl.lit("cg99999999"), address_a=pl.lit(7, pl.Int32)
    )
    other = replace(
        manifest,
        probes=pl.concat([absent, manifest.probes.reverse()]),
        content_hash="another order",
    )
    found = reference_signal(*pairs["FFPE"], other)
    assert np.isnan(found.beta[0])
    assert np.isnan(found.detection_p[0])
    np.testing.assert_array_equal(found.beta[:0:-1], theirs["noob", "FFPE"].beta)


def test_losing_the_type_ii_probes_is_refused(manifest, pairs, monkeypatch) -> None:
    # What pandas 3 does: the decoder's None becomes NaN, and no Type II probe is matched.
    with methylprep_running():
        from methylprep.models.sigset import SigSet

        decoder = SigSet.idat_decoder.copy()
        decoder["Color_Channel"] = decoder["Color_Channel"].fillna(np.nan)
    monkeypatch.setattr(SigSet, "idat_decoder", decoder)
    n = (manifest.probes["design"] == "II").sum()
    with pytest.raises(ReferenceEngineError, match=f"{n:,} of {n:,} Type II"):
        reference_signal(*pairs["FFPE"], manifest)


def test_real_samples_agree_in_sesame(hm27_items, hm27_manifest) -> None:
    _, *pair = hm27_items[0]
    reference = reference_signal(*pair, hm27_manifest, "sesame")
    stayed = ~hm27_manifest.probes["probe_id"].is_in(list(reference.moved)).to_numpy()
    apart = np.abs(ours(pair, hm27_manifest, "sesame").beta - reference.beta)[stayed]
    assert np.median(apart) < 0.002
    assert apart.max() < 0.02


def test_an_array_whose_red_channel_methylprep_loses_is_refused(hm27_items, hm27_manifest) -> None:
    # It does not know HumanMethylation27's normalisation controls: no red beta is a number.
    _, *pair = hm27_items[0]
    red = (hm27_manifest.probes["channel"] == "Red").sum()
    with pytest.raises(ReferenceEngineError, match=f"{red:,} of 27,578 Type I"):
        reference_signal(*pair, hm27_manifest, "noob")


def test_pandas_numpy_and_warnings_are_left_as_they_were(theirs) -> None:
    import pandas as pd

    def state() -> tuple[object, ...]:
        return (
            hasattr(pd.DataFrame, "append"),
            dict(np.geterr()),
            list(warnings.filters),
            os.environ.get("NUMEXPR_MAX_THREADS"),
        )

    assert not hasattr(pd.DataFrame, "append")
    before = state()
    with methylprep_running():
        frame = pd.DataFrame({"a": [1]})
        assert frame.append(frame)["a"].to_list() == [1, 1]
        np.seterr(under="raise")
        warnings.simplefilter("ignore", FutureWarning)
        os.environ["NUMEXPR_MAX_THREADS"] = "8"
    assert state() == before
    with pytest.raises(RuntimeError, match="stopped"), methylprep_running():
        raise RuntimeError("stopped")
    assert state() == before


def test_the_platforms_own_path_does_not_touch_methylprep_or_pandas() -> None:
    program = (
        "import sys, cup_assets.methylome, cup_assets.methylome.reference_engine\n"
        "assert not {'methylprep', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_absent_methylprep_is_said_with_the_remedy(manifest, pairs, monkeypatch) -> None:
    for name in ("methylprep", "methylprep.files", "methylprep.models", "methylprep.processing"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ReferenceEngineError, match=r"pip install 'cup-assets\[methylprep\]'"):
        reference_signal(*pairs["FFPE"], manifest)


def test_another_mode_is_refused(manifest, pairs) -> None:
    with pytest.raises(ValueError, match="use one of noob, sesame"):
        reference_signal(*pairs["FFPE"], manifest, "swan")
