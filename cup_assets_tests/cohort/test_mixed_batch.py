"""One batch on four kinds of array: each sample by its own, and together on what they share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort import (
    CohortParameters,
    choose_arrays,
    common_probes,
    place_probes,
)
from cup_assets.console.classify import score_array
from cup_assets.methylome import (
    ArraySignals,
    BetaParameters,
    Manifest,
    pin_masks,
    process_batch,
    read_manifest,
)
from cup_assets.methylome.missing import missing_by_reason
from cup_assets_tests.methylome.conftest import CONTROLS, HEADER, TinyArray

DESCRIPTORS = {
    "450k": "HumanMethylation450_15017482_v.1.2.bpm",
    "epic": "MethylationEPIC_v-1-0_B4.bpm",
    "epicv2": "EPIC-8v2-0_A1.bpm",
    "hm27": "HumanMethylation27_270596_v.1.2.bpm",
}
# Numbers of the CpGs on each; every 40th is a SNP probe, which HumanMethylation27 has none of.
CPGS = {
    "450k": range(600),
    "epic": range(60, 760),
    "epicv2": range(120, 900),
    "hm27": range(0, 600, 15),
}
REPLICATED = range(200, 230)
MOVED = 300  # on another chromosome in hg38: X
SNP_COLUMNS = "SNP_ID,SNP_DISTANCE,SNP_MinorAlleleFrequency"


def rows(array: str) -> list[str]:
    """Return the manifest's rows of an array: the same CpGs, of names and addresses of its own."""
    found = []
    start = 100_000 * (1 + list(DESCRIPTORS).index(array))
    for cpg in CPGS[array]:
        snp = cpg % 40 == 39
        if snp and array == "hm27":
            continue
        name = f"{'rs' if snp else 'cg'}{cpg:08d}"
        copies = 2 if array == "epicv2" and cpg in REPLICATED else 1
        for copy in range(copies):
            probe_id = f"{name}_TC1{copy + 1}" if array == "epicv2" else name
            design = "I" if array == "hm27" or cpg % 4 < 2 else "II"
            channel = ("Grn" if cpg % 4 in (0, 2) else "Red") if design == "I" else ""
            a, b = start + 4 * cpg + 2 * copy, start + 4 * cpg + 2 * copy + 1
            chrom = "X" if cpg % 20 == 7 else "Y" if cpg % 20 == 12 else str(cpg % 22 + 1)
            if array == "epicv2" and cpg == MOVED:
                chrom = "X"
            build, prefix = ("GRCh38", "chr") if array == "epicv2" else ("37", "")
            known = f"rs{cpg},3,0.2" if cpg % 50 == 10 and array != "hm27" else ",,"
            found.append(
                f"{probe_id},{name},{a},{b if design == 'I' else ''},{design},{channel},{build},"
                f"{prefix}{chrom},{1000 + cpg},F,GENE{cpg % 9},{known}"
            )
    return found


def written_manifest(array: str, folder: Path) -> Manifest:
    start = 100_000 * (1 + list(DESCRIPTORS).index(array)) + 90_000
    controls = [f"{start + i},{','.join(control)}" for i, control in enumerate(CONTROLS)]
    lines = ["Illumina, Inc.", "[Heading]", f"Descriptor File Name,{DESCRIPTORS[array]}", "[Assay]"]
    header = HEADER if array == "hm27" else f"{HEADER},{SNP_COLUMNS}"
    probes = [row.removesuffix(",,,") if array == "hm27" else row for row in rows(array)]
    path = folder / f"{array}.csv"
    path.write_text("\n".join([*lines, header, *probes, "[Controls]", *controls]) + "\n")
    return read_manifest(path)


def level(name: str) -> float:
    """Return a true methylation level, the same wherever the CpG is measured."""
    number = int(name[2:])
    return (0.05, 0.5, 0.95)[number % 3] if name.startswith("rs") else (number * 37 % 91 + 5) / 100


Batch = dict[str, ArraySignals]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """Return a batch of two samples of each array, array -> its signals."""
    folder = tmp_path_factory.mktemp("mixed")
    items, manifests = [], []
    for number, array in enumerate(DESCRIPTORS):
        manifest = written_manifest(array, folder)
        manifests.append(manifest)
        tiny = TinyArray(manifest, folder)
        levels = np.array([level(name) for name in manifest.probes["name"]])
        copies = np.flatnonzero(manifest.probes["probe_id"].str.ends_with("_TC12").to_numpy())
        for sample in range(2):
            items.append(
                tiny.write(
                    str(1000 + 10 * number + sample),
                    methylation=levels,
                    seed=10 * number + sample,
                    dead=copies[:20] if sample else (),
                )
            )
    parameters, masks = pin_masks(
        BetaParameters(masks=("manifest:snp", "manifest:sex_chromosomes"))
    )
    order = np.random.default_rng(1).permutation(len(items))  # arrays in turn, as in a real batch
    signals = process_batch([items[i] for i in order], manifests, parameters, masks=masks)
    assert signals.failed == ()
    assert {m.array for m in manifests} == set(DESCRIPTORS)
    assert [line.split(":")[1] for line in masks.lacks(manifests)] == ["snp"]  # of hm27
    return {array.manifest.array: array for array in signals.arrays}


def test_every_sample_is_measured_by_its_own_array(batch: Batch) -> None:
    assert set(batch) == set(DESCRIPTORS)
    for array, signals in batch.items():
        number = list(DESCRIPTORS).index(array)
        assert set(signals.sample_ids) == {f"{1000 + 10 * number + s}" for s in range(2)}
        truth = np.array([level(name) for name in signals.manifest.probes["name"]])
        error = np.abs(signals.beta - truth[:, None])
        assert np.nanmean(error) < 0.06, array
        missing = missing_by_reason(signals)
        snps = {"450k": 12, "epic": 14, "epicv2": 15 + 1, "hm27": 0}[array]  # one twice
        assert missing["snp"].to_list() == [snps, snps], array


def space(batch: Batch, *arrays: str) -> dict[str, pl.DataFrame]:
    return {array: batch[array].manifest.probes for array in arrays}


def test_the_small_array_is_left_out_and_the_others_share_what_all_have(batch: Batch) -> None:
    sizes = dict.fromkeys(batch, 2) | {"450k": 3}
    choice = choose_arrays(space(batch, *batch), sizes, CohortParameters())
    assert list(choice.left_out) == ["hm27"]
    used = choice.report.filter("used")["array"].to_list()
    assert used == ["450k", "epicv2", "epic"]
    shared = common_probes(space(batch, *used))
    numbers = [int(name[2:]) for name in shared.names]
    autosomal = [n for n in range(120, 600) if n % 40 != 39 and n % 20 not in (7, 12)]
    assert numbers == [n for n in autosomal if n != MOVED]
    with_small = common_probes(space(batch, *batch))
    assert len(with_small.names) < len(shared.names) / 10
    for part, frame in (("450k", 600), ("epic", 700), ("epicv2", 780)):
        lost = shared.report.filter(pl.col("array") == part)["n_probes"].sum()
        assert lost + len(shared.names) == frame, part


def test_one_cpg_comes_out_alike_on_every_array(batch: Batch) -> None:
    names = common_probes(space(batch, "450k", "epic", "epicv2")).names
    table = []
    for array in ("450k", "epic", "epicv2"):
        signals = batch[array]
        placement = place_probes(signals.manifest.probes, names)
        at = placement.rows[placement.replicate_at]
        for beta, p in zip(signals.beta.T, signals.detection_p.T, strict=True):
            row = np.full(len(names), np.nan, dtype=np.float32)
            placement.fill(row, beta[placement.rows], p[at])
            table.append(row)
    X = np.array(table)
    masked = np.array([int(name[2:]) % 50 == 10 for name in names])
    assert np.isnan(X[:, masked]).all()
    measured = X[:, ~masked]
    truth = np.array([level(name) for name in names])[~masked]
    assert np.isnan(measured).mean() < 0.02
    assert np.nanmax(np.abs(np.nanmedian(measured, axis=0) - truth)) < 0.1
    # A dead replicate costs nothing: the other one is taken.
    replicated = [i for i, n in enumerate(np.array(names)[~masked]) if int(n[2:]) in REPLICATED]
    assert np.isfinite(measured[4:, replicated]).all()
    assert np.abs(measured[4:, replicated] - truth[replicated]).max() < 0.15


class Stub:
    """In the place of a release: it returns what it is asked to score."""

    def __init__(self, names: list[str], replicates: str) -> None:
        self.probe_ids = np.array(names)
        self.replicates = replicates

    def predict(self, X: np.ndarray, names: list[str], levels: dict, samples: list[str]) -> tuple:
        assert names == self.probe_ids.tolist()
        return X, levels, samples


def test_cup_classify_follows_the_releases_choice_for_replicates(batch: Batch) -> None:
    signals = batch["epicv2"]
    second = signals.manifest.probes["probe_id"].str.ends_with("_TC12").to_numpy()
    p = np.where(second[:, None], np.float32(0.04), np.float32(0.0)) + 0 * signals.detection_p
    beta = np.where(second[:, None], np.float32(0.9), np.float32(0.1)) + 0 * signals.beta
    changed = replace(signals, beta=beta, detection_p=p)
    names = [f"cg{n:08d}" for n in REPLICATED if n % 20 not in (7, 12)]
    given = [{"material": "FFPE", "site": None}, {"material": None}]
    for choice, expected in (("best_detection", 0.1), ("mean", 0.5)):
        release = Stub(names, choice)
        X, levels, samples = score_array(release, changed, given)  # type: ignore[arg-type]
        known = ~np.isnan(X)
        first = list(changed.sample_ids).index("1020")  # nothing dead
        np.testing.assert_allclose(X[first][known[first]], expected, rtol=1e-6)
        assert known[first].sum() > 20
        assert levels == {
            "material": ["FFPE", None],
            "array": ["epicv2", "epicv2"],
            "site": [None, None],
        }
        assert samples == list(changed.sample_ids)
