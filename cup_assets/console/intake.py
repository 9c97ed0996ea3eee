"""``cup intake``: check a batch where it lies, then copy it into the landing folder.

Belongs here: the copy and what is printed. Does not belong here: the rules (`cup_assets.cohort`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cup_assets.cohort.batch_files import MARKER, batch_key, visible_files
from cup_assets.cohort.intake import Inventory, take_inventory
from cup_assets.cohort.taxonomy import load_taxonomy
from cup_assets.compute import make_file_mapper
from cup_assets.console.errors import ConsoleError
from cup_assets.file_modes import make_data_folders
from cup_assets.methylome import load_manifests
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def run_intake(settings: Settings, path: Path, *, check_only: bool = False) -> None:
    """Print every problem of a batch; copy it unless only a check was asked for.

    Raises
    ------
    ConsoleError
        If no sample of it can be used, or the landing folder already holds a batch of this name.
    """
    console = Console(highlight=False, soft_wrap=True)
    folder = path.resolve()
    inventory = _inventory(settings, folder, console)
    for problem in inventory.problems:
        line = f"{problem.severity:<8} {problem.line}"
        console.print(line, style=_COLOURS[problem.severity], markup=False)
    console.print(inventory.summary, markup=False)
    if not inventory.usable:
        raise ConsoleError(f"no sample of {folder.name} can be used: see the lines above")
    if not check_only:
        target = _copy(settings, folder)
        line = f"copied to {target}: the landing sensor takes it, or run `cup materialize`"
        console.print(line, markup=False)


def _inventory(settings: Settings, folder: Path, console: Console) -> Inventory:
    known = Catalogue(settings.catalogue).query(
        "SELECT sample_id, sentrix_id || '_' || sentrix_position AS position, batch"
        " FROM samples JOIN batches USING (batch) WHERE state <> 'retracted' AND batch <> ?",
        [folder.name],
    )
    own = settings.data / "taxonomy.toml"
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(f"reading {folder.name}", total=None)
        return take_inventory(
            folder,
            folder.parent,
            load_manifests(settings.manifests, settings.cache),
            known=dict(known["sample_id", "batch"].iter_rows()),
            known_arrays=dict(known["position", "batch"].iter_rows()),
            taxonomy=load_taxonomy(own if own.exists() else None),
            mapper=make_file_mapper(settings),
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def _copy(settings: Settings, folder: Path) -> Path:
    """Copy under a hidden name first, so that the sensor never sees half a batch."""
    target = settings.landing / batch_key(folder.name)
    if folder == target.resolve():
        return target
    if target.exists():
        raise ConsoleError(
            f"{target} exists already: rename {folder.name}, or remove the old batch"
        )
    make_data_folders(settings)
    hidden = target.with_name(f".{target.name}.copying")
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    for name in visible_files(folder):
        shutil.copy2(folder / name, hidden / name)
    (hidden / MARKER).touch()
    hidden.rename(target)
    return target
