"""What the readers owe to any bytes whatsoever, as functions of these bytes.

Belongs here: the law of each reader. Does not belong here: where the bytes come from (`corpus`,
`damage`, the coverage-guided fuzzer in `explore`).

The law: a reader returns, or it raises the error that it documents, with a message of one line of
sane length. Any other exception (a library's, a panic in native code, a warning) is a finding, and
so is a result that contradicts itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from cup_assets.cohort.beta_table import read_beta_table
from cup_assets.cohort.problems import CohortError
from cup_assets.cohort.samplesheet import load_samplesheet
from cup_assets.cohort.series_matrix import read_sample_columns
from cup_assets.methylome import IdatError, Manifest, ManifestError, read_idat, read_manifest
from cup_assets.methylome.batch import process_batch
from cup_assets.public.described import samples_of
from cup_assets.public.errors import PublicError
from cup_assets.public.miniml import read_miniml
from cup_assets.public.soft import read_soft
from cup_assets.public.streams import tar_member, unpacked
from cup_assets.public.words import Said, table_of

LONGEST_MESSAGE = 2_000  # characters
CUT = b"<<cut here>>"  # between the two files of a pair
MEMBER = "GSE1_family.xml"  # of an archive of descriptions
_BLOCK = 97  # bytes that come at a time: what is cut at any place reads the same

Target = Callable[[Path], bool]


def lawful(read: Callable[[], object], error: type[Exception]) -> bool:
    """Return whether the reader accepted the file; it may only refuse it as documented."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read()
        except error as refused:
            message = str(refused)
        else:
            return True
    assert is_a_message(message), message[:300]
    return False


def is_a_message(text: str) -> bool:
    """Return whether a person can be shown this: one line, not empty, not endless."""
    return 0 < len(text) <= LONGEST_MESSAGE and len(text.splitlines()) == 1


def idat(path: Path) -> bool:
    """Take one IDAT file, plain or gzip."""

    def read() -> None:
        found = read_idat(path)
        n = len(found.address)
        assert 0 < n == len(found.mean) == len(found.sd) == len(found.n_beads)
        assert len(np.unique(found.address)) == n
        assert found.scan_date is None or found.scan_date[4] == "-"

    return lawful(read, IdatError)


def pair(path: Path) -> bool:
    """Take the two colours of one sample: betas, or one line why not."""
    grn, _, red = path.read_bytes().partition(CUT)
    item = "S", path.with_name("x_Grn.idat"), path.with_name("x_Red.idat")
    item[1].write_bytes(grn)
    item[2].write_bytes(red)

    def read() -> None:
        result = process_batch([item], _manifest())
        assert len(result.failed) + sum(len(array.sample_ids) for array in result.arrays) == 1
        assert all(is_a_message(line) for _, line in result.failed)
        for array in result.arrays:
            known = array.beta[~np.isnan(array.beta)]
            assert np.all((known >= 0) & (known <= 1))
            p = array.detection_p
            assert np.all(np.isnan(p) | ((p >= 0) & (p <= 1)))
        if result.failed:
            raise IdatError(result.failed[0][1])

    return lawful(read, IdatError)


def manifest(path: Path) -> bool:
    """Take an array manifest, plain or gzip."""

    def read() -> None:
        found = read_manifest(path)
        assert found.array
        assert found.name
        assert found.probes["probe_id"].n_unique() == found.probes.height > 0
        assert found.probes["address_a"].null_count() == 0
        assert found.probes.filter(design="I")["address_b"].null_count() == 0

    return lawful(read, ManifestError)


def samplesheet(path: Path) -> bool:
    """Take a sample sheet, rows refused one by one."""

    def read() -> None:
        sheet = load_samplesheet(path)
        names = [row.sample_id.casefold() for row in sheet.rows]
        assert len(set(names)) == len(names)
        assert len({row.position for row in sheet.rows}) == len(names)
        assert all(is_a_message(problem.line) for problem in sheet.problems)
        assert sheet.rows or sheet.problems, "nothing is dropped in silence"

    return lawful(read, CohortError)


def betas(path: Path) -> bool:
    """Take a table of betas as text, plain or packed, a GEO series matrix among them."""
    lawful(lambda: read_sample_columns(path), CohortError)
    return lawful(lambda: _table_of_betas(path), CohortError)


def _table_of_betas(path: Path) -> None:
    table = read_beta_table(path)
    assert table.X.shape == (table.samples.height, len(table.probe_ids))
    assert table.samples["sample_id"].n_unique() == table.samples.height
    known = table.X[~np.isnan(table.X)]
    assert known.size
    assert known.min() >= 0
    assert known.max() <= 1


def soft(path: Path) -> bool:
    """Take what GEO says of the samples of a series, as a SOFT family file."""
    return _description(path, lambda data: read_soft("x", _pieces(data)))


def packed_soft(path: Path) -> bool:
    """Take the same as it is transferred."""
    return _description(path, lambda data: read_soft("x", unpacked("x", _pieces(data))))


def miniml(path: Path) -> bool:
    """Take the same as MINiML, the XML as it is."""
    return _description(path, lambda data: read_miniml("x", _pieces(data)))


def packed_miniml(path: Path) -> bool:
    """Take the same out of its archive."""

    def read(data: bytes) -> list[Said]:
        return read_miniml("x", tar_member("x", unpacked("x", _pieces(data)), MEMBER, 2**20))

    return _description(path, read)


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK))


def _description(path: Path, reader: Callable[[bytes], list[Said]]) -> bool:
    def read() -> None:
        said = reader(path.read_bytes())
        samples = samples_of([("x", table_of("x", said))])
        assert len(samples) == len(said) > 0

    return lawful(read, PublicError)


TARGETS: dict[str, tuple[str, Target]] = {
    "idat": ("any_Grn.idat", idat),
    "pair": ("any.pair", pair),
    "manifest": ("any.csv", manifest),
    "samplesheet": ("samplesheet.csv", samplesheet),
    "betas": ("any.txt", betas),
    "packed_betas": ("any.txt.gz", betas),
    "soft": ("any.soft", soft),
    "packed_soft": ("any.soft.gz", packed_soft),
    "miniml": ("any.xml", miniml),
    "packed_miniml": ("any.xml.tgz", packed_miniml),
}


def accepts(target: str, data: bytes, folder: Path) -> bool:
    """Write the bytes as a file of the target's name; return whether its reader accepts them."""
    name, law = TARGETS[target]
    path = folder / name
    path.write_bytes(data)
    return law(path)


@cache
def _manifest() -> Manifest:
    # Imported late: the corpus needs the simulator, which the fuzzer does not instrument.
    from cup_assets_tests.fuzz.corpus import tiny_manifest

    return tiny_manifest()
