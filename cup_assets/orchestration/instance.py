"""The embedded, persistent Dagster instance.

Belongs here: making it on first use and opening it from any current folder. Does not belong here:
what runs on it.
"""

from __future__ import annotations

import os
from importlib.resources import files

import dagster as dg

from cup_assets.file_modes import make_data_folders
from cup_assets.orchestration.launcher import close_dead_runs
from cup_assets.orchestration.storage import (
    POSTGRES_BLOCK,
    POSTGRES_VARIABLE,
    find_storage,
    refuse_silence,
)
from cup_assets.settings import Settings


def prepare_instance(settings: Settings) -> dict[str, str]:
    """Make the instance folder if needed; return the environment that selects it.

    A new ``dagster.yaml`` keeps runs and events in PostgreSQL where the environment gives an
    address (``CUP_DAGSTER_POSTGRES_URL``), in SQLite files otherwise. An existing one is the
    owner's and stays as it is.

    Raises
    ------
    StorageError
        If ``dagster.yaml`` contradicts the environment.
    """
    make_data_folders(settings)
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        template = files("cup_assets.orchestration").joinpath("instance.yaml").read_text()
        storage = POSTGRES_BLOCK if os.environ.get(POSTGRES_VARIABLE) else ""
        config.write_text(template + storage, encoding="utf-8")
    find_storage(settings)
    return {"DAGSTER_HOME": str(home), "CUP_DATA": str(settings.data)}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance to work on it in this process; what died before gives back what it held.

    Child processes inherit the choice through the environment.

    Raises
    ------
    StorageError
        If Dagster's storage cannot be used.
    """
    os.environ.update(prepare_instance(settings))
    refuse_silence(find_storage(settings))
    instance = dg.DagsterInstance.get()
    close_dead_runs(instance)
    return instance
