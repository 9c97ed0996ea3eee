"""``cup classify --panel``: a small table of betas, scored by a released panel.

Belongs here: finding the release, printing and writing the calls. Does not belong here: scoring
(`cup_assets.classify.release`), reading the table (`cup_assets.cohort.panel_table`).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.table import Table

from cup_assets.classify.data import FACTORS
from cup_assets.classify.release import Predictions, Release
from cup_assets.classify.release_files import load_release
from cup_assets.cohort.panel_table import PanelTable, read_panel_table
from cup_assets.cohort.text_tables import some
from cup_assets.console.errors import ConsoleError
from cup_assets.console.wide import wide_console
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue


def run_classify_panel(
    settings: Settings,
    path: Path,
    panel: str | None,
    material: str | None = None,
    out: Path | None = None,
    version: str | None = None,
) -> Path:
    """Print the call of every sample of a table, and write them with all scores.

    Parameters
    ----------
    panel
        Version of a release, or the name of a technology: its current release.
    material
        FFPE or frozen, where the table does not say it.
    out
        CSV to write; default: beside the table, named after it and the release.
    version
        Of a classifier, which has no place here.

    Raises
    ------
    ConsoleError
        If options do not fit together, there is no such release, the table holds too few of its
        CpGs, or some sample could not be scored.
    MatrixError
        If the table is wrong.
    """
    if panel is None:
        raise ConsoleError("--out: only the calls of a panel are written, name it with --panel")
    if version is not None:
        raise ConsoleError("--release: the version of a panel is given to --panel")
    console = wide_console()
    release = panel_release(settings, panel)
    about = release.record["panel"]
    table = read_panel_table(
        path, release.probe_ids.tolist(), release.version, FACTORS, _amplicons(about)
    )
    known = len(set(table.probe_ids))
    least = least_cpgs(release)
    if known < least:
        raise ConsoleError(
            f"{path.name}: holds {known} of the {len(release.probe_ids)} CpGs of"
            f" {release.version}, at least {least} are needed"
        )
    out = out or path.with_name(f"{path.name.split('.')[0]}.{release.version}.csv")
    if out.resolve() == path.resolve():
        raise ConsoleError(f"--out: {out} is the table itself: name another file")
    found, counts = classify_table(release, table, material)
    result = _result(release, found, counts)
    out.parent.mkdir(parents=True, exist_ok=True)
    result.write_csv(out)
    console.print(f"release {release.version}: {about['title']}, {len(release.probe_ids)} CpGs")
    for note in table.notes:
        console.print(f"{path.name}: {note}", soft_wrap=True, markup=False)
    console.print(_table(result))
    for sample, note in result.drop_nulls("note")["sample_id", "note"].iter_rows():
        console.print(f"{sample}: {note}", soft_wrap=True, markup=False)
    console.print(f"written to {out}; research use only", soft_wrap=True, markup=False)
    if missed := result.filter(pl.col("score").is_null()).height:
        raise ConsoleError(f"{missed} sample(s) could not be scored: see the lines above")
    return out


def panel_release(settings: Settings, name: str) -> Release:
    """Load a released panel, its digest checked against the one that the catalogue keeps."""
    rows = Catalogue(settings.catalogue).query("SELECT * FROM panel_releases ORDER BY release")
    current = pl.col("is_current") & (pl.col("technology") == name)
    chosen = rows.filter(current | (pl.col("release") == name))
    if chosen.is_empty():
        known = [*rows.filter("is_current")["technology"], *rows["release"]]
        raise ConsoleError(
            f"no released panel {name!r} (known: {some(known, 12)}): run"
            " `cup materialize` to make them"
        )
    row = chosen.row(0, named=True)
    return load_release(settings.releases / row["path"], digest=row["digest"])


def least_cpgs(release: Release) -> int:
    """Return how many CpGs a sample must have to be scored."""
    most_missing = float(release.record["parameters"]["max_missing"]) * len(release.probe_ids)
    return max(1, len(release.probe_ids) - math.floor(most_missing + 1e-9))


def classify_table(
    release: Release, table: PanelTable, material: str | None
) -> tuple[Predictions, list[int]]:
    """Score the samples; return with it how many of the CpGs each has."""
    n = len(table.sample_ids)
    levels: dict[str, list[str | None]] = {name: [None] * n for name in FACTORS}
    levels |= table.about
    levels["material"] = [value or material for value in levels["material"]]
    # What it was measured with is the technology, which the note on a sample need not repeat.
    levels["array"] = [None] * n
    found = release.predict(table.X, table.probe_ids, levels, table.sample_ids)
    return found, (~np.isnan(table.X)).sum(axis=1).tolist()


def _amplicons(about: dict[str, Any]) -> dict[str, list[str]]:
    """Return the CpGs of each amplicon where one value is measured for all of them."""
    found: dict[str, list[str]] = {}
    if about["noise"]["resolution"] == "amplicon":
        for target in about["targets"]:
            found.setdefault(target["amplicon"], []).append(target["probe_id"])
    return found


def _result(release: Release, found: Predictions, counts: list[int]) -> pl.DataFrame:
    """Return a row a sample: the call, how much was measured, and the score of every class."""
    classes = release.classifier.classes.tolist()
    scores = found.scores.pivot("class", index="sample_id", values="score")
    if scores.is_empty():
        scores = pl.DataFrame(schema={"sample_id": pl.String, **dict.fromkeys(classes, pl.Float64)})
    return (
        found.calls.with_columns(
            technology=pl.lit(release.record["panel"]["technology"]),
            measured=pl.Series(counts, dtype=pl.Int64),
            of=pl.lit(len(release.probe_ids), pl.Int64),
        )
        .select(
            *("sample_id", "release", "technology", "call", "class", "score", "family"),
            *("family_score", "typicality", "measured", "of", "note"),
        )
        .join(
            scores.select("sample_id", pl.col(classes).name.prefix("score of ")),
            on="sample_id",
            how="left",
            maintain_order="left",
        )
    )


def _table(result: pl.DataFrame) -> Table:
    table = Table(title="research use only")
    numbers = ("score", "family score", "typicality", "CpGs")
    for column in ("sample", "call", "class", "score", "family", *numbers[1:]):
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in result.iter_rows(named=True):
        shown = [
            "" if row[name] is None else f"{row[name]:.3f}"
            for name in ("score", "family_score", "typicality")
        ]
        table.add_row(
            row["sample_id"], row["call"], row["class"] or "", shown[0], row["family"] or "",
            *shown[1:], f"{row['measured']} of {row['of']}",
        )  # fmt: skip
    return table
