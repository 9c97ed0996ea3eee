"""From raw IDAT files of simulated tumours to calls, against the simulation's truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from cup_assets.copynumber import CnvProfile, make_bins, make_pool, profile_sample
from cup_assets.genome import chromosome_arms
from cup_assets.methylome import process_pair, read_idat, read_manifest
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.copynumber.synthetic import PARAMETERS

_CALLED = ("gain", "loss", "neutral")


@dataclass(frozen=True)
class Measured:
    samples: pl.DataFrame
    segments: pl.DataFrame
    profiles: dict[str, CnvProfile]


@pytest.fixture(scope="module")
def measured(mini_cohort: SimulatedCohort) -> Measured:
    """Profile the whole cohort against its own normal controls."""
    manifest = read_manifest(next(mini_cohort.manifests.glob("*.csv")))
    samples = pl.read_parquet(mini_cohort.truth / "samples.parquet")
    log2: dict[str, NDArray[np.float32]] = {}
    for row in samples.iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        folder = mini_cohort.landing / row["batch"]
        grn, red = (read_idat(folder / f"{stem}_{color}.idat") for color in ("Grn", "Red"))
        log2[row["sample_id"]] = process_pair(grn, red, manifest).log2_total
    bins = make_bins(manifest.probes, manifest.build, PARAMETERS)
    normals = samples.filter(pl.col("role") == "normal_control")
    ids = normals["sample_id"].to_list()
    sexes = normals["sex"].to_list()
    controls = np.stack([log2[i] for i in ids])
    pool = make_pool(manifest.array, ids, sexes, controls, bins, PARAMETERS)
    profiles = {
        name: profile_sample(name, sex, log2[name], pool, bins, PARAMETERS)
        for name, sex in samples.select("sample_id", "sex").iter_rows()
    }
    return Measured(samples, pl.read_parquet(mini_cohort.truth / "segments.parquet"), profiles)


def _arm_truth(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the log2 of the segment that covers most of each arm of each sample."""
    overlap = pl.min_horizontal("end", "end_arm") - pl.max_horizontal("start", "start_arm")
    return (
        segments.join(chromosome_arms("hg19"), on="chrom", suffix="_arm")
        .with_columns(overlap=overlap)
        .filter(pl.col("overlap") > 0)
        .sort("overlap")
        .group_by("sample_id", "arm")
        .agg(truth=pl.col("log2").last())
    )


def _arms(measured: Measured) -> pl.DataFrame:
    calls = pl.concat(profile.calls for profile in measured.profiles.values())
    level = pl.col("truth")
    state = pl.when(level > 0.01).then(pl.lit("gain")).when(level < -0.01).then(pl.lit("loss"))
    return (
        calls.filter(pl.col("kind") == "arm", pl.col("call").is_in(_CALLED))
        .join(
            _arm_truth(measured.segments),
            left_on=["sample_id", "region"],
            right_on=["sample_id", "arm"],
        )
        .with_columns(state=state.otherwise(pl.lit("neutral")))
        .join(measured.samples, on="sample_id")
    )


def test_every_sample_has_a_profile(measured: Measured) -> None:
    assert {p.sample_id: p.reason for p in measured.profiles.values() if not p.called} == {}


def test_arm_calls_agree_with_the_truth(measured: Measured) -> None:
    arms = _arms(measured).filter((pl.col("purity") >= 0.5) | (pl.col("purity") == 0))
    altered = arms.filter(pl.col("state") != "neutral")
    neutral = arms.filter(pl.col("state") == "neutral")
    assert altered.height > 50
    assert (altered["call"] == altered["state"]).mean() >= 0.95  # type: ignore[operator]
    assert (neutral["call"] == "neutral").mean() >= 0.98  # type: ignore[operator]


def test_arm_levels_are_those_of_the_dna(measured: Measured) -> None:
    altered = _arms(measured).filter(pl.col("state") != "neutral")
    error = (altered["log2"] - altered["truth"]).abs()
    assert float(error.median()) < 0.06  # type: ignore[arg-type]


def test_normal_controls_measured_against_the_others_are_neutral(measured: Measured) -> None:
    arms = _arms(measured).filter(pl.col("role") == "normal_control")
    assert arms["sample_id"].n_unique() == 6
    assert (arms["call"] == "neutral").mean() >= 0.99  # type: ignore[operator]
    profiles = [measured.profiles[name] for name in arms["sample_id"].unique()]
    assert {profile.n_controls for profile in profiles} == {5}
    altered = [(p.segments["call"] != "neutral").sum() for p in profiles]
    assert sum(altered) <= 1


def test_high_level_gene_events_are_found(measured: Measured) -> None:
    genes = pl.concat(profile.calls for profile in measured.profiles.values()).filter(
        pl.col("kind") == "gene"
    )
    events = measured.segments.filter(
        pl.col("kind") == "focal", (pl.col("copies") == 0) | (pl.col("copies") >= 5)
    ).join(genes, on=["sample_id", "region"], suffix="_found")
    expected = (
        pl.when(pl.col("copies") == 0).then(pl.lit("deletion")).otherwise(pl.lit("amplification"))
    )
    events = events.with_columns(expected=expected)
    assert events.height >= 8
    assert (events["call"] == events["expected"]).mean() >= 0.9  # type: ignore[operator]
    found = genes.filter(pl.col("call").is_in(["amplification", "deletion"])).height
    truly = measured.segments.filter(pl.col("kind") == "focal").height
    assert found <= truly + 0.2 * len(measured.profiles)


def test_the_real_450k_manifest_gives_fine_bins_and_all_genes(reference_data: Path) -> None:
    manifest = read_manifest(next((reference_data / "hm450").glob("*.csv.gz")))
    bins = make_bins(manifest.probes, manifest.build, PARAMETERS)
    width = (bins.frame["end"] - bins.frame["start"]).to_numpy()
    assert set(bins.genes) == set(PARAMETERS.genes)
    assert bins.frame.height > 10_000
    assert np.median(width) <= 100_000
    assert width.max() <= PARAMETERS.max_bin_size
    assert width.sum() > 2.5e9
    arm = {gene: place.arm for gene, place in bins.genes.items()}
    assert (arm["EGFR"], arm["CDKN2A"], arm["MYC"], arm["SMARCB1"]) == ("7p", "9p", "8q", "22q")
