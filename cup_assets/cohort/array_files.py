"""One IDAT file of a batch, read once: its digest, its header fields, or why it is refused.

Belongs here: the work that is independent from file to file, so that it can run in parallel. Does
not belong here: the two files of an array together, and the sample sheet (`intake`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cup_assets.methylome.errors import IdatError
from cup_assets.methylome.idat import read_idat

_BLOCK = 2**20


@dataclass(frozen=True)
class ArrayFile:
    """What an IDAT file holds, as far as the intake asks.

    Attributes
    ----------
    path
        The file.
    size
        Bytes on disk.
    sha256
        Digest of the bytes on disk, so of the compressed ones of a ``.gz``; empty if unreadable.
    fault, remedy
        Why the file is refused and what to do; both empty if it is not.
    n_beads
        Number of bead types.
    addresses_sha256
        Digest of the bead addresses: two files of one array agree in it.
    barcode, position
        Sentrix_ID and Sentrix_Position that the scanner wrote; empty if it did not.
    scan_date
        ISO date and time of the scan, or None.
    """

    path: Path
    size: int
    sha256: str
    fault: str = ""
    remedy: str = ""
    n_beads: int = 0
    addresses_sha256: str = ""
    barcode: str = ""
    position: str = ""
    scan_date: str | None = None


def inspect_array_file(path: Path) -> ArrayFile:
    """Hash and read one IDAT file; a fault is returned, not raised."""
    try:
        size, digest = file_digest(path)
    except OSError as error:
        return ArrayFile(
            path, 0, "", f"cannot be read ({error.strerror})", "check the file and its permissions"
        )
    try:
        idat = read_idat(path)
    except IdatError as error:
        what, _, remedy = str(error).removeprefix(f"{path.name}: ").partition("; ")
        return ArrayFile(path, size, digest, what, remedy or "copy it again from the scanner")
    return ArrayFile(
        path,
        size,
        digest,
        n_beads=len(idat.address),
        addresses_sha256=hashlib.sha256(idat.address.tobytes()).hexdigest(),
        barcode=idat.barcode,
        position=idat.position,
        scan_date=idat.scan_date,
    )


def file_digest(path: Path) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of a file, in bounded memory.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
