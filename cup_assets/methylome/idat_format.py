"""The binary layout of IDAT version 3, shared by the reader and the simulator's writer.

All integers are little-endian. A file is: the magic ``IDAT``, int64 version, int32 number of
fields, then one (int16 code, int64 file offset) entry a field, then the fields themselves.
Strings carry a length in LEB128 (7 bits a byte, low group first). Layout as documented by the
Bioconductor package illuminaio (Smith et al., F1000Research 2013, 2:264).
"""

from __future__ import annotations

from enum import IntEnum

MAGIC = b"IDAT"
VERSION = 3


class Field(IntEnum):
    """Field codes of the table of contents."""

    N_SNPS_READ = 1000  # int32: number of bead types
    ILLUMINA_ID = 102  # int32[n]: bead address
    SD = 103  # uint16[n]
    MEAN = 104  # uint16[n]
    N_BEADS = 107  # uint8[n]
    MID_BLOCK = 200  # int32 count, then int32[count]
    RUN_INFO = 300  # int32 count, then five strings an entry
    RED_GREEN = 400  # int32
    MOSTLY_NULL = 401  # string: manifest name where present
    BARCODE = 402  # string: Sentrix_ID
    CHIP_TYPE = 403  # string: e.g. "BeadChip 12x8"
    MOSTLY_A = 404  # string: Sentrix_Position, e.g. "R01C01" (27k: "A")
    UNKNOWN_1 = 405
    UNKNOWN_2 = 406
    UNKNOWN_3 = 407
    UNKNOWN_4 = 408
    UNKNOWN_5 = 409
    UNKNOWN_6 = 410
    UNKNOWN_7 = 510
