"""Error of the purity estimate, and how far the confidence of calls can be trusted, on simulation.

    .venv/bin/python benchmarks/cnv_purity.py [--array 450k] [--samples 60] [--seeds 11 12 13]

Cohorts of the simulator with purities from .15 to 1, from raw files to calls, in a temporary
folder. The model was tuned on seeds 1 and 2; the seeds here are others.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from cup_assets.copynumber import CnvParameters, make_bins, make_pool, profile_sample
from cup_assets.genome import chromosome_arms
from cup_assets.methylome import process_pair, read_idat, read_manifest
from cup_assets.methylome.purity import normal_methylation, purity_at_least
from cup_assets.simulate import simulate_cohort
from cup_assets.simulate.options import design_from_options

_EDGES = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99]
_CONTROLS = 20


def main() -> None:
    """Measure, and print the tables."""
    options = _options()
    parts = [measure(options.array, seed, options.samples) for seed in options.seeds]
    purity, calls = (pl.concat(frames) for frames in zip(*parts, strict=True))
    with pl.Config(tbl_rows=40, tbl_cols=12, tbl_hide_dataframe_shape=True, float_precision=3):
        print(f"{options.array}, seeds {options.seeds}: {purity.height} tumours")
        print("purity: error by what it rests on", purity_table(purity, "method"))
        print("purity: error by true purity", purity_table(purity, "band"))
        for kind in ("arm", "gene"):
            of_kind = calls.filter(pl.col("kind") == kind)
            print(f"{kind}s: confidence and how often the call is right", reliability(of_kind))
            altered = of_kind.filter(~pl.col("call").is_in(["neutral", "no_call"]))
            print(f"{kind}s called altered", reliability(altered))
            print(f"{kind}s: found, by truth and purity", sensitivity(of_kind))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k")
    parser.add_argument("--samples", type=int, default=40, help="tumours of each seed, about")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    return parser.parse_args()


def measure(array: str, seed: int, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Simulate and profile a cohort; return one row a tumour, and one row a call of it."""
    design = replace(
        design_from_options(array, samples=n, seed=seed),
        truth_betas=False, purity=(0.15, 1.0), normals=_CONTROLS, swaps=0, degraded=0,
        wrong_sexes=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        cohort = simulate_cohort(Path(folder) / "cohort", design)
        manifest = read_manifest(next(cohort.manifests.glob("*.csv*")))
        samples = pl.read_parquet(cohort.truth / "samples.parquet").sort("role", "sample_id")
        segments = pl.read_parquet(cohort.truth / "segments.parquet")
        is_normal = (samples["role"] == "normal_control").to_numpy()
        signals = {}
        for row in samples.iter_rows(named=True):
            stem = cohort.landing / row["batch"] / f"{row['sentrix_id']}_{row['sentrix_position']}"
            grn, red = (read_idat(stem.with_name(f"{stem.name}_{c}.idat")) for c in ("Grn", "Red"))
            signal = process_pair(grn, red, manifest)
            signals[row["sample_id"]] = (signal.log2_total.copy(), signal.beta.copy())
    parameters = CnvParameters()
    bins = make_bins(manifest.probes, manifest.build, parameters)
    controls = samples.filter(is_normal)
    ids = controls["sample_id"].to_list()
    log2 = np.stack([signals[name][0] for name in ids])
    pool = make_pool(array, ids, controls["sex"].to_list(), log2, bins, parameters)
    normal = normal_methylation(np.stack([signals[name][1] for name in ids]), manifest.probes)
    rows, calls = [], []
    for row in samples.filter(~is_normal).iter_rows(named=True):
        total, beta = signals[row["sample_id"]]
        bound = purity_at_least(beta[normal.rows], normal)
        profile = profile_sample(row["sample_id"], row["sex"], total, pool, bins, parameters, bound)
        found = profile.purity
        rows.append(
            {
                "true": row["purity"], "material": row["material"], "value": found.value,
                "low": found.low, "high": found.high, "method": found.method or "none given",
            }
        )  # fmt: skip
        true = _truth(segments.filter(pl.col("sample_id") == row["sample_id"]), bins.genes)
        calls.append(
            profile.calls.join(true, on=["kind", "region"]).with_columns(purity=row["purity"])
        )
    schema = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=schema), pl.concat(calls)


def _truth(segments: pl.DataFrame, genes: dict) -> pl.DataFrame:  # type: ignore[type-arg]
    """Return the true state of every autosomal arm and gene of one sample."""
    rows = []
    for chrom, arm, start, end in chromosome_arms("hg19").iter_rows():
        here = segments.filter(
            pl.col("chrom") == chrom, pl.col("start") < end, pl.col("end") > start
        )
        if chrom in ("X", "Y") or here.is_empty():
            continue
        overlap = pl.min_horizontal("end", pl.lit(end)) - pl.max_horizontal("start", pl.lit(start))
        copies = here.sort(overlap)["copies"][-1]
        rows.append(("arm", arm, _state(copies, high_level=False)))
    for gene, place in genes.items():
        here = segments.filter(
            pl.col("chrom") == place.chrom,
            pl.col("start") <= place.centre,
            pl.col("end") > place.centre,
        )
        if here.height:
            rows.append(("gene", gene, _state(here["copies"][0], high_level=True)))
    return pl.DataFrame(rows, schema=["kind", "region", "truth"], orient="row")


def _state(copies: int, *, high_level: bool) -> str:
    if copies == 2:
        return "neutral"
    if copies < 2:
        return "deletion" if copies == 0 and high_level else "loss"
    return "amplification" if copies >= 5 and high_level else "gain"


def purity_table(purity: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return errors of the value, and how often the interval holds the truth."""
    band = (pl.col("true") * 5).floor().clip(0, 4) / 5
    error = pl.col("value") - pl.col("true")
    inside = (pl.col("low") - 0.01 <= pl.col("true")) & (pl.col("true") <= pl.col("high") + 0.01)
    return (
        purity.with_columns(band=band)
        .group_by(by)
        .agg(
            n=pl.len(),
            given=pl.col("value").count(),
            median_error=error.abs().median(),
            mean_error=error.abs().mean(),
            bias=error.mean(),
            p95=error.abs().quantile(0.95),
            in_interval=inside.mean(),
            width=(pl.col("high") - pl.col("low")).mean(),
        )
        .sort(by)
    )


def reliability(calls: pl.DataFrame) -> pl.DataFrame:
    """Return how often calls of a confidence are right."""
    called = calls.filter(pl.col("call") != "no_call")
    edge = pl.lit(0.0)
    for value in _EDGES:
        edge = pl.when(pl.col("confidence") >= value).then(value).otherwise(edge)
    return (
        called.with_columns(confidence_from=edge)
        .group_by("confidence_from")
        .agg(
            n=pl.len(),
            mean_confidence=pl.col("confidence").mean(),
            right=(pl.col("call") == pl.col("truth")).mean(),
        )
        .sort("confidence_from")
    )


def sensitivity(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the fraction of right calls by true state and purity."""
    band = pl.lit("below .3")
    for value in (0.3, 0.5, 0.7):
        band = pl.when(pl.col("purity") >= value).then(pl.lit(f"from {value}")).otherwise(band)
    return (
        calls.drop_nulls("log2")  # the others were not measured
        .with_columns(purity_band=band)
        .group_by("truth", "purity_band")
        .agg(
            n=pl.len(),
            right=(pl.col("call") == pl.col("truth")).mean(),
            no_call=(pl.col("call") == "no_call").mean(),
        )
        .sort("truth", "purity_band")
    )


if __name__ == "__main__":
    main()
