"""What a small file announces costs no memory: bombs are refused before they go off.

Each file is read in a process of its own that may not take more than half a gigabyte beyond what
the imports took, and has half a minute: a reader that allocates what was announced dies there.
"""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cup_assets.methylome import manifest_csv
from cup_assets.methylome.errors import ManifestError
from cup_assets.methylome.idat_format import MAGIC, VERSION, Field
from cup_assets_tests.fuzz.targets import TARGETS

GB = 2**30
A_GIGABYTE = b"stands for a hole of this size: a gigabyte of zeros that takes no disk"
_PROGRAM = """
import resource, sys
from pathlib import Path
from cup_assets_tests.fuzz.corpus import seeds
from cup_assets_tests.fuzz.targets import TARGETS, accepts
target, path = sys.argv[1], Path(sys.argv[2])
(path.parent / "first").mkdir()
assert accepts(target, seeds(target)[0], path.parent / "first")  # threads and imports are there now
# Not counted: what libraries reserve and never touch.
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
print(TARGETS[target][1](path))
"""

FILES: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {}


def a_file(target: str) -> Callable[[Callable[[], Iterator[bytes]]], None]:
    def register(make: Callable[[], Iterator[bytes]]) -> None:
        FILES[make.__name__.replace("_", " ")] = target, make

    return register


def _idat(fields: dict[int, bytes], n_fields: int | None = None) -> bytes:
    start = 16 + 10 * len(fields)
    head, body = b"", b""
    for code, content in fields.items():
        head += struct.pack("<hq", code, start + len(body))
        body += content
    return MAGIC + struct.pack("<qi", VERSION, n_fields or len(fields)) + head + body


@a_file("idat")
def a_header_that_announces_two_billion_beads() -> Iterator[bytes]:
    yield _idat({Field.N_SNPS_READ: struct.pack("<i", 2**31 - 1), Field.ILLUMINA_ID: bytes(400)})


@a_file("idat")
def sixty_million_beads_in_a_packed_megabyte() -> Iterator[bytes]:
    n = 60_000_000
    fields = {Field.N_SNPS_READ: struct.pack("<i", n), Field.ILLUMINA_ID: bytes(4)}
    yield gzip.compress(_idat(fields) + bytes(4 * n), 1)


@a_file("idat")
def a_table_of_twenty_million_fields() -> Iterator[bytes]:
    yield gzip.compress(_idat({}, n_fields=20_000_000) + bytes(200_000_000), 1)


@a_file("idat")
def a_text_of_two_hundred_megabytes() -> Iterator[bytes]:
    n = struct.pack("<i", 1)
    text = b"\x80\x84\xaf\x5f" + bytes(200_000_000)
    fields = {Field.N_SNPS_READ: n, Field.ILLUMINA_ID: n, Field.MEAN: n, Field.SD: n}
    yield gzip.compress(_idat(fields | {Field.N_BEADS: n, Field.BARCODE: text}), 1)


@a_file("manifest")
def a_manifest_with_a_million_columns() -> Iterator[bytes]:
    header = ",".join(f"c{i}" for i in range(1_000_000))
    yield f"[Heading]\n[Assay]\n{header}\n1\n[Controls]\n1,NEGATIVE,Red,N\n".encode()


@a_file("samplesheet")
def a_sheet_whose_one_line_never_ends() -> Iterator[bytes]:
    yield b"Sample_ID,Sentrix_ID,Sentrix_Position\n"
    yield A_GIGABYTE


@a_file("samplesheet")
def a_sheet_with_a_million_columns() -> Iterator[bytes]:
    header = "Sample_ID,Sentrix_ID,Sentrix_Position"
    yield (header + "".join(f",c{i}" for i in range(1_000_000)) + "\nS,200,R01C01\n").encode()


@a_file("samplesheet")
def a_sheet_of_eight_million_rows() -> Iterator[bytes]:
    yield b"Sample_ID,Sentrix_ID,Sentrix_Position\n" + b"x\n" * 8_000_000


@a_file("samplesheet")
def a_sheet_in_utf16_of_one_word() -> Iterator[bytes]:
    yield ("Sample_ID,Sentrix_ID,Sentrix_Position\nS,200,R01C01\n" + "x" * 7_000_000).encode(
        "utf-16"
    )


@a_file("samplesheet")
def a_cell_of_accents_on_one_letter() -> Iterator[bytes]:
    accents = "\u0301\u0316" * 60_000  # in the wrong order: to be sorted by every normalisation
    yield f"Sample_ID,Sentrix_ID,Sentrix_Position\na{accents},200,R01C01\n".encode()


@a_file("betas")
def a_table_whose_one_line_never_ends() -> Iterator[bytes]:
    yield b"sample,cg00000029\n"
    yield A_GIGABYTE


@a_file("betas")
def a_series_with_a_characteristic_a_cell() -> Iterator[bytes]:
    n = 20_000
    yield b"!Sample_geo_accession" + b"".join(b"\tGSM%d" % i for i in range(n)) + b"\n"
    yield b"!Sample_characteristics_ch1" + b"".join(b"\tk%d: v" % i for i in range(n)) + b"\n"
    yield b"!series_matrix_table_begin\nID_REF\tGSM1\ncg00000029\t0.5\n"


@a_file("packed_betas")
def a_packed_table_of_ten_gigabytes() -> Iterator[bytes]:
    yield gzip.compress(b"probe,S1\ncg00000029,0.5\n")
    block = gzip.compress(b"0" * 2**25)
    for _ in range(10 * GB // 2**25):
        yield block  # members may follow one another


@pytest.mark.parametrize("name", FILES)
def test_what_is_announced_is_not_allocated(name: str, tmp_path: Path) -> None:
    target, make = FILES[name]
    path = tmp_path / TARGETS[target][0]
    packed = 0
    with path.open("wb") as file:
        for part in make():
            if part is A_GIGABYTE:
                file.truncate(file.tell() + GB)
            else:
                packed += file.write(part)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, target, path, str(GB // 2 + 2 * packed)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.strip() == "False"


def test_a_packed_manifest_is_unpacked_up_to_the_limit_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest_csv, "MAX_BYTES", 2**20)
    monkeypatch.setattr(manifest_csv, "_CHUNK", 2**16)
    with pytest.raises(ManifestError, match="larger than any manifest"):
        manifest_csv.read_sections(gzip.compress(bytes(2**24)))
