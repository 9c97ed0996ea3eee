"""``cup panel --technology``: the CpGs of a differential diagnosis that a technology can measure.

Belongs here: printing and writing the answer. Does not belong here: choosing and judging
(`cup_assets.panels.differential_assay`), the panel without a technology (`panel`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from cup_assets.cohort.places import places_by_build
from cup_assets.console.tables import rich_table
from cup_assets.console.wide import wide_console
from cup_assets.orchestration.assay_inputs import (
    cross_reactive_note,
    excluded_probes,
    plain,
    profiles,
    reference_manifests,
)
from cup_assets.orchestration.reference import read_reference
from cup_assets.orchestration.resources import Platform
from cup_assets.panels.assay_builds import best_build
from cup_assets.panels.assay_files import panel_files
from cup_assets.panels.assay_folds import Assay
from cup_assets.panels.differential_assay import DifferentialAssay, differential_assay
from cup_assets.panels.refusals import refusals
from cup_assets.settings import Settings

RECORD = "panel.json"


def run_panel_assay(
    settings: Settings,
    classes: Sequence[str],
    size: int,
    technology: str,
    material: str | None,
    out: Path,
) -> Path:
    """Choose, print and write an assay; the folder may hold an earlier answer only.

    Raises
    ------
    PanelError
        If there is no such technology, it cannot measure the material, or nothing can be chosen.
    HeadlessError
        If the reference samples are not there.
    """
    console = wide_console()
    (profile,) = profiles(settings.data, [technology]).values()
    platform = Platform(data=str(settings.data), workers=settings.workers, compute=settings.compute)
    parameters = platform.parameters.assays
    material = material or parameters.material
    profile.window(material)  # before anything is computed
    reference = read_reference(settings)
    excluded, masks, lacks = excluded_probes(
        reference_manifests(platform), parameters, settings.data
    )
    names = reference.data.probe_ids.tolist()
    places = places_by_build(reference.probes, names)
    build = parameters.build or best_build(places, names)
    assay = Assay(profile, places, excluded, size, build, material)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("outer folds")
        found = differential_assay(
            reference.data, classes, assay, reference.parameters, reference.folds,
            parameters.simulation(), reference.mapper,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )  # fmt: skip
    about = {
        "classes": list(classes),
        "size": size,
        "technology": plain(profile),
        "material": material,
        "build": build,
        "masks": masks,
        "reference": reference.version,
        "parameters": asdict(reference.parameters),
        "assays": asdict(parameters),
        "outer_folds": found.n_folds,
        "chance_error": found.chance_error,
    }
    _write(out, found, places, about)
    _print(console, found)
    for line in (cross_reactive_note(parameters), *lacks):
        if line:
            console.print(line, soft_wrap=True, markup=False)
    console.print(f"everything is in {out}; research use only", soft_wrap=True, markup=False)
    return out


def _write(
    out: Path, found: DifferentialAssay, places: pl.DataFrame, about: dict[str, object]
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    # The record is written last: a folder without it is not complete. What an earlier answer left
    # (files of another build, gene sets) would be of another question.
    (out / RECORD).unlink(missing_ok=True)
    for pattern in ("*.bed", "order_*.csv", "gene_sets.csv", "effects.csv", "confusion.csv"):
        for old in out.glob(pattern):
            old.unlink()
    some = places.filter(pl.col("probe_id").is_in(found.panel.targets["probe_id"].to_list()))
    for name, content in panel_files(found.panel, some).items():
        (out / name).write_bytes(content)
    tables = {
        "cpgs": found.cpgs,
        "groups": found.groups,
        "performance": found.performance,
        "refusals": refusals(found.panel.left_out, found.panel.technology),
    }
    for name, table in tables.items():
        table.write_csv(out / f"{name}.csv")
    (out / RECORD).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _print(console: Console, found: DifferentialAssay) -> None:
    panel = found.panel
    for group, classes, samples, patients in found.groups.iter_rows():
        own = "" if classes == group else f" ({classes})"
        console.print(
            f"{group}{own}: {samples} samples of {patients} patients", soft_wrap=True, markup=False
        )
    title = (
        f"{found.cpgs.height} CpGs in {panel.windows.height} amplicons: {panel.technology.title},"
        f" {panel.material}, {panel.build}"
    )
    console.print(rich_table(title, found.cpgs.drop("order", "end").rename({"class": "marks"})))
    why = refusals(panel.left_out, panel.technology).drop("first")
    console.print(rich_table("Other candidates are left out", why))
    shown = found.performance.with_columns(
        pl.concat_str("metric", pl.col("class").fill_null("all"), separator=", ").alias("figure")
    )
    console.print(
        rich_table(
            f"Such panels on patients that did not choose them, {found.n_folds} outer folds"
            f" (always the largest group: error {found.chance_error:.3f})",
            shown.select("measured_by", "figure", "value", "low", "high"),
        )
    )
