"""What is left of a panel's accuracy when a lighter technology measures it.

    python benchmarks/assay_panels.py --table BETAS.parquet --label subgroup --manifest MANIFEST.csv

CpGs are chosen for each technology in the training part of each outer fold, and the test samples
measured by the technology, simulated: its noise, its losses, and only k of its CpGs. Beside it the
same CpGs as the array measured them, and a classifier that learnt without hidden CpGs. Samples that
nobody measured (points between two others) are left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl
from novelty import folds_of, from_table
from rich.console import Console
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.cohort.places import places_by_build
from cup_assets.methylome import read_manifest
from cup_assets.panels import PanelParameters
from cup_assets.panels.assay_accuracy import expected_accuracy, measured_counts
from cup_assets.panels.assay_folds import (
    Assay,
    Choices,
    choose_in_parts,
    parts_of,
    used_splits,
)
from cup_assets.panels.masked import Simulation
from cup_assets.panels.refusals import refusals
from cup_assets.panels.technology import ARRAY, technologies


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--table", type=Path, required=True, help="Parquet of betas, a sample a row"
    )
    parser.add_argument("--label", default="class", help="column of the table with the class")
    parser.add_argument("--manifest", type=Path, required=True, help="Illumina's manifest CSV")
    parser.add_argument("--size", type=int, default=20, help="most CpGs of a panel")
    parser.add_argument("--material", default="FFPE", help="frozen, FFPE or liquid_biopsy")
    options = parser.parse_args()
    data = from_table(options.table, options.label)
    manifest = read_manifest(options.manifest)
    probes = manifest.probes.with_columns(
        array=pl.lit(manifest.array), build=pl.lit(manifest.build)
    )
    places = places_by_build(probes, data.probe_ids.tolist())
    title = f"{len(data.y)} samples, {len(np.unique(data.y))} classes, {data.X.shape[1]} CpGs"
    table = Table(title=f"{title}; panels of at most {options.size}, {manifest.build}")
    for column in ("technology", "DNA", "CpGs (folds)", "amplicons", "measured", "array"):
        table.add_column(column)
    for column in ("as measured, 95 %", "nothing hidden", "log loss, array", "as measured"):
        table.add_column(column)
    for column in ("nothing hidden", "left out most for", "s"):
        table.add_column(column)
    folds, parameters = folds_of(data), PanelParameters()
    assays = []
    for technology in technologies().values():
        lengths = technology.amplicon
        material = options.material if options.material in lengths else next(iter(lengths))
        assays.append(Assay(technology, places, {}, options.size, manifest.build, material))
    start = time.process_time()
    parts = parts_of(used_splits(data, folds, parameters))
    found = choose_in_parts(data, parts, assays, parameters)
    chosen = time.process_time() - start
    for assay, choices in zip(assays, found, strict=True):
        if choices.refused:
            table.add_row(assay.technology.name, assay.material, choices.refused)
            continue
        for row in rows_of(data, folds, assay, choices, parameters):
            table.add_row(assay.technology.name, assay.material, *row)
    console = Console(width=220)
    console.print(table)
    console.print(
        f"choosing for all technologies in {len(parts)} training parts: {chosen:.0f} s CPU"
    )


def rows_of(
    data: TrainingData,
    folds: pl.DataFrame,
    assay: Assay,
    choices: Choices,
    parameters: PanelParameters,
) -> list[list[str]]:
    start, technology, panels = time.process_time(), assay.technology, choices.panels
    sizes = (
        panels.filter(pl.col("inner_fold").is_null())
        .group_by("outer_fold")
        .agg(pl.len(), pl.col("amplicon").n_unique())
    )
    counts = measured_counts(panels, (0.25, 0.5, 1.0))
    judged, plain = (
        expected_accuracy(data, folds, panels, technology, counts, parameters, simulation)
        for simulation in (Simulation(), Simulation(masked_copies=0))
    )
    seconds = time.process_time() - start
    outer = choices.left_out.filter(pl.col("inner_fold").is_null())
    why = refusals(outer, technology)
    reason = f"{why[0, 'reason']} ({why[0, 'n'] // sizes.height} a fold)" if why.height else ""
    rows = []
    for k in counts:
        cells = {}
        for name, frame in (("", judged), ("plain ", plain)):
            some = frame.filter((pl.col("measured") == k) & pl.col("class").is_null())
            for by, metric, value, low, high in some.select(
                "measured_by", "metric", "value", "low", "high"
            ).iter_rows():
                interval = "" if low is None else f" ({low:.3f}-{high:.3f})"
                cells[name + by, metric] = f"{value:.3f}", interval
        rows.append(
            [
                span(sizes["len"]),
                span(sizes["amplicon"]),
                str(k),
                cells[ARRAY.name, "accuracy"][0],
                "".join(cells[technology.name, "accuracy"]),
                cells[f"plain {technology.name}", "accuracy"][0],
                cells[ARRAY.name, "log_loss"][0],
                cells[technology.name, "log_loss"][0],
                cells[f"plain {technology.name}", "log_loss"][0],
                reason,
                f"{seconds:.0f}",
            ]
        )
    return rows


def span(values: pl.Series) -> str:
    low, high = min(values.to_list()), max(values.to_list())
    return str(low) if low == high else f"{low}-{high}"


if __name__ == "__main__":
    main()
