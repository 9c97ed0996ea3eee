"""Which CpGs matter on a table of betas, by every method, and what the same methods find by chance.

    python benchmarks/important_table.py --table BETAS.parquet --label subgroup
    python benchmarks/important_table.py --table BETAS.parquet --label subgroup --manifest 450k.csv

All of ``panels/importance`` on one table: scores by seven methods, Boruta, stability selection,
clusters of correlated CpGs, effects. Beside it, with the labels shuffled among the patients
(`--shuffles` times): whatever Boruta confirms then is false. Printed are the counts, how far the
methods agree (Spearman's rank correlation over all CpGs), and the most important CpGs with gene and
class. Samples that nobody measured (points between two others) are left out.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from novelty import from_table
from processes import look
from rich.console import Console
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.compute import Mapper, local
from cup_assets.methylome import read_manifest
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.model_importance import model_importance, shared_ranks
from cup_assets.panels.parameters import PanelParameters
from cup_assets.panels.relevance import Relevance, relevance
from cup_assets.panels.summary import ALL_METHODS, cpg_summary

STABLE = 0.9
_COUNTED = ("clusters confirmed", "CpGs confirmed", "CpGs tentative", "stable clusters")
_SHOWN = ("probe_id", "genes", "mean_rank", "verdict", "frequency_of_cluster", "class", "direction",
          "difference", "separation")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--table", type=Path, required=True, help="Parquet of betas, a sample a row"
    )
    parser.add_argument("--label", default="class", help="column of the table with the class")
    parser.add_argument("--manifest", type=Path, help="names the genes")
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20, help="CpGs to print")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    console, mapper, parameters = Console(width=170), local(options.workers), PanelParameters()
    data = from_table(options.table, options.label)
    console.print(
        f"{len(data.y)} samples, {len(np.unique(data.y))} classes, {data.X.shape[1]} CpGs"
    )
    start, before = time.perf_counter(), look().processor
    found, summary = everything(data, parameters, options.manifest, mapper)
    spent = time.perf_counter() - start, look().processor - before
    console.print(f"all of it: {spent[0]:.0f} s, {spent[1]:.0f} s of processors")
    null = [
        counts(judged(shuffled(data, seed), parameters, mapper))
        for seed in range(1, options.shuffles + 1)
    ]
    console.print(_counts(found, null))
    console.print(_agreement(summary))
    console.print(_frame("the most important", summary.select(_SHOWN).head(options.rows)))


def judged(data: TrainingData, parameters: PanelParameters, mapper: Mapper) -> Relevance:
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    return relevance(candidates, data.patient, parameters, mapper)


def everything(
    data: TrainingData, parameters: PanelParameters, manifest: Path | None, mapper: Mapper
) -> tuple[Relevance, pl.DataFrame]:
    """Return what is known of the CpGs, and one row of each, as the asset stores them."""
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    found = relevance(candidates, data.patient, parameters, mapper)
    clusters = dict(found.table["probe_id", "cluster"].iter_rows())
    models = model_importance(data, candidates, clusters, parameters, mapper)
    scores = pl.concat([shared_ranks(importance_of(candidates, parameters)), models.table])
    known = (
        pl.DataFrame(schema={"probe_id": pl.String})
        if manifest is None
        else read_manifest(manifest).probes.select("probe_id", "genes")
    )
    return found, cpg_summary(scores, found, known)


def shuffled(data: TrainingData, seed: int) -> TrainingData:
    """Give the labels to other patients: nothing is left to be found."""
    y = np.random.default_rng(seed).permutation(data.y)
    return replace(data, y=y)


def counts(found: Relevance) -> dict[str, int]:
    verdict = found.table.filter
    return {
        "candidates": found.table.height,
        "clusters": found.table["cluster"].n_unique(),
        "rounds": found.rounds,
        "clusters confirmed": verdict(verdict="confirmed")["cluster"].n_unique(),
        "CpGs confirmed": verdict(verdict="confirmed").height,
        "CpGs tentative": verdict(verdict="tentative").height,
        "stable clusters": verdict(pl.col("frequency_of_cluster") >= STABLE)["cluster"].n_unique(),
    }


def _counts(found: Relevance, null: list[dict[str, int]]) -> Table:
    table = Table("", "found", "labels shuffled: mean", "most", title="what is found")
    for name, value in counts(found).items():
        values = [row[name] for row in null]
        beside = (f"{np.mean(values):.1f}", str(max(values))) if values else ("", "")
        table.add_row(name, str(value), *(beside if name in _COUNTED else ("", "")))
    return table


def _agreement(summary: pl.DataFrame) -> Table:
    """Return Spearman's correlation of the methods' ranks over all candidates."""
    ranks = {method: summary[f"rank_{method}"].rank() for method in ALL_METHODS}
    table = Table("", *(str(at + 1) for at in range(len(ranks))), title="agreement of the methods")
    for at, (name, mine) in enumerate(ranks.items()):
        cells = [f"{np.corrcoef(mine, other)[0, 1]:.2f}" for other in ranks.values()]
        table.add_row(f"{at + 1} {name}", *cells)
    return table


def _frame(title: str, frame: pl.DataFrame) -> Table:
    table = Table(*frame.columns, title=title)
    for row in frame.iter_rows():
        table.add_row(*(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


if __name__ == "__main__":
    main()
