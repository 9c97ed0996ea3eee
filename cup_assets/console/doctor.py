"""``cup doctor``: whether everything is there that the platform needs.

Belongs here: looking and printing. Does not belong here: mending.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cup_assets.console.errors import ConsoleError
from cup_assets.file_modes import is_open_to_others
from cup_assets.methylome import ManifestError, load_manifests
from cup_assets.parameters import ParametersError, load_parameters
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, WarehouseError

_DISK_NEEDED = 10 * 2**30

Finding = tuple[bool, str]


def run_doctor(settings: Settings) -> None:
    """Print what was found.

    Raises
    ------
    ConsoleError
        If something is amiss that needs a hand.
    """
    console = Console(highlight=False, soft_wrap=True)
    looks: list[Callable[[Settings], Iterator[Finding]]] = [
        _software, _folders, _parameters, _manifests, _catalogue, _instance, _spark,
    ]  # fmt: skip
    amiss = 0
    for look in looks:
        for fine, line in look(settings):
            amiss += not fine
            mark = ("✓", "green") if fine else ("✗", "red")
            console.print(Text.assemble(mark, f" {line}"))
    if amiss:
        raise ConsoleError(f"{amiss} thing(s) need a hand: see the lines marked ✗")


def _software(_: Settings) -> Iterator[Finding]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("dagster", "duckdb", "polars"))
    yield True, f"Python {platform.python_version()} ({sys.executable}), {packages}"


def _folders(settings: Settings) -> Iterator[Finding]:
    where = settings.data if settings.data.exists() else settings.data.parent
    free = shutil.disk_usage(where).free
    yield (
        free > _DISK_NEEDED,
        f"data folder {settings.data}, {free / 2**30:.0f} GiB free"
        + ("" if free > _DISK_NEEDED else ": a batch of 96 450k arrays needs about 2 GiB"),
    )
    if is_open_to_others(settings.data):
        yield (
            False,
            f"data folder {settings.data} is open to users outside of its group:"
            f" chmod -R o-rwx {settings.data}",
        )
    yield True, f"compute: {settings.compute}, {settings.workers} workers"


def _parameters(settings: Settings) -> Iterator[Finding]:
    try:
        load_parameters(settings.parameters)
    except ParametersError as error:
        yield False, str(error)
    else:
        own = "own values in" if settings.parameters.exists() else "all defaults; override in"
        yield True, f"parameters: {own} {settings.parameters}"


def _manifests(settings: Settings) -> Iterator[Finding]:
    try:
        found = load_manifests(settings.manifests, settings.cache)
    except ManifestError as error:
        yield False, str(error)
        return
    if not found:
        yield (
            False,
            f"no manifest in {settings.manifests}: copy Illumina's CSV files there",
        )
    for manifest in found:
        yield (
            True,
            f"manifest {manifest.array} ({manifest.name}, {manifest.probes.height:,} probes)",
        )


def _catalogue(settings: Settings) -> Iterator[Finding]:
    if not settings.catalogue.exists():
        yield True, f"database {settings.catalogue}: none yet, made on first use"
        return
    try:
        counts = Catalogue(settings.catalogue, patience=5).query(
            "SELECT (SELECT count(*) FROM batches) AS batches, (SELECT count(*) FROM samples) AS n"
        )
    except WarehouseError as error:
        yield False, str(error)
        return
    yield (
        True,
        f"database {settings.catalogue}: {counts['batches'][0]} batches, {counts['n'][0]} samples",
    )


def _instance(settings: Settings) -> Iterator[Finding]:
    from cup_assets.orchestration.storage import StorageError, find_storage, refuse_silence

    config = settings.dagster_home / "dagster.yaml"
    if not config.exists():
        yield True, f"Dagster instance {settings.dagster_home} (made on first use)"
        return
    try:
        storage = find_storage(settings)
        refuse_silence(storage)
    except StorageError as error:
        yield False, str(error)
    else:
        yield True, f"Dagster instance {settings.dagster_home}, storage: {storage}"


def _spark(settings: Settings) -> Iterator[Finding]:
    from cup_assets.compute import ComputeError
    from cup_assets.compute.java import find_java
    from cup_assets.compute.spark_look import described

    try:
        home: Path = find_java()
    except ComputeError as error:
        yield settings.compute != "spark", f"Spark: not available ({error})"
        return
    yield True, f"Spark: Java in {home}"
    if settings.compute != "spark":
        return
    try:
        line = described(settings.spark_master, settings.cache)
    except ComputeError as error:
        yield False, f"Spark on {settings.spark_master}: {error}"
    else:
        yield True, f"Spark on {settings.spark_master}: {line}"
