"""Write one colour of one sample as a binary IDAT version 3 file.

Belongs here: the binary layout, written. Does not belong here: where the intensities come from
(`signal`), reading (`cup_assets.methylome.idat`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cup_assets.methylome.idat_format import MAGIC, VERSION, Field

_ENTRY = struct.Struct("<hq")
_EMPTY_STRINGS = (
    Field.UNKNOWN_1,
    Field.UNKNOWN_2,
    Field.UNKNOWN_3,
    Field.UNKNOWN_4,
    Field.UNKNOWN_5,
)
# A scan's software and settings, in the order the scanner appends them.
_RUN_STEPS = (
    ("Decoding", "SIMULATED", "AutoDecode", "2.4.9"),
    ("Scan", "sherlockID=SIMULATED|Username=SIMULATED|HostVersion=0.0.0", "BeadScan", "SIMULATED"),
    ("Register", "Algorithm=StandardGeneric|SIMULATED", "BeadScan", "SIMULATED"),
    ("Extract", "Algorithm=StandardWithBackground|SIMULATED", "BeadScan", "SIMULATED"),
)


def write_idat(
    path: Path,
    address: ArrayLike,
    mean: ArrayLike,
    sd: ArrayLike,
    n_beads: ArrayLike,
    *,
    barcode: str,
    position: str,
    chip_type: str = "BeadChip 12x8",
    scan_date: datetime = datetime(2020, 1, 1),
    gz: bool = False,
) -> None:
    """Write an IDAT version 3 file that says in its scan settings that it is simulated.

    The same arguments give the same bytes, compressed or not (no time stamp in the gz header).

    Parameters
    ----------
    path : Path
        File to write; the caller chooses the name (``<barcode>_<position>_Grn.idat[.gz]``).
    address : array_like, int32[n]
        Bead address of every bead type, ascending.
    mean, sd : array_like, uint16[n]
        Mean intensity and its standard deviation over the beads of the type.
    n_beads : array_like, uint8[n]
        Number of beads of the type.
    barcode, position : str
        Sentrix_ID and Sentrix_Position.
    chip_type : str
        Chip format as the scanner writes it.
    scan_date : datetime
        Recorded for every step of the run, in the scanner's US notation.
    gz : bool
        Compress with gzip.

    Raises
    ------
    ValueError
        If the four arrays differ in length.

    Notes
    -----
    Layout: `cup_assets.methylome.idat_format`; field order as scanners write it.
    """
    columns = (
        (Field.ILLUMINA_ID, np.asarray(address, dtype="<i4")),
        (Field.SD, np.asarray(sd, dtype="<u2")),
        (Field.MEAN, np.asarray(mean, dtype="<u2")),
        (Field.N_BEADS, np.asarray(n_beads, dtype="u1")),
    )
    n = len(columns[0][1])
    if any(values.shape != (n,) for _, values in columns):
        raise ValueError(f"{path.name}: address, mean, sd and n_beads must have one length")
    addresses = columns[0][1].tobytes()
    fields = [(Field.N_SNPS_READ, _int32(n))]
    fields += [(code, values.tobytes()) for code, values in columns]
    fields += [
        (Field.MID_BLOCK, _int32(n) + addresses),
        (Field.RED_GREEN, _int32(0)),
        (Field.MOSTLY_NULL, _string("")),
        (Field.BARCODE, _string(barcode)),
        (Field.CHIP_TYPE, _string(chip_type)),
        (Field.MOSTLY_A, _string(position)),
        *((code, _string("")) for code in _EMPTY_STRINGS),
        (Field.RUN_INFO, _run_info(scan_date)),
    ]
    content = _assemble(fields)
    path.write_bytes(_gzip(content) if gz else content)


def _assemble(fields: Sequence[tuple[Field, bytes]]) -> bytes:
    offset = len(MAGIC) + 8 + 4 + _ENTRY.size * len(fields)
    head = [MAGIC, struct.pack("<qi", VERSION, len(fields))]
    for code, content in fields:
        head.append(_ENTRY.pack(code, offset))
        offset += len(content)
    return b"".join([*head, *(content for _, content in fields)])


def _gzip(content: bytes) -> bytes:
    # wbits 31 writes a gzip header with mtime 0, so equal content gives equal bytes. Level 4 is
    # within a few percent of level 9 on noisy intensities, at a fraction of the time.
    packer = zlib.compressobj(level=4, wbits=31)
    return packer.compress(content) + packer.flush()


def _int32(value: int) -> bytes:
    return struct.pack("<i", value)


def _string(text: str) -> bytes:
    encoded = text.encode()
    length = len(encoded)
    prefix = bytearray()
    while True:
        prefix.append((length & 0x7F) | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(prefix) + encoded


def _run_info(when: datetime) -> bytes:
    # 12-hour US notation without leading zeros: strftime cannot write it on every platform.
    half = "AM" if when.hour < 12 else "PM"
    stamp = f"{when.month}/{when.day}/{when.year} {when.hour % 12 or 12}:{when:%M:%S} {half}"
    entries = b"".join(
        b"".join(map(_string, (stamp, kind, settings, code, version)))
        for kind, settings, code, version in _RUN_STEPS
    )
    return _int32(len(_RUN_STEPS)) + entries
