"""``cup ui``, the Dagster UI with its daemon on the loopback, and ``cup prepare``.

Belongs here: starting it. Does not belong here: anything it shows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cup_assets.file_modes import make_data_folders
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.orchestration.storage import find_storage, refuse_silence
from cup_assets.settings import Settings


def run_ui(settings: Settings, port: int) -> None:
    """Replace this process by ``dagster dev`` on the persistent instance."""
    make_data_folders(settings)
    environment = {**os.environ, **prepare_instance(settings)}
    command = Path(sys.executable).with_name("dagster")
    print(f"Dagster UI: http://127.0.0.1:{port}   (instance: {environment['DAGSTER_HOME']})")
    arguments = ["dagster", "dev", "-m", "cup_assets.definitions"]
    os.execve(command, [*arguments, "-h", "127.0.0.1", "-p", str(port)], environment)


def run_prepare(settings: Settings) -> None:
    """Make what services find on their first start; nothing that is there is changed.

    Raises
    ------
    StorageError
        If Dagster's storage cannot be used.
    """
    home = prepare_instance(settings)["DAGSTER_HOME"]
    storage = find_storage(settings)
    refuse_silence(storage)
    print(f"data folder {settings.data}, Dagster instance {home}, storage: {storage}")
