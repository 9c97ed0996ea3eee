"""A bundle as a file: a ZIP archive of which every byte is decided by its entries.

Belongs here: writing and opening the archive, the manifest of hashes, the digest. Does not belong
here: what the entries say.

Entries are sorted, stored without compression, of one fixed time and mode, and nothing else is in
the file. So the same entries are the same bytes on every machine (compression would depend on the
library's version), there is nothing to inflate, and opening can demand that the file be exactly
what writing its entries would give: whatever is changed, in an entry or between entries, shows.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cup_assets.audit.errors import BundleError

MANIFEST = "manifest-sha256.txt"
MOST_ENTRIES = 100_000
_BLOCK = 2**20
_IN_MEMORY = 2**26
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)*", re.ASCII)
# What zipfile raises where headers are forged: it reads and seeks as they say.
_DAMAGE = (
    *(zipfile.BadZipFile, struct.error, NotImplementedError, RuntimeError),
    *(OSError, EOFError, ValueError, OverflowError),
)
_LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.ASCII)

Source = bytes | Path


@dataclass(frozen=True)
class Bundle:
    """An open bundle, its container checked, its content not yet.

    Attributes
    ----------
    sizes
        Entry -> bytes, in the order of the file.
    digest
        SHA-256 (hex) of the manifest of hashes.
    """

    archive: zipfile.ZipFile
    sizes: Mapping[str, int]
    digest: str

    def read(self, name: str) -> bytes:
        """Return an entry's bytes.

        Raises
        ------
        BundleError
            If there is no such entry.
        """
        if name not in self.sizes:
            raise BundleError(f"the bundle has no entry {name}: it is not a bundle of cup_assets")
        return self.archive.read(name)

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """Open an entry for reading."""
        with self.archive.open(name) as stream:
            yield stream


def write_bundle(path: Path, entries: Mapping[str, Source]) -> str:
    """Write entries and the manifest of their hashes; return the bundle's digest.

    The file appears by one rename, complete or not at all.

    Parameters
    ----------
    path
        Where; an existing file is replaced.
    entries
        Name -> bytes, or the file that holds them.

    Raises
    ------
    BundleError
        If a name is not of plain letters, digits, ``._-`` and ``/``.
    """
    for name in entries:
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise BundleError(f"{name!r} cannot be the name of an entry")
    lines = [f"{_sha256(source)}  {name}\n" for name, source in sorted(entries.items())]
    manifest = "".join(lines).encode()
    staged = path.with_name(f".{path.name}.part")
    try:
        with staged.open("w+b") as stream:
            _write(stream, {**{n: _opener(s) for n, s in entries.items()}, MANIFEST: manifest})
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return hashlib.sha256(manifest).hexdigest()


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle whose container is as `write_bundle` makes it.

    Raises
    ------
    BundleError
        If it is no archive, or one that this package would not have written: names that lead out
        of a folder or occur twice, compressed or overlapping entries, bytes between entries.
    """
    archive, sizes = _opened(path)
    with archive:
        yield Bundle(archive, sizes, hashlib.sha256(archive.read(MANIFEST)).hexdigest())


def _opened(path: Path) -> tuple[zipfile.ZipFile, dict[str, int]]:
    """Return the archive, every byte of it checked, and the sizes of its entries."""
    archive = None
    try:
        archive = zipfile.ZipFile(path)
        infos = archive.infolist()
        _refuse_unusual(path, infos, path.stat().st_size)
        sizes = {info.filename: info.file_size for info in infos}
        if MANIFEST not in sizes:
            raise BundleError(f"{path}: no {MANIFEST}: it is not a bundle of cup_assets")
        _refuse_another_form(path, archive, sizes)
    except BaseException as error:
        if archive is not None:
            archive.close()
        if isinstance(error, OSError) and error.filename is not None:
            raise BundleError(f"{path} cannot be read: {error.strerror}") from error
        if isinstance(error, _DAMAGE) and not isinstance(error, BundleError):
            raise BundleError(f"{path} is damaged or no bundle ({error})") from error
        raise
    return archive, sizes


def wrong_entries(bundle: Bundle) -> list[str]:
    """Return a line for each entry that is not what the manifest of hashes says."""
    try:
        text = bundle.read(MANIFEST).decode("ascii")
    except UnicodeDecodeError:
        return [f"{MANIFEST} is not text"]
    matches = [_LINE.fullmatch(line) for line in text.splitlines()]
    listed = {match[2]: match[1] for match in matches if match}
    if "".join(f"{sha}  {name}\n" for name, sha in sorted(listed.items())) != text:
        return [f"{MANIFEST} is not a sorted list of hashes and names"]
    found = set(bundle.sizes) - {MANIFEST}
    wrong = [f"{name} is listed, and not there" for name in sorted(listed.keys() - found)]
    wrong += [f"{name} is not listed" for name in sorted(found - listed.keys())]
    for name in sorted(found & listed.keys()):
        with bundle.stream(name) as stream:
            if _sha256_of(stream) != listed[name]:
                wrong.append(f"{name} was changed")
    return wrong


def _refuse_unusual(path: Path, infos: list[zipfile.ZipInfo], size: int) -> None:
    """Look at the list of entries, before anything is read."""
    if len(infos) > MOST_ENTRIES:
        raise BundleError(f"{path}: {len(infos)} entries, more than {MOST_ENTRIES}: refused")
    seen: set[str] = set()
    for info in infos:
        if not _NAME.fullmatch(info.filename):
            raise BundleError(f"{path}: an entry is named {info.filename!r}: refused")
        if info.filename in seen:
            raise BundleError(f"{path}: two entries are named {info.filename}: refused")
        seen.add(info.filename)
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise BundleError(
                f"{path}: {info.filename} is compressed, which entries of a bundle never are:"
                " refused"
            )
    if sum(info.file_size for info in infos) > size:
        raise BundleError(f"{path}: its entries are larger than the file: refused")


def _refuse_another_form(path: Path, archive: zipfile.ZipFile, sizes: Mapping[str, int]) -> None:
    """Write the entries again and compare every byte."""

    def opener(name: str) -> _Opener:
        return _Opener(lambda: archive.open(name), sizes[name])

    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as again, path.open("rb") as stream:
        _write(again, {name: opener(name) for name in sizes})
        again.seek(0)
        while True:
            ours, theirs = again.read(_BLOCK), stream.read(_BLOCK)
            if ours != theirs:
                raise BundleError(
                    f"{path} was changed: it is not byte for byte what its entries give"
                )
            if not ours:
                return


@dataclass(frozen=True)
class _Opener:
    """Where the bytes of an entry come from, and how many they are."""

    stream: Callable[[], IO[bytes]]
    size: int


def _opener(source: Source) -> _Opener:
    if isinstance(source, bytes):
        return _Opener(lambda: io.BytesIO(source), len(source))
    return _Opener(lambda: source.open("rb"), source.stat().st_size)


def _write(stream: IO[bytes], entries: Mapping[str, _Opener | bytes]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sorted(entries.items()):
            given = _opener(source) if isinstance(source, bytes) else source
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.create_system, info.external_attr = 3, 0o100640 << 16
            info.file_size = given.size
            with given.stream() as content, archive.open(info, "w") as entry:
                while block := content.read(_BLOCK):
                    entry.write(block)


def _sha256(source: Source) -> str:
    with _opener(source).stream() as stream:
        return _sha256_of(stream)


def _sha256_of(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
