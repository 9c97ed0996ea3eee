"""The pictures of an asset as files, in step with the database.

Belongs here: staging before the transaction, publishing after it. Does not belong here: drawing.

Pictures are files and cannot be part of the database's transaction: they are staged beside it, and
whoever finds the transaction done but the pictures still staged (a kill in between) publishes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


def stage_pictures(folder: Path, fingerprint: str, pictures: Mapping[str, bytes]) -> None:
    """Write PNG images, title -> bytes, where `publish_pictures` finds them."""
    named = {f"{title.replace(' ', '_')}.png": png for title, png in pictures.items()}
    stage_files(folder, fingerprint, named)


def stage_files(folder: Path, fingerprint: str, files: Mapping[str, bytes]) -> None:
    """Write files, name -> bytes, where `publish_pictures` finds them."""
    staged = _staged(folder, fingerprint)
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for name, content in files.items():
        (staged / name).write_bytes(content)


def publish_pictures(folder: Path, fingerprint: str) -> None:
    """Let staged pictures of this fingerprint, if there are any, replace the folder's."""
    staged = _staged(folder, fingerprint)
    if not staged.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    staged.replace(folder)
    for abandoned in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(abandoned, ignore_errors=True)


def _staged(folder: Path, fingerprint: str) -> Path:
    return folder.with_name(f".{folder.name}.{fingerprint[:16]}")
