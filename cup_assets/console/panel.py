"""``cup panel``: few CpGs that answer a concrete differential diagnosis.

Belongs here: reading what is asked from the catalogue, printing and writing the answer. Does not
belong here: choosing CpGs and judging the choice (`cup_assets.panels.differential`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from cup_assets.cohort.places import places_by_build
from cup_assets.console.errors import ConsoleError
from cup_assets.console.panel_assay import RECORD, run_panel_assay
from cup_assets.console.tables import rich_table
from cup_assets.console.wide import wide_console
from cup_assets.orchestration.reference import read_reference
from cup_assets.panels.differential import DifferentialPanel, differential_panel
from cup_assets.panels.gene_sets import Enrichment, enrichment, read_gmt
from cup_assets.settings import Settings

_SHOWN = 15


def run_panel(
    settings: Settings,
    classes: Sequence[str],
    size: int,
    gene_sets: Path | None = None,
    out: Path | None = None,
    technology: str | None = None,
    material: str | None = None,
) -> Path:
    """Choose a panel for the classes, print it with its cross-validated figures, write all of it.

    Parameters
    ----------
    technology, material
        What is to measure the panel, and in which DNA (default: that of the parameters); without a
        technology nothing limits the choice.

    Raises
    ------
    ConsoleError
        If the folder holds something else, or options do not fit together.
    HeadlessError
        If the reference samples are not there.
    """
    console = wide_console()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(classes)).strip("_")
    by = f"_{technology}" if technology else ""
    out = out or Path(f"panel_{plain}_{size}{by}")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / RECORD).is_file())):
        raise ConsoleError(f"--out: {out} holds something else: give an empty or new folder")
    if technology is not None:
        if gene_sets:
            raise ConsoleError("--gene-sets: not with --technology, whose CpGs are chosen by place")
        return run_panel_assay(settings, classes, size, technology, material, out)
    if material:
        raise ConsoleError("--material: give the technology, too")
    sets = read_gmt(gene_sets) if gene_sets else None
    reference = read_reference(settings)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("outer folds")
        panel = differential_panel(
            reference.data, classes, size, reference.parameters, reference.folds,
            reference.mapper,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )  # fmt: skip
    cpgs = located(panel, reference.probes)
    found = None
    if sets:
        background = panel.background.to_frame("probe_id").join(
            _genes(reference.probes), on="probe_id", how="left", maintain_order="left"
        )
        found = enrichment(panel.cpgs["probe_id"].to_list(), background, sets)
    about = {
        "classes": list(classes),
        "size": size,
        "reference": reference.version,
        "parameters": asdict(reference.parameters),
        "outer_folds": panel.n_folds,
        "chance_error": panel.chance_error,
        "gene_sets": gene_sets.name if gene_sets else None,
    }
    _write(out, panel, cpgs, found, about)
    _print(console, panel, cpgs, found)
    console.print(f"everything is in {out}; research use only", soft_wrap=True, markup=False)
    return out


def located(panel: DifferentialPanel, probes: pl.DataFrame) -> pl.DataFrame:
    """Return the panel's CpGs with places, genes and each group's mean beta."""
    names = panel.cpgs["probe_id"].to_list()
    said = (
        probes.sort("array", "probe_id")
        .group_by(probe_id="name")
        .agg(pl.col("gene_parts", "island").drop_nulls().first())
    )
    means = panel.effects.select("probe_id", pl.format("mean {}", "class").alias("of"), "mean")
    return (
        panel.cpgs.join(places_by_build(probes, names), on="probe_id", maintain_order="left")
        .join(said, on="probe_id", how="left", maintain_order="left")
        .join(means.pivot("of", index="probe_id"), on="probe_id", maintain_order="left")
    )


def _genes(probes: pl.DataFrame) -> pl.DataFrame:
    """Return (probe_id, genes) by the names that are common to all arrays."""
    order = probes.sort("array", "probe_id")
    return order.group_by(probe_id="name").agg(pl.col("genes").drop_nulls().first())


def _write(
    out: Path,
    panel: DifferentialPanel,
    cpgs: pl.DataFrame,
    found: Enrichment | None,
    about: dict[str, object],
) -> None:
    tables = {
        "cpgs": cpgs, "groups": panel.groups, "effects": panel.effects,
        "performance": panel.performance, "confusion": panel.confusion,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    # The record is written last: a folder without it is not complete.
    for name in (RECORD, "gene_sets.csv"):
        (out / name).unlink(missing_ok=True)
    for name, table in (tables | ({"gene_sets": found.table} if found else {})).items():
        table.write_csv(out / f"{name}.csv")
    (out / RECORD).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _print(
    console: Console, panel: DifferentialPanel, cpgs: pl.DataFrame, found: Enrichment | None
) -> None:
    for number, (group, classes, samples, patients) in enumerate(panel.groups.iter_rows(), 1):
        own = "" if classes == group else f" ({classes})"
        console.print(
            f"[{number}] {group}{own}: {samples} samples of {patients} patients",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    # Names of classes are long: in the columns of the table their groups stand by number.
    number_of = {group: f"[{at}]" for at, group in enumerate(panel.groups["group"], 1)}
    short = cpgs.drop("gene_parts", "chosen_in").rename(
        {f"mean {group}": f"mean {mark}" for group, mark in number_of.items()}
    )
    pair = pl.col("separates").str.split(" | ").list.eval(pl.element().replace(number_of))
    console.print(rich_table(f"{cpgs.height} CpGs", short.with_columns(pair.list.join(" | "))))
    shown = panel.performance.with_columns(
        pl.concat_str("metric", pl.col("class").fill_null("all"), separator=", ").alias("figure")
    )
    console.print(
        rich_table(
            f"Such panels on patients that did not choose them, {panel.n_folds} outer folds"
            f" (always the largest group: error {panel.chance_error:.3f})",
            shown.select("figure", "value", "low", "high"),
        )
    )
    if found is not None:
        tested = found.table.filter(pl.col("p").is_not_null())
        columns = ("gene_set", "n_genes", "n_hit", "expected", "p", "fdr", "hit")
        console.print(
            rich_table(
                f"Gene sets: {tested.height} tested, {found.table.height - tested.height} not;"
                f" {found.n_chosen_with_gene} of {found.n_chosen} CpGs lie in a gene",
                tested.select(columns).head(_SHOWN),
            )
        )
