"""Who may read what the platform writes: its own user and group, nobody else.

Belongs here: the modes of folders and files. Does not belong here: where they are
(`cup_assets.settings`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cup_assets.settings import Settings

_OTHERS = 0o007
_MASK = 0o027
# Set-group-ID: what is made below belongs to the folder's group, whoever makes it.
_DATA = 0o2750
_LANDING = 0o2770  # colleagues of the group put their batches there


def keep_private() -> None:
    """Let this process and its children write nothing that others may read (umask 027)."""
    os.umask(os.umask(_MASK) | _MASK)


def make_data_folders(settings: Settings) -> None:
    """Make the data folder and the landing folder, private to the group.

    Of a folder that is there already, only what others may do is taken away; the group's share is
    its owner's choice.
    """
    for folder, mode in ((settings.data, _DATA), (settings.landing, _LANDING)):
        if folder.exists():
            if folder.stat().st_mode & _OTHERS:
                with contextlib.suppress(PermissionError):  # not ours: `cup doctor` says so
                    folder.chmod(folder.stat().st_mode & ~_OTHERS)
        else:
            folder.mkdir(parents=True)
            folder.chmod(mode)


def is_open_to_others(folder: Path) -> bool:
    """Tell whether users outside of the group may look into a folder."""
    return folder.exists() and bool(folder.stat().st_mode & _OTHERS)
