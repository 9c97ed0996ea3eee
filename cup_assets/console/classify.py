"""``cup classify``: score IDAT pairs with a released classifier.

Belongs here: finding pairs and printing calls. Does not belong here: scoring
(`cup_assets.classify.release`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from rich.progress import Progress
from rich.table import Table

from cup_assets.classify.data import FACTORS
from cup_assets.classify.release import Predictions, Release
from cup_assets.classify.release_files import load_release
from cup_assets.cohort.batch_files import idat_name, is_sheet
from cup_assets.cohort.matrix import place_probes
from cup_assets.cohort.samplesheet import read_samplesheet
from cup_assets.compute import make_file_mapper
from cup_assets.console.errors import ConsoleError
from cup_assets.console.wide import wide_console
from cup_assets.methylome import (
    ArraySignals,
    BetaParameters,
    load_manifests,
    pin_masks,
    process_batch,
)
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue

Pair = tuple[str, Path, Path]
Factors = dict[str, str | None]


def run_classify(
    settings: Settings, path: Path, version: str | None = None, material: str | None = None
) -> None:
    """Print the call of every IDAT pair in a folder.

    What betas are adjusted for, as the material (FFPE or frozen), is taken from the folder's
    sample sheet where there is one, else from the option; where it is unknown the result says so.

    Raises
    ------
    ConsoleError
        If there is no release, no pair, or some sample could not be scored.
    """
    console = wide_console()
    pairs, lonely = find_pairs(path)
    release = current_release(settings, version)
    sheet = factors_of(path)
    recorded = BetaParameters(**release.record["normalisation"])
    normalisation, masks = pin_masks(recorded, settings.data)
    console.print(f"release {release.version} ({release.model})")
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("normalising", total=len(pairs))
        signals = process_batch(
            pairs,
            load_manifests(settings.manifests, settings.cache),
            normalisation,
            masks=masks,
            mapper=make_file_mapper(settings),
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    for line in masks.lacks(array.manifest for array in signals.arrays):
        console.print(line, style="yellow", soft_wrap=True, markup=False)
    failed_quality = []
    for array in signals.arrays:
        given = {"material": material}
        factors = [given | sheet.get(sample, {}) for sample in array.sample_ids]
        calls = score_array(release, array, factors).calls
        bad = array.quality.filter(pl.col("verdict") == "fail")["sample_id", "reasons"]
        failed_quality += [
            f"{sample}: failed quality control ({why}), not scored"
            for sample, why in bad.iter_rows()
        ]
        console.print(_table(calls.join(bad, on="sample_id", how="anti"), array))
        for sample, note in calls.filter(pl.col("note").is_not_null())[
            "sample_id", "note"
        ].iter_rows():
            console.print(f"{sample}: {note}", soft_wrap=True, markup=False)
    unreadable = [f"{sample}: {line}" for sample, line in signals.failed]
    problems = lonely + unreadable + failed_quality
    for line in problems:
        console.print(line, style="red", soft_wrap=True, markup=False)
    if problems:
        raise ConsoleError(f"{len(problems)} sample(s) could not be scored: see the lines above")


def find_pairs(path: Path) -> tuple[list[Pair], list[str]]:
    """Return the pairs of a folder by name, and a line about every file without its partner."""
    if not path.is_dir():
        raise ConsoleError(f"{path} is not a folder: give the folder that holds the IDAT files")
    files: dict[str, dict[str, Path]] = {}
    for file in sorted(path.iterdir()):
        if (name := idat_name(file.name)) is not None:
            files.setdefault("_".join(name.array), {})[name.colour] = file
    pairs = [(key, p["Grn"], p["Red"]) for key, p in files.items() if len(p) == 2]
    lonely = [
        f"{next(iter(p.values())).name}: its {'Red' if 'Grn' in p else 'Grn'} file is missing:"
        " copy it beside"
        for p in files.values()
        if len(p) == 1
    ]
    if not pairs:
        raise ConsoleError(f"no pair of *_Grn.idat and *_Red.idat in {path}")
    return pairs, lonely


def current_release(settings: Settings, version: str | None) -> Release:
    """Load a release, its digest checked against the one that the catalogue keeps."""
    releases = Catalogue(settings.catalogue).query("SELECT * FROM releases")
    chosen = releases.filter(
        pl.col("is_current") if version is None else pl.col("release") == version
    )
    if chosen.is_empty():
        known = ", ".join(releases["release"]) or "none"
        raise ConsoleError(
            f"no release {version or ''} (known: {known}): run `cup materialize` to make one"
        )
    row = chosen.row(0, named=True)
    return load_release(settings.releases / row["path"], digest=row["digest"])


def factors_of(path: Path) -> dict[str, Factors]:
    """Return position (Sentrix_ID_Sentrix_Position) -> what its row of the sample sheet says."""
    sheets = [file for file in sorted(path.iterdir()) if is_sheet(file.name)]
    if not sheets:
        return {}
    rows = read_samplesheet(sheets[0])
    names = rows["sentrix_id"] + "_" + rows["sentrix_position"]
    found = rows.select("material", "site").to_dicts()
    return dict(zip(names.to_list(), found, strict=True))


def score_array(
    release: Release, array: ArraySignals, factors: Sequence[Mapping[str, str | None]]
) -> Predictions:
    """Score the samples of one array; the same bits as ``diagnosis/predictions``.

    ``factors`` says of each sample what betas may be adjusted for, but the array, which is known.
    """
    names = release.probe_ids.tolist()
    placement = place_probes(array.manifest.probes, names)
    X = np.full((len(array.sample_ids), len(names)), np.nan, dtype=np.float32)
    replicates = placement.rows[placement.replicate_at]
    for row, betas, p in zip(X, array.beta.T, array.detection_p.T, strict=True):
        sure = p[replicates] if release.replicates == "best_detection" else None
        placement.fill(row, betas[placement.rows], sure)
    levels = {name: [of.get(name) for of in factors] for name in FACTORS}
    levels["array"] = [array.manifest.array] * len(factors)
    return release.predict(X, names, levels, list(array.sample_ids))


def _table(calls: pl.DataFrame, array: ArraySignals) -> Table:
    verdicts = dict(array.quality["sample_id", "verdict"].iter_rows())
    table = Table(title=f"{array.manifest.array}, research use only")
    numbers = ("score", "family score", "typicality")
    for column in ("sample", "quality", "call", "class", "score", "family", *numbers[1:]):
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in calls.iter_rows(named=True):
        scores = [
            "" if row[name] is None else f"{row[name]:.3f}"
            for name in ("score", "family_score", "typicality")
        ]
        table.add_row(
            row["sample_id"], verdicts[row["sample_id"]], row["call"], row["class"] or "",
            scores[0], row["family"] or "", *scores[1:],
        )  # fmt: skip
    return table
