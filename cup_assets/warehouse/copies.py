"""Copies of files with their hashes, complete or not there.

Belongs here: copying files and folders that others may be changing. Does not belong here: which
files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

_CHUNK = 1 << 20
_ATTEMPTS = 10


def sha256_of(file: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file with its times, on to the disk; return the SHA-256 of what was written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
        times = os.fstat(read.fileno())
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return digest.hexdigest()


def copy_tree(source: Path, target: Path, *, without: Iterable[str] = ()) -> dict[str, str]:
    """Copy a folder in which files come and go; links are left out, as are ``*.part`` files.

    Parameters
    ----------
    source, target
        The folder, and where its content is to be.
    without
        Endings of names that are left out.

    Returns
    -------
    dict
        Path below ``target`` (with ``/``) -> SHA-256.

    Raises
    ------
    OSError
        If the folder changes all the time: files that were listed were gone in ten attempts.
    """
    endings = (*without, ".part")
    for attempt in range(_ATTEMPTS):
        hashes: dict[str, str] = {}
        try:
            for file in sorted(source.rglob("*")):
                if file.is_file() and not file.is_symlink() and not file.name.endswith(endings):
                    name = file.relative_to(source).as_posix()
                    hashes[name] = copy_file(file, target / name)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            for name in hashes:
                (target / name).unlink()
        else:
            break
    return hashes
