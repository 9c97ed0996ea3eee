"""A batch as a folder: its name, its files, and whether it is still being written.

Belongs here: what can be told from names and `stat` alone, fast enough for a sensor. Does not
belong here: file contents (`intake`), and what to do about a batch (`landing`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cup_assets.cohort.problems import IntakeError, printable

MARKER = "_COMPLETE"
"""An empty file of this name says that a batch has been copied completely."""

PROVENANCE = "provenance.json"
"""Says of a fetched batch where everything in it came from (`cup_assets.public`)."""

_BATCH_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PARTIAL = (".part", ".partial", ".filepart", ".crdownload", ".tmp")
_IDAT = re.compile(
    r"(?:.*_)?(?P<barcode>[A-Za-z0-9-]+)_(?P<position>R\d\dC\d\d|[A-L])_(?P<colour>Grn|Red)"
    r"\.idat(?:\.gz)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Observation:
    """What a look at one entry of the landing folder shows, without opening a file.

    Attributes
    ----------
    name
        Name of the folder.
    signature
        See `batch_signature`; empty where the folder could not be listed.
    marked
        Whether `MARKER` is there and not older than any other file: it vouches for this state of
        the folder, not for a correction that came after it.
    n_files
        Number of files that the signature covers.
    partial
        Name of a file that a copying program has not finished, or None.
    fault
        Why this cannot be a batch, or None.
    """

    name: str
    signature: str
    marked: bool = False
    n_files: int = 1
    partial: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class IdatName:
    """What the name of an IDAT file says; a prefix such as ``GSM123_`` does not matter."""

    barcode: str
    position: str
    colour: str

    @property
    def array(self) -> tuple[str, str]:
        """Sentrix_ID and Sentrix_Position."""
        return self.barcode, self.position


def batch_key(name: str) -> str:
    """Return the name if it can be the key of a batch.

    Raises
    ------
    IntakeError
        If it holds anything but letters, digits, ``_`` and ``-``, starts with one of the latter,
        or is longer than 64 characters.
    """
    if not _BATCH_KEY.fullmatch(name):
        raise IntakeError(
            f"batch {printable(name)!r}: rename the folder to 1 to 64 letters, digits, _ or -,"
            " the first a letter or digit"
        )
    return name


def idat_name(name: str) -> IdatName | None:
    """Return what an IDAT file name says, or None where it is not one."""
    match = _IDAT.fullmatch(name)
    if match is None:
        return None
    return IdatName(match["barcode"], match["position"].upper(), match["colour"].capitalize())


def is_idat(name: str) -> bool:
    """Return whether the name has the extension of an IDAT file."""
    return name.lower().endswith((".idat", ".idat.gz"))


def is_sheet(name: str) -> bool:
    """Return whether this is the sample sheet; case, spaces and underscores do not matter."""
    return re.sub(r"[ _-]", "", name.lower()) == "samplesheet.csv"


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path, with its links followed, lies in the folder."""
    return path.resolve().is_relative_to(folder.resolve())


def visible_files(folder: Path) -> list[str]:
    """Return the sorted names of a batch's files.

    Left out: sub-folders, the marker, hidden files, and what editors and copying programs keep for
    themselves (``~``, ``.part``, ``.tmp``).
    """
    return sorted(
        entry.name
        for entry in _entries(folder)
        if not entry.is_dir() and entry.name != MARKER and not _is_partial(entry.name)
    )


def batch_signature(folder: Path) -> str:
    """Return a digest of the names, sizes and modification times of a batch's files.

    It costs one `stat` a file and changes when a file is added, removed, rewritten or renamed. The
    marker and unfinished files do not count.

    Raises
    ------
    IntakeError
        If the folder cannot be listed.
    """
    try:
        return _digest([(name, *_size_and_time(folder / name)) for name in visible_files(folder)])
    except OSError as error:
        raise IntakeError(
            f"batch {printable(folder.name)}: cannot be listed ({error.strerror}): check that the"
            " folder is there and readable"
        ) from error


def observe_batches(landing: Path) -> tuple[Observation, ...]:
    """Look at every entry of the landing folder.

    Returns
    -------
    tuple of Observation
        By name. Hidden entries and files that belong to no batch (a README) are left out; IDAT
        files and sheets that lie beside the batch folders are reported as faults.

    Raises
    ------
    IntakeError
        If the landing folder is not there: that is not the same as a folder without batches.
    """
    try:
        entries = sorted(_entries(landing), key=lambda entry: entry.name)
    except OSError as error:
        raise IntakeError(
            f"landing folder {landing}: cannot be listed ({error.strerror}): create or mount it"
        ) from error
    return tuple(seen for entry in entries if (seen := _observe(landing, entry)))


def _observe(landing: Path, entry: os.DirEntry[str]) -> Observation | None:
    path = Path(entry.path)
    if entry.is_symlink() and not is_inside(path, landing):
        return Observation(entry.name, "", fault="is a link out of the landing folder: copy it in")
    if not entry.is_dir():
        if is_idat(entry.name) or is_sheet(entry.name):
            return Observation(entry.name, "", fault="lies outside of a batch: give it a folder")
        return None
    try:
        names = visible_files(path)
        stats = [(name, *_size_and_time(path / name)) for name in names]
        marker = path / MARKER
        marked_at = marker.stat().st_mtime_ns if marker.is_file() else -1
        partial = sorted(e.name for e in _entries(path) if _is_partial(e.name))
    except OSError as error:
        return Observation(entry.name, "", fault=f"cannot be listed ({error.strerror})")
    newest = max((time for _, _, time in stats), default=0)
    return Observation(
        entry.name, _digest(stats), marked_at >= newest, len(names), next(iter(partial), None)
    )


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith((".", "~")):
                yield entry


def _is_partial(name: str) -> bool:
    return name.lower().endswith(_PARTIAL) or name.endswith("~")


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:  # a dangling link is reported by the intake, not by the sensor
        status = path.lstat()
    return status.st_size, status.st_mtime_ns


def _digest(stats: list[tuple[str, int, int]]) -> str:
    text = "".join(f"{name}\0{size}\0{time}\n" for name, size, time in sorted(stats))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
