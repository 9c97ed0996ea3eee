"""Detection rates of quality control on simulated cohorts with planted mistakes.

``python benchmarks/quality.py`` simulates cohorts of the demo's size (204 samples on the mini
array, with every kind of mistake planted), runs exactly what ``normalised/betas`` and
``datasets/reference`` run on them, and prints found / planted / false alarms of each kind. No
threshold was chosen on the seeds that are reported: those of the defaults were, where they are not
taken from the literature, on seeds 1 to 5; reported are seeds 11 to 20.

A false alarm is a sample (or pair) that is reported for this reason without being planted for it.
Label swaps are the classifiers' to find and are not counted here.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from cup_assets.compute import local
from cup_assets.methylome import (
    Manifest,
    QualityParameters,
    duplicates,
    load_manifests,
    process_batch,
    snp_betas,
)
from cup_assets.methylome.identity import identity_conflicts
from cup_assets.simulate import CohortDesign, simulate_cohort

REPORTED = range(11, 21)
KINDS = (
    "duplicates (pairs)",
    "exchanged files, as other genotype (pairs)",
    "exchanged files, as same genotype (pairs)",
    "second samples of a patient (pairs)",
    "wrong recorded sex",
    "sex predicted wrongly",
    "degraded DNA (fail)",
    "incomplete conversion (fail)",
    "few beads (warn or fail)",
    "any other sample (warn)",
    "any other sample (fail)",
)
Pairs = set[frozenset[str]]


def design_of(seed: int, array: str) -> CohortDesign:
    """Return the demo's cohort with every kind of mistake that quality control should find."""
    return replace(
        CohortDesign.demo(seed),
        array=array,
        truth_betas=False,
        duplicates=3,
        wrong_sexes=4,
        degraded=4,
        exchanged=3,
        unconverted=4,
        few_beads=4,
    )


def run_seed(seed: int, array: str) -> dict[str, tuple[int, int, int]]:
    """Return kind -> found, planted, false alarms, of one cohort."""
    with TemporaryDirectory() as folder:
        cohort = simulate_cohort(Path(folder) / "cohort", design_of(seed, array))
        manifests = load_manifests(cohort.manifests, Path(folder) / "cache")
        truth = pl.read_parquet(cohort.truth / "samples.parquet").sort("sample_id")
        items = [
            (row["sample_id"], *(cohort.landing / row["batch"] / f"{_stem(row)}_{colour}.idat"
                                 for colour in ("Grn", "Red")))
            for row in truth.iter_rows(named=True)
        ]  # fmt: skip
        signals = process_batch(items, manifests)
        (measured,) = signals.arrays
        quality = truth.join(measured.quality, on="sample_id", maintain_order="left")
        _, betas = snp_betas(measured.manifest, measured.beta)
        return _of_samples(quality) | _of_pairs(truth, manifests, np.asarray(betas))


def _stem(row: dict[str, object]) -> str:
    return f"{row['sentrix_id']}_{row['sentrix_position']}"


def _of_samples(quality: pl.DataFrame) -> dict[str, tuple[int, int, int]]:
    spoilt = {
        "degraded DNA (fail)": ("degraded", ["fail"], "median log2 intensity"),
        "incomplete conversion (fail)": ("unconverted", ["fail"], "bisulfite conversion"),
        "few beads (warn or fail)": ("few_beads", ["warn", "fail"], "beads"),
    }
    found = {}
    for kind, (flag, verdicts, reason) in spoilt.items():
        hit = pl.col("verdict").is_in(verdicts)
        planted = quality.filter(flag)
        alarms = quality.filter(~pl.col(flag) & hit & pl.col("reasons").str.contains(reason))
        found[kind] = (planted.filter(hit).height, planted.height, alarms.height)
    others = quality.filter(~pl.any_horizontal("degraded", "unconverted", "few_beads"))
    for verdict in ("warn", "fail"):
        found[f"any other sample ({verdict})"] = (0, 0, others.filter(verdict=verdict).height)
    known = quality.filter(pl.col("predicted_sex").is_not_null())
    told = pl.col("predicted_sex") != pl.col("labelled_sex")
    wrong = pl.col("sex") != pl.col("labelled_sex")  # what was exchanged may have another sex too
    found["wrong recorded sex"] = (
        known.filter(wrong & told).height,
        quality.filter(wrong & ~pl.col("degraded")).height,
        known.filter(~wrong & told).height,
    )
    found["sex predicted wrongly"] = (
        0,
        0,
        known.filter(pl.col("predicted_sex") != pl.col("sex")).height,
    )
    return found


def _of_pairs(
    truth: pl.DataFrame, manifests: Sequence[Manifest], betas: np.ndarray
) -> dict[str, tuple[int, int, int]]:
    """Compare every pair of samples with who they are; degraded ones may have no SNPs to show."""
    conflicts = identity_conflicts(truth, betas, QualityParameters())
    by_kind: dict[str, Pairs] = {"same_genotype": set(), "other_genotype": set()}
    for one, other, kind in conflicts.select("sample_id", "other", "kind").iter_rows():
        by_kind[kind].add(frozenset((one, other)))
    same = {
        frozenset(pair)
        for pair in duplicates(truth["sample_id"].to_list(), betas)["sample_id", "same_as"].rows()
    }
    both = truth.join(truth, how="cross", suffix="_b").filter(
        pl.col("sample_id") < pl.col("sample_id_b")
    )
    one_person = pl.col("person") == pl.col("person_b")
    one_patient = pl.col("patient_id") == pl.col("patient_id_b")
    exchanged = pl.col("exchanged") | pl.col("exchanged_b")

    def pairs(*conditions: pl.Expr) -> Pairs:
        return {
            frozenset(row) for row in both.filter(*conditions)["sample_id", "sample_id_b"].rows()
        }

    all_same, all_other = pairs(one_person, ~one_patient), pairs(~one_person, one_patient)
    planted = {
        "duplicates (pairs)": (
            pairs(one_person, ~one_patient, ~exchanged), by_kind["same_genotype"], all_same),
        "exchanged files, as same genotype (pairs)": (
            pairs(one_person, ~one_patient, exchanged), by_kind["same_genotype"], all_same),
        "exchanged files, as other genotype (pairs)": (
            all_other, by_kind["other_genotype"], all_other),
        "second samples of a patient (pairs)": (
            pairs(one_person, one_patient), same, pairs(one_person)),
    }  # fmt: skip
    return {
        kind: (len(wanted & told), len(wanted), len(told - right))
        for kind, (wanted, told, right) in planted.items()
    }


def main() -> None:
    """Run the cohorts and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(REPORTED))
    parser.add_argument("--array", default="mini")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    results = local(arguments.workers)(
        partial(run_seed, array=arguments.array), arguments.seeds, None
    )
    totals: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for result in results:
        for kind, (found, planted, alarms) in result.items():
            totals[kind].update(found=found, planted=planted, alarms=alarms)
    n_samples = design_of(1, arguments.array).n_samples
    print(f"{len(results)} cohorts of {n_samples} samples on {arguments.array}, seeds "
          f"{min(arguments.seeds)} to {max(arguments.seeds)}; thresholds: defaults")  # fmt: skip
    print(f"| {'planted':<44} | found | planted | false alarms |")
    print(f"| {'---':<44} | ---: | ---: | ---: |")
    for kind, n in totals.items():
        found = f"{n['found']} | {n['planted']}" if n["planted"] else "– | –"
        print(f"| {kind:<44} | {found} | {n['alarms']} |")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
