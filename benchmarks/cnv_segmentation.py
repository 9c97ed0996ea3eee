"""Compare segmentations of the same simulated bins: ours, ruptures, and DNAcopy as in conumee2.

    python benchmarks/cnv_segmentation.py

Full-size 450k, tumours of every purity and both materials, and normals; every method sees the same
bin values and variances. DNAcopy takes most of the time; without R it is left out, and that is
said. ruptures runs in an environment of its own, made on the first run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cnv_measures import Score, score_breaks, true_breaks
from cnv_truth import MATERIALS, PURITIES, Laboratory
from cnv_tumours import Tumour, truth_log2
from numpy.typing import NDArray
from peers.environments import default_folder
from peers.segmentation import BinSet, Found, by_dnacopy, by_ruptures, no_dnacopy
from rich.console import Console
from rich.table import Table

from cup_assets.copynumber import Bins, CnvParameters, make_bins, make_pool
from cup_assets.copynumber.fit import Fit, fit_sample
from cup_assets.copynumber.segment import (
    change_points,
    segment_means,
    segment_starts,
    smooth_outliers,
)
from cup_assets.copynumber.summary import BinValues, summarise
from cup_assets.genome import AUTOSOMES

Floats = NDArray[np.float64]
NAMES = {
    "ours": "optimal partitioning, joined by significance (ours)",
    "partitioning": "optimal partitioning alone",
    "dnacopy": "DNAcopy, conumee2's settings",
    "dnacopy0": "DNAcopy, the same without weights",
    "mepylome": "ruptures KernelCPD, mepylome's settings",
    "kernelcpd": "ruptures KernelCPD, our penalty, no weights",
}


@dataclass(frozen=True)
class Case:
    """One sample's autosomal bins, and what is true of them; a normal has no tumour."""

    material: str
    purity: float
    tumour: Tumour | None
    bins: BinSet
    values: BinValues
    lengths: Floats
    truth: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--array", default="450k")
    parser.add_argument("--tumours", type=int, default=2, help="per purity and material")
    parser.add_argument("--normals", type=int, default=2, help="per material")
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--without-dnacopy", action="store_true")
    options = parser.parse_args()
    console = Console(highlight=False, width=180)
    parameters = CnvParameters()
    bins, cases = simulate(options.array, options, parameters)
    found: Found = by_us(cases, parameters)
    samples = [case.bins for case in cases]
    with tempfile.TemporaryDirectory(prefix="cup-segmentation-") as folder:
        found |= by_ruptures(samples, Path(folder), options.environments)
        missing = "left out as asked" if options.without_dnacopy else no_dnacopy()
        if missing:
            console.print(f"DNAcopy is not compared: {missing}")
        else:
            found |= by_dnacopy(samples, Path(folder))
    console.print(tumour_table(options.array, cases, found, bins))
    console.print(normal_table(options.array, cases, found))


def simulate(
    array: str, options: argparse.Namespace, parameters: CnvParameters
) -> tuple[Bins, list[Case]]:
    """Return the array's bins and the samples."""
    laboratory = Laboratory(array, options.seed)
    bins = make_bins(laboratory.layout.probes, laboratory.layout.build, parameters)
    controls = list(laboratory.controls(20))
    pool = make_pool(
        array,
        [sample.sample_id for sample, _ in controls],
        [sample.sex for sample, _ in controls],
        np.stack([log2 for _, log2 in controls]),
        bins,
        parameters,
    )
    cases = []
    for material in MATERIALS:
        measured = [
            (purity, *laboratory.tumour(number, material, purity))
            for purity in PURITIES
            for number in range(options.tumours)
        ]
        for purity, sample, tumour, log2 in measured:
            fit = fit_sample(sample.sample_id, sample.sex, log2, pool, bins, parameters)
            assert isinstance(fit, Fit)
            cases.append(_case(material, purity, tumour, fit, bins, parameters))
        for number in range(options.normals):
            place = number + 100 * MATERIALS.index(material)
            sample, log2 = laboratory.normal(place, material)
            fit = fit_sample(sample.sample_id, sample.sex, log2, pool, bins, parameters)
            assert isinstance(fit, Fit)
            cases.append(_case(material, 0.0, None, fit, bins, parameters))
    return bins, cases


def _case(
    material: str,
    purity: float,
    tumour: Tumour | None,
    fit: Fit,
    bins: Bins,
    parameters: CnvParameters,
) -> Case:
    values = summarise(fit.ratio, bins, parameters)
    assert values is not None
    frame = bins.frame[values.rows]
    kept = frame["chrom"].is_in(AUTOSOMES).to_numpy()
    frame = frame.filter(kept)
    chrom, start, end = (frame[c].to_numpy() for c in ("chrom", "start", "end"))
    first = np.flatnonzero(np.concatenate([[True], chrom[1:] != chrom[:-1]]))
    truth = np.zeros(chrom.size)
    for segment in tumour.segments if tumour else ():
        middle = (start + end) // 2
        here = (chrom == segment.chrom) & (middle >= segment.start) & (middle < segment.end)
        truth[here] = truth_log2(tumour, segment.copies, purity)
    return Case(
        material,
        purity,
        tumour,
        BinSet(chrom, first, start, values.log2[kept], values.variance[kept]),
        values,
        (end - start).astype(np.float64),
        truth,
    )


def by_us(cases: list[Case], parameters: CnvParameters) -> Found:
    """Segment as the package does, and by its first step alone."""
    joined, alone = [], []
    for case in cases:
        bins = case.bins
        before = time.process_time()
        smooth = smooth_outliers(bins.log2, np.sqrt(bins.variance), parameters.outlier_sd)
        starts = segment_starts(
            smooth, bins.variance, case.lengths, bins.first, case.values.wave_sd, parameters
        )
        joined.append((starts, time.process_time() - before))
        before = time.process_time()
        stretches = [
            (part, 1 / variance)
            for part, variance in zip(
                np.split(smooth, bins.first[1:]),
                np.split(bins.variance, bins.first[1:]),
                strict=True,
            )
        ]
        penalty = parameters.penalty * float(np.log(smooth.size))
        parts = change_points(stretches, penalty, parameters.min_segment_bins)
        starts = np.concatenate([f + p for f, p in zip(bins.first, parts, strict=True)])
        alone.append((starts, time.process_time() - before))
    return {"ours": joined, "partitioning": alone}


def tumour_table(array: str, cases: list[Case], found: Found, bins: Bins) -> Table:
    """Return breakpoints, levels and time of each method on tumours."""
    table = Table(title=f"{array}: tumours, 25 to 35 true breakpoints each")
    columns = (
        *("method", "material", "purity", "recall", "precision", "F1"),
        *("error bins", "level error", "CPU s / sample"),
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "method" else "right")
    groups = ((">= .5", (1.0, 0.7, 0.5)), (".3", (0.3,)))
    for method in NAMES:
        if method not in found:
            continue
        for material in MATERIALS:
            for name, purities in groups:
                here = [
                    i
                    for i, case in enumerate(cases)
                    if case.tumour and case.material == material and case.purity in purities
                ]
                table.add_row(
                    *_row(
                        method, material, name, [(cases[i], *found[method][i]) for i in here], bins
                    )
                )
        table.add_section()
    return table


def _row(
    method: str,
    material: str,
    purity: str,
    results: list[tuple[Case, NDArray[np.int64], float]],
    bins: Bins,
) -> tuple[str, ...]:
    hits, true, right, called = 0, 0, 0, 0
    errors: list[int] = []
    squares: list[float] = []
    for case, starts, _ in results:
        assert case.tumour
        score = Score()
        rows = case.values.rows[: case.bins.chrom.size]
        inner = np.setdiff1d(starts, case.bins.first)
        score_breaks(score, rows[inner], true_breaks(case.tumour, bins))
        hits, true = hits + score.breaks[0], true + score.breaks[1]
        right, called = right + score.called_breaks[0], called + score.called_breaks[1]
        errors += score.errors_bins
        squares.append(_level_error(case, starts))
    recall, precision = hits / max(true, 1), right / max(called, 1)
    return (
        NAMES[method],
        material,
        purity,
        f"{recall:.3f}",
        f"{precision:.3f}",
        f"{2 * recall * precision / max(recall + precision, 1e-9):.3f}",
        f"{np.mean(errors):.2f}" if errors else "-",
        f"{np.mean(squares):.4f}",
        f"{np.mean([seconds for *_, seconds in results]):.3f}",
    )


def _level_error(case: Case, starts: NDArray[np.int64]) -> float:
    """Return the root mean square error of the segments' means over the bins' true levels."""
    means = segment_means(starts, case.bins.log2, 1 / case.bins.variance)
    sizes = np.diff([*starts, case.bins.log2.size])
    error = np.repeat(means, sizes) - case.truth
    # A baseline set elsewhere is no fault of the segmentation.
    return float(np.std(error))


def normal_table(array: str, cases: list[Case], found: Found) -> Table:
    """Return the segments beyond one a chromosome that each method finds in normals."""
    table = Table(title=f"{array}: false segments in a normal sample")
    for column in ("method", *MATERIALS):
        table.add_column(column, justify="left" if column == "method" else "right")
    for method in NAMES:
        if method not in found:
            continue
        numbers = [
            np.mean(
                [
                    starts.size - case.bins.first.size
                    for case, (starts, _) in zip(cases, found[method], strict=True)
                    if not case.tumour and case.material == material
                ]
            )
            for material in MATERIALS
        ]
        table.add_row(NAMES[method], *(f"{number:.1f}" for number in numbers))
    return table


if __name__ == "__main__":
    main()
