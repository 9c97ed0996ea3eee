"""Reading IDAT files: bead summaries of one sample in one colour channel.

Belongs here: the binary format (version 3, plain or gzip) and everything that can be wrong with
one file. Does not belong here: what the beads measure, and the two channels of a sample together.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import IdatError
from cup_assets.methylome.idat_format import MAGIC, VERSION, Field

_GZIP_MAGIC = b"\x1f\x8b"
_TOC_START = 16
_TOC_ENTRY = struct.Struct("<hq")
# The largest methylation array has 1.1 million bead types (15 MB) and the largest Illumina array
# ever sold under 5 million (65 MB); anything far beyond is a decompression bomb or another file.
MAX_BYTES = 256 * 1024 * 1024
# Real files hold 20 fields, 4 to 100 runs, short texts: what a bomb may announce costs gigabytes.
_MAX_BEADS, _MAX_FIELDS, _MAX_RUNS, _MAX_TEXT = 16_000_000, 1_000, 10_000, 1 << 20
_COPY_AGAIN = "copy it again from the scanner"
_SCAN_FORMATS = ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True)
class RunInfo:
    """One processing step that the scanner's software recorded in the file."""

    run_time: str
    block_type: str
    block_pars: str
    block_code: str
    code_version: str


@dataclass(frozen=True, eq=False)
class Idat:
    """Bead summaries of one sample in one colour channel.

    Attributes
    ----------
    path : Path
        The file.
    address : int32[n]
        Bead type addresses, distinct, in the file's order.
    mean, sd : uint16[n]
        Trimmed mean and standard deviation of the intensity over the beads of a type, in the
        scanner's 16-bit units.
    n_beads : uint8[n]
        Beads of the type that entered the mean.
    mid_block : int32[m]
        Addresses of the middle block, as stored.
    barcode, position, chip_type : str
        Sentrix_ID ("5318317007"), Sentrix_Position ("R01C01", or "A" on HumanMethylation27) and
        BeadChip layout ("BeadChip 12x1"); empty where the file does not say.
    manifest_name : str
        Name of the bead pool file where the scanner stored one, else empty.
    red_green : int
        The field of that name, as stored. It does not tell the channel: methylation files carry
        0 in both.
    run_info : tuple of RunInfo
        Decoding, scanning and extraction steps.
    """

    path: Path
    address: NDArray[np.int32]
    mean: NDArray[np.uint16]
    sd: NDArray[np.uint16]
    n_beads: NDArray[np.uint8]
    mid_block: NDArray[np.int32]
    barcode: str
    position: str
    chip_type: str
    manifest_name: str
    red_green: int
    run_info: tuple[RunInfo, ...]

    @property
    def scan_date(self) -> str | None:
        """ISO date and time of the first scan; None where it is absent or ambiguous.

        Scanners write the date in US order with AM/PM. A date in any other regional format is not
        guessed: day and month could not be told apart.
        """
        for run in self.run_info:
            if run.block_type == "Scan":
                for style in _SCAN_FORMATS:
                    try:
                        return datetime.strptime(run.run_time, style).isoformat()
                    except ValueError:
                        continue
        return None


def read_idat(path: Path) -> Idat:
    """Read one IDAT file of format version 3.

    Parameters
    ----------
    path : Path
        The file; gzip is recognised by content, not by name.

    Raises
    ------
    IdatError
        If the file cannot be read, is empty, truncated, corrupt, of another format or version, or
        contradicts itself. The message is one line that names the file.
    """
    path = Path(path)
    data = _load(path)
    if not data.startswith(MAGIC):
        _refuse(path, "is not an IDAT file (it does not start with 'IDAT')", "remove it")
    if len(data) < _TOC_START:
        _refuse(path, f"is truncated ({len(data)} bytes)", _COPY_AGAIN)
    _check_version(path, data)
    return _Parser(path, data).parse()


def _refuse(path: Path, what: str, remedy: str) -> NoReturn:
    raise IdatError(f"{path.name}: {what}; {remedy}")


def _load(path: Path) -> bytes:
    """Return the file's content, decompressed; at most `MAX_BYTES` ever lie in memory."""
    too_large = f"is larger than any IDAT file (more than {MAX_BYTES >> 20} MiB)"
    try:
        with path.open("rb") as file:
            data = _read_to_end(file, os.fstat(file.fileno()).st_size)
        if len(data) > MAX_BYTES:
            _refuse(path, too_large, "remove it")
        if data.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                # A gzip file ends with the length of what it holds.
                data = _read_to_end(stream, int.from_bytes(data[-4:], "little"))
            if len(data) > MAX_BYTES:
                _refuse(path, f"{too_large} once decompressed", "remove it")
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        _refuse(path, f"is a corrupt or truncated gzip file ({error})", _COPY_AGAIN)
    except OSError as error:
        _refuse(path, f"cannot be read ({error.strerror or error})", "check path and permissions")
    if not data:
        _refuse(path, "is empty", _COPY_AGAIN)
    return data


def _read_to_end(stream: io.BufferedIOBase, expected: int) -> bytes:
    """Return what is left of a stream, at most one byte more than `MAX_BYTES`."""
    # Room for all that is allowed, given back at once, would cost four times the reading.
    data = stream.read(min(expected, MAX_BYTES) + 1)
    if len(data) > expected:
        data += stream.read(MAX_BYTES + 1 - len(data))
    return data


def _check_version(path: Path, data: bytes) -> None:
    (version,) = struct.unpack_from("<q", data, 4)
    if version == VERSION:
        return
    # Version 1 stores a 32-bit number followed by encrypted content.
    (short,) = struct.unpack_from("<i", data, 4)
    found = f"version {short}" if 0 < short < 100 else "an unknown version"
    why = ", an encrypted format of expression arrays" if short == 1 else ""
    _refuse(
        path,
        f"is an IDAT file of {found}{why}, and methylation arrays use version {VERSION}",
        "give the files of a methylation array",
    )


class _Parser:
    """The fields of one file; every access is checked against the file's length."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.offsets = self._table_of_contents()

    def parse(self) -> Idat:
        n = self._number(Field.N_SNPS_READ)
        if not 0 < n <= min(len(self.data) // 4, _MAX_BEADS):
            what = f"announces {n:,} bead types, which {len(self.data):,} bytes cannot hold"
            _refuse(self.path, what, _COPY_AGAIN)
        address: NDArray[np.int32] = self._array(Field.ILLUMINA_ID, "<i4", n)
        self._check_distinct(address)
        return Idat(
            path=self.path,
            address=address,
            mean=self._array(Field.MEAN, "<u2", n),
            sd=self._array(Field.SD, "<u2", n),
            n_beads=self._array(Field.N_BEADS, "u1", n),
            mid_block=self._mid_block(),
            barcode=self._optional_string(Field.BARCODE),
            position=self._optional_string(Field.MOSTLY_A),
            chip_type=self._optional_string(Field.CHIP_TYPE),
            manifest_name=self._optional_string(Field.MOSTLY_NULL),
            red_green=self._number(Field.RED_GREEN) if Field.RED_GREEN in self.offsets else 0,
            run_info=self._run_info(),
        )

    def _table_of_contents(self) -> dict[int, int]:
        (n_fields,) = struct.unpack_from("<i", self.data, 12)
        start = _TOC_START + n_fields * _TOC_ENTRY.size
        if not 0 < n_fields <= _MAX_FIELDS or start > len(self.data):
            what = f"announces {n_fields:,} fields, which {len(self.data):,} bytes cannot hold"
            _refuse(self.path, what, _COPY_AGAIN)
        offsets = dict(_TOC_ENTRY.iter_unpack(self.data[_TOC_START:start]))
        for code, offset in offsets.items():
            if not start <= offset <= len(self.data):
                what = f"places {_name(code)} at byte {offset:,}, outside of its {len(self.data):,}"
                _refuse(self.path, what, f"it is truncated or damaged, {_COPY_AGAIN}")
        return offsets

    def _offset(self, field: Field) -> int:
        if field not in self.offsets:
            _refuse(self.path, f"has no {_name(field)}", "it is damaged, " + _COPY_AGAIN)
        return self.offsets[field]

    def _slice(self, field: Field, offset: int, n_bytes: int) -> int:
        """Return ``offset`` if ``n_bytes`` from there on lie inside the file."""
        if n_bytes < 0 or offset + n_bytes > len(self.data):
            what = f"ends inside {_name(field)} (needs {n_bytes:,} bytes from byte {offset:,} on"
            _refuse(self.path, f"{what}, has {len(self.data):,} in all)", _COPY_AGAIN)
        return offset

    def _number(self, field: Field) -> int:
        offset = self._slice(field, self._offset(field), 4)
        return int(struct.unpack_from("<i", self.data, offset)[0])

    def _array(self, field: Field, dtype: str, n: int, skip: int = 0) -> NDArray[Any]:
        kind = np.dtype(dtype)
        offset = self._slice(field, self._offset(field) + skip, n * kind.itemsize)
        return np.frombuffer(self.data, dtype=kind, count=n, offset=offset)

    def _mid_block(self) -> NDArray[np.int32]:
        if Field.MID_BLOCK not in self.offsets:
            return np.empty(0, dtype=np.int32)
        n = self._number(Field.MID_BLOCK)
        block: NDArray[np.int32] = self._array(Field.MID_BLOCK, "<i4", n, skip=4)
        return block

    def _string(self, field: Field, offset: int) -> tuple[str, int]:
        """Return the string at ``offset`` and the offset behind it."""
        length = shift = 0
        while True:
            byte = self.data[self._slice(field, offset, 1)]
            length |= (byte & 0x7F) << shift
            offset, shift = offset + 1, shift + 7
            if not byte & 0x80 or shift > 28:
                break
        if length > _MAX_TEXT or byte & 0x80:
            _refuse(self.path, f"announces an endless text in {_name(field)}", _COPY_AGAIN)
        end = self._slice(field, offset, length) + length
        return self.data[offset:end].decode("latin-1"), end

    def _optional_string(self, field: Field) -> str:
        if field not in self.offsets:
            return ""
        return self._string(field, self.offsets[field])[0]

    def _run_info(self) -> tuple[RunInfo, ...]:
        if Field.RUN_INFO not in self.offsets:
            return ()
        n = self._number(Field.RUN_INFO)
        if not 0 <= n <= _MAX_RUNS:
            _refuse(self.path, f"announces {n:,} processing steps", _COPY_AGAIN)
        offset = self.offsets[Field.RUN_INFO] + 4
        runs = []
        for _ in range(n):
            texts = []
            for _ in range(5):
                text, offset = self._string(Field.RUN_INFO, offset)
                texts.append(text)
            runs.append(RunInfo(*texts))
        return tuple(runs)

    def _check_distinct(self, address: NDArray[np.int32]) -> None:
        if np.all(address[1:] > address[:-1]):
            return
        values, counts = np.unique(address, return_counts=True)
        if len(values) < len(address):
            repeated = values[counts > 1]
            what = f"lists {len(repeated):,} bead addresses more than once (first {repeated[0]})"
            _refuse(self.path, what, "it is damaged, " + _COPY_AGAIN)


def _name(code: int) -> str:
    return f"field {Field(code).name if code in set(Field) else code}"
