"""Files of any size, read as they arrive and held nowhere.

Belongs here: unpacking a stream, its lines, one member of a tar stream. Does not belong here: where
the stream comes from (`web`), what is written in it (`soft`, `miniml`).

What strangers have packed is bounded at every step: by the bytes it unpacks to, by the length of a
line, by the size of the one member that is wanted. Nothing is written to the disk.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import NoReturn

from cup_assets.public.errors import TransferError

MOST_UNPACKED = 2**38  # bytes; the tables of 10,000 samples on 930,000 probes are most of it
MOST_MEMBERS = 100_000
_PIECE = 2**18
_MAGIC = b"\x1f\x8b"
_RECORD = 512  # bytes; the unit of a tar archive
# Regular files (POSIX and before), folders, and the headers that carry longer names.
_REGULAR, _PASSED_OVER = (b"0", b"\0"), (b"5", b"x", b"g", b"L", b"K")


def unpacked(url: str, blocks: Iterable[bytes], most: int = MOST_UNPACKED) -> Iterator[bytes]:
    """Yield the content of a stream, packed with gzip or not, in pieces of at most 256 KB.

    Raises
    ------
    TransferError
        If it is empty, damaged or cut short, or unpacks to more than ``most`` bytes.
    """
    stream = iter(blocks)
    if not (first := next(stream, b"")):
        raise TransferError(f"{url}: is empty")
    whole = chain((first,), stream)
    n_bytes = 0
    for piece in _inflated(url, whole) if first.startswith(_MAGIC) else _cut(whole):
        n_bytes += len(piece)
        if n_bytes > most:
            raise TransferError(f"{url}: unpacks to more than {most:,} bytes: not read")
        yield piece


def lines_outside_tables(url: str, pieces: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Yield the lines of a SOFT file that are in no table, without their ends.

    A table is what stands between ``!<kind>_table_begin`` and ``!<kind>_table_end``. Its rows, of
    which there can be gigabytes, are passed over unread; none begins with ``!`` or ``^``.

    Raises
    ------
    TransferError
        If a line is longer than ``longest`` bytes, or a table does not end.
    """
    rest, in_table, closing = b"", False, False
    for piece in pieces:
        text, start = rest + piece, 0
        while True:
            if in_table:  # text[start] is the end of the last line seen
                start, in_table = _past_rows(text, start)
                if in_table:
                    break
                closing = True
            end = text.find(b"\n", start)
            if end < 0:
                break
            line = text[start:end].rstrip(b"\r")
            if closing and not _is_mark(line, b"_table_end"):
                _no_end(url)
            in_table, closing = _is_mark(line, b"_table_begin"), False
            start = end if in_table else end + 1
            yield line
        rest = text[start:]
        if len(rest) > longest:
            raise TransferError(f"{url}: has a line of over {longest:,} bytes: not read")
    begun = in_table or _is_mark(rest, b"_table_begin")
    if begun or (closing and not _is_mark(rest, b"_table_end")):
        _no_end(url)
    if rest:
        yield rest.rstrip(b"\r")


def tar_member(url: str, pieces: Iterable[bytes], name: str, most: int) -> Iterator[bytes]:
    """Yield one member of a tar stream, by its last name; nothing behind it is read.

    Raises
    ------
    TransferError
        If there is none, it is larger than ``most`` bytes, or the stream is no tar archive.
    """
    source, n_members = _Source(url, iter(pieces)), 0
    while (header := source.record()).strip(b"\0"):
        n_members += 1
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise TransferError(f"{url}: is no readable tar archive ({error})") from error
        if member.size < 0 or n_members > MOST_MEMBERS:
            _no_tar(url)
        wanted = PurePosixPath(member.name).name == name
        if wanted and (member.type not in _REGULAR or member.size > most):
            raise TransferError(
                f"{url}: its {name} is no plain file of at most {most:,} bytes: not read"
            )
        if not wanted and member.type not in (*_REGULAR, *_PASSED_OVER):
            raise TransferError(f"{url}: holds a link or a device: not read, report it to GEO")
        yield from source.some(member.size) if wanted else ()
        if wanted:
            return
        for _ in source.some(-(-member.size // _RECORD) * _RECORD):
            pass
    raise TransferError(f"{url}: holds no {name}")


class _Source:
    """Bytes on demand, never more of them at a time than one piece."""

    def __init__(self, url: str, pieces: Iterator[bytes]) -> None:
        self.url, self.pieces, self.rest = url, pieces, memoryview(b"")

    def some(self, n: int) -> Iterator[bytes]:
        """Yield the next n bytes, piece by piece."""
        while n:
            if not self._fill():
                _no_tar(self.url)
            piece, self.rest = self.rest[:n], self.rest[n:]
            n -= len(piece)
            yield bytes(piece)

    def record(self) -> bytes:
        """Return the next record of a tar archive; nothing where the stream has ended."""
        return b"".join(self.some(_RECORD)) if self._fill() else b""

    def _fill(self) -> bool:
        self.rest = self.rest if len(self.rest) else memoryview(next(self.pieces, b""))
        return len(self.rest) > 0


def _no_tar(url: str) -> NoReturn:
    raise TransferError(f"{url}: is a tar archive that is damaged or cut short: try again")


def _no_end(url: str) -> NoReturn:
    raise TransferError(f"{url}: has a table that does not end: it is damaged or cut short")


def _inflated(url: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj(wbits=31)
    for block in blocks:
        left = block
        # A second gzip file behind the first is part of the same content; zeros are padding.
        while left := left.lstrip(b"\0") if machine.eof else left:
            machine = zlib.decompressobj(wbits=31) if machine.eof else machine
            try:
                while piece := machine.decompress(left, _PIECE):
                    yield piece
                    if machine.eof:
                        break
                    left = machine.unconsumed_tail
            except zlib.error as error:
                raise TransferError(f"{url}: is a damaged gzip file ({error})") from error
            left = machine.unused_data
    if not machine.eof:
        raise TransferError(f"{url}: is a gzip file that is cut short: try again")


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for start in range(0, len(block), _PIECE):
            yield block[start : start + _PIECE]


def _past_rows(text: bytes, start: int) -> tuple[int, bool]:
    """Return where the first line that is no row begins, or the last end of a row, and which."""
    ends = [place for mark in (b"\n!", b"\n^") if (place := text.find(mark, start)) >= 0]
    if ends:
        return min(ends) + 1, False
    return max(start, text.rfind(b"\n", start)), True


def _is_mark(line: bytes, mark: bytes) -> bool:
    return line.startswith(b"!") and line.rstrip().lower().endswith(mark)
