"""What is left of a panel's accuracy when a lighter technology measures it.

    python benchmarks/assay_panels.py --table BETAS.parquet --label subgroup --manifest MANIFEST.csv

CpGs are chosen for each technology in the training part of each outer fold, and the test samples
measured by the technology, simulated: its noise, its losses, and only k of its CpGs. Beside it the
same CpGs as the array measured them. Samples that nobody measured (points between two others) are
left out.
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
from cup_assets.panels.assay_accuracy import ARRAY, expected_accuracy
from cup_assets.panels.assay_folds import fold_panels
from cup_assets.panels.technology import Technology, technologies


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
    for column in ("as measured, 95 %", "log loss, array", "as measured", "left out most for", "s"):
        table.add_column(column)
    for technology in technologies().values():
        lengths = technology.amplicon
        material = options.material if options.material in lengths else next(iter(lengths))
        for row in rows_of(data, places, technology, options.size, manifest.build, material):
            table.add_row(technology.name, material, *row)
    Console(width=200).print(table)


def rows_of(
    data: TrainingData,
    places: pl.DataFrame,
    technology: Technology,
    size: int,
    build: str,
    material: str,
) -> list[list[str]]:
    start, folds, parameters = time.process_time(), folds_of(data), PanelParameters()
    panels, left_out = fold_panels(
        data, folds, places, {}, technology, size, parameters, build, material
    )
    sizes = panels.group_by("outer_fold").agg(pl.len(), pl.col("amplicon").n_unique())
    least = int(sizes["len"].min())  # type: ignore[arg-type]
    counts = sorted({max(1, least // 4), max(1, least // 2), least})
    found = expected_accuracy(data, folds, panels, technology, tuple(counts), parameters)
    seconds = time.process_time() - start
    # Numbers in reasons differ from CpG to CpG.
    kind = pl.col("reason").str.replace_all(r"[0-9.:]+", "#").alias("kind")
    why = left_out.select(kind).to_series().value_counts(sort=True)
    reason = f"{why[0, 0]} ({why[0, 1] // sizes.height} a fold)" if why.height else ""
    rows = []
    for k in counts:
        cells = {}
        for name, metric, value, low, high in (
            found.filter(pl.col("measured") == k).drop("measured").iter_rows()
        ):
            interval = "" if low is None else f" ({low:.3f}-{high:.3f})"
            cells[name, metric] = f"{value:.3f}", interval
        rows.append(
            [
                span(sizes["len"]),
                span(sizes["amplicon"]),
                str(k),
                cells[ARRAY, "accuracy"][0],
                "".join(cells[technology.name, "accuracy"]),
                cells[ARRAY, "log_loss"][0],
                cells[technology.name, "log_loss"][0],
                reason,
                f"{seconds:.0f}",
            ]
        )
    return rows


def span(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low}-{high}"


if __name__ == "__main__":
    main()
