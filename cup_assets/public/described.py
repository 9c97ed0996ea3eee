"""Which description of a GEO series is read, and the samples in it.

Belongs here: the order of preference, and what it found. Does not belong here: the layouts
themselves (`cup_assets.cohort.series_matrix`, `soft`, `miniml`), the raw files (`geo`).

The series matrix comes first: what it says of the samples stands above its table, so that a few
kilobytes are transferred. The SOFT family file says the same between tables that have to be passed
over, and the MINiML archive once more, in XML. All three give the same samples with the same words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.series_matrix import read_sample_columns
from cup_assets.public.errors import AbsentError, PublicError
from cup_assets.public.miniml import MOST_XML, read_miniml
from cup_assets.public.registry import DESCRIPTIONS, Accession
from cup_assets.public.samples import DescribedBy, SourceSample
from cup_assets.public.soft import read_soft
from cup_assets.public.streams import tar_member, unpacked
from cup_assets.public.web import Web
from cup_assets.public.words import PLATFORM, facts_of, table_of

PLATFORMS = {
    "GPL8490": "hm27",
    "GPL13534": "450k",
    "GPL16304": "450k",
    "GPL21145": "epic",
    "GPL23976": "epic",
    "GPL29753": "epic",
    "GPL33022": "epicv2",
}
"""GEO's platforms that are methylation arrays of this platform, as public tables list them."""

Told = Callable[[str, int, int | None], None]
_TABLE = b"!series_matrix_table_begin"
_HREF = re.compile(r'href="([^"/?]+)"', re.IGNORECASE)
_ASKED = "the registry's entry asks for it"


def described_samples(
    web: Web, place: str, entry: Accession, folder: Path, told: Told = lambda *_: None
) -> tuple[list[SourceSample], DescribedBy]:
    """Read the series matrix, else the SOFT family file, else the MINiML family archive.

    Only a description that is not there makes room for the next; one that is damaged is an error.

    Parameters
    ----------
    web : Web
    place : str
        Address of the series' folder.
    entry : Accession
        May ask for one description; no other is read then.
    folder : Path
        Gets the beginning of each series matrix.
    told : callable, optional
        Called with "reading descriptions", and bytes done and in all.

    Raises
    ------
    PublicError
        If there is none, or it is not in its layout.
    """
    missing: list[str] = []
    for layout in (entry.description,) if entry.description else DESCRIPTIONS:
        why = _ASKED if entry.description else "; ".join(missing) or "it is there"
        try:
            if layout == "series_matrix":
                return _from_matrices(web, place, entry.accession, folder, why)
            return _from_family(web, place, entry.accession, layout, why, told)
        except AbsentError as error:
            missing.append(str(error).partition(" (404)")[0])
    raise PublicError(f"{'; '.join(missing)}: check the accession and the address")


def _from_matrices(
    web: Web, place: str, accession: str, folder: Path, why: str
) -> tuple[list[SourceSample], DescribedBy]:
    place = f"{place}/matrix/"
    own = re.compile(rf"{accession}(-GPL\d+)?_series_matrix\.txt\.gz")
    listed = _HREF.findall(web.text(place) or "")
    names = sorted({name for name in listed if own.fullmatch(name)})
    if not names:
        raise AbsentError(f"{place}: lists no series matrix")
    tables, files = [], {}
    for name in names:
        head = web.beginning(place + name, _TABLE)
        files[place + name] = hashlib.sha256(head).hexdigest()
        path = folder / name.removesuffix(".gz")
        path.write_text(_decoded(head), "utf-8")
        try:
            table = read_sample_columns(path, also=(PLATFORM,))
        except MatrixError as error:
            raise PublicError(str(error)) from error
        if table is None:
            raise PublicError(f"{name}: names no samples (!Sample_geo_accession)")
        tables.append((name, table))
    return samples_of(tables), DescribedBy("series_matrix", why, files)


def _from_family(
    web: Web, place: str, accession: str, layout: str, why: str, told: Told
) -> tuple[list[SourceSample], DescribedBy]:
    file = {
        "soft": f"soft/{accession}_family.soft.gz",
        "miniml": f"miniml/{accession}_family.xml.tgz",
    }[layout]
    url, digest = f"{place}/{file}", hashlib.sha256()
    blocks = web.blocks(url, lambda done, total: told("reading descriptions", done, total))
    if layout == "soft":
        said = read_soft(url, unpacked(url, _hashed(blocks, digest)))
    else:
        xml = tar_member(url, unpacked(url, blocks), f"{accession}_family.xml", MOST_XML)
        said = read_miniml(url, _hashed(xml, digest))
    table = table_of(url, said)
    return samples_of([(url, table)]), DescribedBy(layout, why, {url: digest.hexdigest()})


def _hashed(blocks: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


def samples_of(tables: Iterable[tuple[str, pl.DataFrame]]) -> list[SourceSample]:
    """Return the samples of all descriptions, by accession.

    Parameters
    ----------
    tables : iterable of (str, DataFrame)
        Name for messages, and the columns of `cup_assets.cohort.series_matrix`.

    Raises
    ------
    PublicError
        If a sample is described twice, or a name is no accession.
    """
    samples: dict[str, SourceSample] = {}
    for name, table in tables:
        for row in table.iter_rows(named=True):
            facts = facts_of(row)
            sample_id = facts.get("geo_accession", "").upper()
            if not re.fullmatch(r"GSM\d+", sample_id) or sample_id in samples:
                raise PublicError(
                    f"{name}: names {sample_id[:50]!r}, which is no sample or there twice"
                )
            array = PLATFORMS.get(facts.get(PLATFORM, ""))
            samples[sample_id] = SourceSample(sample_id, array, facts)
    return [samples[name] for name in sorted(samples)]


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:  # free text of submitters, as old as the array
        return text.decode("cp1252", "replace")
