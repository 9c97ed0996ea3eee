"""``cup backup`` and ``cup restore``: everything of a data folder, as it was at one moment.

Belongs here: what a backup consists of, the order of copying, and the checks before and after.
Does not belong here: how the catalogue and Dagster's storage are copied
(`cup_assets.warehouse.backup`, `cup_assets.orchestration.dagster_backup`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from cup_assets.console.errors import ConsoleError
from cup_assets.file_modes import make_data_folders
from cup_assets.orchestration.dagster_backup import (
    refuse_used_storage,
    restore_storage,
    save_storage,
)
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.storage import find_storage, read_storage, refuse_silence
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.backup import copy_warehouse, missing_matrices
from cup_assets.warehouse.copies import copy_file, copy_tree, sha256_of

LIST = "backup.json"
_FORMAT = 1
_OWN_WAY = {"warehouse", "landing", "dagster", "cache"}  # the cache is made again


def run_backup(settings: Settings, folder: Path, *, landing: bool = True) -> Path:
    """Copy the platform into a new folder below ``folder``, while it may be at work.

    Parameters
    ----------
    settings
        What is copied.
    folder
        Where backups are kept; each gets a folder named by its time.
    landing
        Whether the files of the batches are copied too, the bulk of it.

    Returns
    -------
    Path
        The backup's folder.

    Raises
    ------
    ConsoleError
        If there is nothing to copy, or ``folder`` lies in the data folder.
    """
    console = Console(highlight=False, soft_wrap=True)
    if not settings.catalogue.exists():
        raise ConsoleError(f"{settings.catalogue} is not there: nothing to back up, check CUP_DATA")
    folder = folder.resolve()
    if folder.is_relative_to(settings.data):
        raise ConsoleError(f"{folder} lies in the data folder: keep backups on another disk")
    prepare_instance(settings)
    target = folder / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
    draft = target.with_name(f".{target.name}.part")
    draft.mkdir(parents=True)
    try:
        # Dagster's storage first: it must not know of results that the catalogue lacks.
        storage = find_storage(settings)
        hashes = _below("dagster", save_storage(storage, draft / "dagster"))
        catalogue = Catalogue(settings.catalogue)
        hashes |= _below("warehouse", copy_warehouse(catalogue, draft / "warehouse"))
        copied = Catalogue(draft / "warehouse" / settings.catalogue.name)
        for part in _other_parts(settings):
            if part.is_dir():
                hashes |= _below(part.name, copy_tree(part, draft / part.name))
            else:
                hashes[part.name] = copy_file(part, draft / part.name)
        if landing:
            hashes |= _save_batches(settings, copied, draft, console)
        # The copy was opened: its root is the draft's, and its hash another one.
        hashes["warehouse/cup.duckdb"] = sha256_of(copied.path)
        record = {
            "format": _FORMAT,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cup_assets": version("cup-assets"),
            "dagster_storage": storage.kind,
            "landing": landing,
            "files": dict(sorted(hashes.items())),
        }
        (draft / LIST).write_text(json.dumps(record, indent=1), encoding="utf-8")
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    console.print(f"{target}: {len(hashes)} files, {size / 2**20:,.0f} MiB")
    return target


def run_restore(settings: Settings, backup: Path) -> None:
    """Check a backup file by file, and put it where the settings say; nothing is overwritten.

    Raises
    ------
    ConsoleError
        If the backup is not whole, or there is something where it is to be put.
    """
    console = Console(highlight=False, soft_wrap=True)
    record = _checked(backup)
    present = [settings.catalogue] if settings.catalogue.exists() else []
    present += [*settings.releases.glob("*"), *settings.reports.glob("*")]
    if record["landing"]:
        present += settings.landing.glob("[!.]*")
    if present:
        raise ConsoleError(f"{present[0]} is there already: restore into an empty CUP_DATA")
    storage = read_storage(backup / "dagster" / "dagster.yaml", settings.dagster_home)
    refuse_silence(storage)
    refuse_used_storage(storage)
    make_data_folders(settings)
    # The catalogue comes last: without it the platform has no data, so that a restore that was cut
    # short is begun again and never taken for a whole one.
    names = [name for name in record["files"] if not name.startswith("dagster/")]
    last = f"warehouse/{settings.catalogue.name}"
    for name in sorted(names, key=lambda name: (name == last, name)):
        target = settings.data / name
        if name == last:
            restore_storage(storage, backup / "dagster")
        copy_file(backup / name, target)
    catalogue = Catalogue(settings.catalogue)
    if amiss := missing_matrices(catalogue):
        raise ConsoleError(f"{len(amiss)} matrices are not as the catalogue says, first {amiss[0]}")
    console.print(
        f"{settings.data}: {len(record['files'])} files as of {record['made_at']}; next:"
        " `cup doctor`, then start the services or run `cup materialize`"
    )
    absent = [b for b in _batches(catalogue) if not (settings.landing / b).is_dir()]
    if absent:
        raise ConsoleError(
            f"{len(absent)} batches have no folder in {settings.landing}, first {absent[0]}: put"
            " them there before anything is started, which would take them for removed"
        )


def _other_parts(settings: Settings) -> Iterator[Path]:
    for part in sorted(settings.data.iterdir()):
        own = part.name in _OWN_WAY or part == settings.dagster_home
        if not own and not part.name.startswith(".") and not part.is_symlink():
            yield part


def _save_batches(
    settings: Settings, catalogue: Catalogue, draft: Path, console: Console
) -> dict[str, str]:
    """Copy the batches that were taken in; others may be half-way there."""
    rows = catalogue.query(
        "SELECT batch, grn, red, grn_sha256, red_sha256 FROM samples JOIN batches USING (batch)"
        " WHERE state <> 'retracted'"
    )
    known = _batches(catalogue)
    hashes: dict[str, str] = {}
    for batch in known:
        source = settings.landing / batch
        if source.exists():
            name = f"landing/{batch}"
            hashes |= _below(name, copy_tree(source, draft / name))
    for batch, grn, red, *recorded in rows.iter_rows():
        for file, sha256 in zip((grn, red), recorded, strict=True):
            if hashes.get(f"landing/{batch}/{file}") != sha256:
                console.print(f"landing/{batch}/{file} is not as it was taken in", style="yellow")
    there = {path.name for path in settings.landing.glob("[!.]*") if path.is_dir()}
    for batch in sorted(there - set(known)):
        console.print(f"landing/{batch} is not taken in yet: left out", style="yellow")
    return hashes


def _batches(catalogue: Catalogue) -> list[str]:
    rows = catalogue.query("SELECT batch FROM batches WHERE state <> 'retracted' ORDER BY batch")
    return [str(batch) for batch in rows["batch"]]


def _checked(backup: Path) -> dict[str, Any]:
    """Return the list of a backup after comparing every file with it."""
    try:
        record: dict[str, Any] = json.loads((backup / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConsoleError(
            f"{backup / LIST} cannot be read ({error}): give the folder of one backup"
        ) from error
    if record.get("format") != _FORMAT:
        raise ConsoleError(f"{backup} is of another format: restore it with the cup_assets that"
                           f" made it ({record.get('cup_assets')})")  # fmt: skip
    for name, sha256 in record["files"].items():
        file = (backup / name).resolve()
        if not file.is_relative_to(backup.resolve()) or not file.is_file():
            raise ConsoleError(
                f"{backup / name} is missing: this backup is not whole, take another"
            )
        if sha256_of(file) != sha256:
            raise ConsoleError(f"{backup / name} is damaged: this backup cannot be trusted")
    return record


def _below(name: str, hashes: dict[str, str]) -> dict[str, str]:
    return {f"{name}/{path}": sha256 for path, sha256 in hashes.items()}
