"""Damage that knows the format: what transfer, disks, editors and malice do to a valid file.

Belongs here: hypothesis strategies from a seed to a damaged file. Does not belong here: what the
readers owe (`targets`).
"""

from __future__ import annotations

import gzip
import struct
import zlib

from hypothesis import strategies as st

from cup_assets.methylome.idat_format import Field

_SIZES = st.sampled_from(
    [0, 1, -1, 2, 15, 16, 127, 128, 255, 2**15, 2**16, 2**24, 2**30, 2**31 - 1, -(2**31)]
)
_TEXTS = st.sampled_from(
    [
        *("", " ", "\n", "\r", "\0", '"', '""', "'", ",", ";", "\t", ",,,,", "[Data]", "[Assay]"),
        *("[", "]", "!", "#", "NA", "nan", "inf", "-inf", "1e300", "-1", "1e9", "0,5", "é", "\x85"),
        *(
            "\u2028",
            "\ufeff",
            "\ud7ff",
            "*",
            "^.*$",
            "^cg",
            "sample_id",
            "Sample_ID",
            "geo_accession",
        ),
        *("II", "I", "Red", "38", "hg19", "chrX", "99999999999999999999", "1.5", "x" * 300),
        *("!Sample_geo_accession", "!series_matrix_table_begin", "2020-01-01", "true"),
    ]
)


@st.composite
def damaged_idat(draw: st.DrawFn, seed: bytes) -> bytes:
    """Change counts, offsets, codes, lengths of texts and single bytes; cut; pack; pack badly."""
    data = bytearray(gzip.decompress(seed) if seed.startswith(b"\x1f\x8b") else seed)
    for _ in range(draw(st.integers(1, 3))):
        draw(st.sampled_from([_count, _entry, _content, _byte, _cut]))(draw, data)
    return draw(packed(bytes(data)))


def _table(data: bytearray) -> list[tuple[int, int, int]]:
    """Return (place, code, offset) of every entry of the table of contents that is there."""
    if len(data) < 16:
        return []
    (n,) = struct.unpack_from("<i", data, 12)
    places = range(16, min(16 + 10 * max(n, 0), len(data) - 9), 10)
    return [(at, *struct.unpack_from("<hq", data, at)) for at in places]


def _count(draw: st.DrawFn, data: bytearray) -> None:
    """Announce another number of fields, or of what a field holds."""
    offsets = [at for _, _, at in _table(data) if 0 <= at <= len(data) - 4] or [12]
    at = draw(st.sampled_from([12, *offsets]))
    if at + 4 <= len(data):
        struct.pack_into("<i", data, at, draw(_SIZES))


def _entry(draw: st.DrawFn, data: bytearray) -> None:
    """Let an entry name another field, or point elsewhere."""
    if entries := _table(data):
        at, code, offset = draw(st.sampled_from(entries))
        code = draw(st.sampled_from([code, *(field.value for field in Field), 999, -1]))
        anywhere = st.one_of(
            st.sampled_from([offset, offset + 1, offset - 1, -1, 2**62, -(2**63), len(data)]),
            st.integers(0, len(data)),
        )
        struct.pack_into("<hq", data, at, code, draw(anywhere))


def _content(draw: st.DrawFn, data: bytearray) -> None:
    """Write over the beginning of a field: lengths of texts are there."""
    if entries := _table(data):
        _, _, offset = draw(st.sampled_from(entries))
        if 0 <= offset < len(data):
            new = draw(st.one_of(st.binary(min_size=1, max_size=9), st.just(b"\xff" * 6)))
            data[offset : offset + len(new)] = new[: len(data) - offset]


def _byte(draw: st.DrawFn, data: bytearray) -> None:
    if data:
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))


def _cut(draw: st.DrawFn, data: bytearray) -> None:
    del data[draw(st.integers(0, len(data))) :]


@st.composite
def packed(draw: st.DrawFn, data: bytes) -> bytes:
    """Leave it, or pack it with gzip: well, in two members, cut, flipped, with a false length."""
    how = draw(st.sampled_from(["plain", "plain", "whole", "two", "cut", "flipped", "length"]))
    if how == "plain":
        return data
    whole = bytearray(gzip.compress(data, mtime=0, compresslevel=1))
    at = draw(st.integers(0, len(whole) - 1))
    if how == "two":
        return gzip.compress(data[:at], mtime=0) + gzip.compress(data[at:], mtime=0)
    if how == "cut":
        del whole[at:]
    elif how == "flipped":
        whole[at] ^= draw(st.integers(1, 255))
    elif how == "length":
        whole[-4:] = struct.pack("<I", draw(_SIZES) & 0xFFFFFFFF)
    return bytes(whole)


@st.composite
def damaged_text(draw: st.DrawFn, seed: bytes) -> bytes:
    """Change, drop, double and exchange cells and lines; splice bytes; cut."""
    if seed.startswith(b"\x1f\x8b"):
        seed = zlib.decompress(seed, wbits=31)
    lines = seed.split(b"\n")
    separator = max(b",;\t", key=seed.count)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["cell", "cell", "cell", "drop", "double", "swap"]))
        if how == "cell":
            cells = lines[at].split(bytes([separator]))
            cells[draw(st.integers(0, len(cells) - 1))] = draw(_TEXTS).encode()
            lines[at] = bytes([separator]).join(cells)
        elif how == "drop" and len(lines) > 1:
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "swap":
            lines[at], lines[-1] = lines[-1], lines[at]
    data = bytearray(b"\n".join(lines))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=6))
    if draw(st.integers(0, 9)) == 0:
        _cut(draw, data)
    return bytes(data)
