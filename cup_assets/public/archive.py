"""Unpacking an archive that strangers made.

Belongs here: which members are written, under which names, up to which size. Does not belong here:
what the files are (`cup_assets.methylome`), where the archive comes from (`geo`).

No path of the archive is ever used: a member that is wanted is written under its last name into one
folder. An archive with a path out of it, a link, a device, or more than it may hold was not made by
a public archive and is refused as a whole; a compressed file that grows beyond any IDAT file is
refused alone.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from cup_assets.cohort.problems import printable
from cup_assets.public.errors import ArchiveError

_BLOCK = 2**20


@dataclass(frozen=True)
class Limits:
    """What an archive may hold.

    Attributes
    ----------
    members
        Entries of any kind. The largest series of methylation arrays have about 10,000 files.
    total
        Bytes of the wanted members, as stored.
    file
        Bytes of one IDAT file once decompressed; the largest array's has 15 MB.
    """

    members: int = 50_000
    total: int = 2**40
    file: int = 2**26


@dataclass
class Unpacked:
    """What was written.

    Attributes
    ----------
    files
        Names of the files in the folder, in the archive's order.
    refused
        Name -> why it was not kept.
    others
        How many members were not wanted.
    """

    files: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    others: int = 0


def unpack(
    archive: Path,
    folder: Path,
    wanted: Callable[[str], bool],
    limits: Limits = Limits(),
    progress: Callable[[int], None] | None = None,
) -> Unpacked:
    """Write the wanted members of an uncompressed tar archive into a folder.

    Parameters
    ----------
    archive : Path
        The archive.
    folder : Path
        Exists; receives files only, no sub-folders.
    wanted : callable
        Whether a member of this name (without its path) is written.
    limits : Limits
        What the archive may hold.
    progress : callable, optional
        Called with the bytes of each member done.

    Raises
    ------
    ArchiveError
        If the archive is damaged, or holds what no honest one does.
    """
    found = Unpacked()
    names: set[str] = set()
    total = 0
    try:
        with tarfile.open(archive, "r:") as tar:
            for number, member in enumerate(tar, 1):
                if number > limits.members:
                    _refuse(archive, f"holds more than {limits.members:,} members")
                name = _safe_name(archive, member)
                if name is None or not wanted(name):
                    found.others += name is not None
                    continue
                if name.casefold() in names:
                    _refuse(archive, f"holds {name} twice")
                names.add(name.casefold())
                total += member.size
                if total > limits.total:
                    _refuse(archive, f"holds more than {limits.total:,} bytes")
                _write(tar, member, folder / name)
                if fault := _fault(folder / name, limits.file):
                    (folder / name).unlink()
                    found.refused[name] = fault
                else:
                    found.files.append(name)
                if progress:
                    progress(member.size)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(
            f"{archive.name}: is no readable tar archive ({printable(str(error))}): fetch it again"
        ) from error
    return found


def _safe_name(archive: Path, member: tarfile.TarInfo) -> str | None:
    """Return the last name of a regular file, None for a folder; refuse everything else."""
    shown = printable(member.name)[:120]
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name:
        _refuse(archive, f"holds a path that leads out of it, {shown!r}")
    if not member.name.isprintable():
        _refuse(archive, f"holds a name with control characters, {shown!r}")
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        _refuse(archive, f"holds {shown!r}, which is a link, a device or a sparse file")
    return path.name


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    assert source is not None, "a regular file"  # as `_safe_name` has seen
    left = member.size
    with source, path.open("xb") as target:
        while block := source.read(min(_BLOCK, left)):
            target.write(block)
            left -= len(block)
    if left:
        raise tarfile.ReadError(f"{member.name} is cut short")


def _fault(path: Path, most: int) -> str | None:
    """Return why a file is no IDAT file by its size alone, or None."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        size = _decompressed(file, most) if compressed else path.stat().st_size
    if size is None:
        return "is a damaged gzip file"
    if size > most:
        return f"is larger than any IDAT file (more than {most:,} bytes once decompressed)"
    return None


def _decompressed(file: IO[bytes], most: int) -> int | None:
    """Return the size of a gzip file's content, counted no further than beyond ``most``."""
    size = 0
    machine = zlib.decompressobj(wbits=31)
    try:
        while not machine.eof:
            block = machine.unconsumed_tail or file.read(2**16)
            if not block:
                return None
            size += len(machine.decompress(block, _BLOCK))
            if size > most:
                return size
    except zlib.error:
        return None
    # A second member behind the first would be read as part of the same file.
    return None if machine.unused_data or file.read(1) else size


def _refuse(archive: Path, what: str) -> NoReturn:
    raise ArchiveError(f"{archive.name}: {what}: not unpacked, report it to the archive")
