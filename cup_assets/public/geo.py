"""What a GEO series offers, and where.

Belongs here: the layout of GEO's file server. Does not belong here: downloading (`transfer`),
unpacking (`archive`), what is said of the samples (`described`), what that means (`labels`).

The layout, as NCBI's "Programmatic access to GEO" (https://www.ncbi.nlm.nih.gov/geo/info/
geo_paccess.html) and the downloaders of others (Bioconductor's GEOquery) have it; it could be
tested here against a stand-in only:

``series/GSE140nnn/GSE140686/matrix/``
    Listing with ``GSE140686_series_matrix.txt.gz``, or ``GSE140686-GPL13534_series_matrix.txt.gz``
    and so on where the series has several platforms. What stands above the table is all that is
    read of it.
``series/GSE140nnn/GSE140686/soft/GSE140686_family.soft.gz``, ``miniml/GSE140686_family.xml.tgz``
    The same descriptions, of all platforms together with all tables (`described`).
``series/GSE140nnn/GSE140686/suppl/filelist.txt``
    Tab-separated ``#Archive/File, Name, Time, Size, Type``: the archive, and what is in it.
``series/GSE140nnn/GSE140686/suppl/GSE140686_RAW.tar``
    The files, each named ``GSM..._<as submitted>``, IDAT files packed with gzip. There is no
    checksum.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cup_assets.cohort.batch_files import is_idat
from cup_assets.public.described import Told, described_samples
from cup_assets.public.errors import PublicError
from cup_assets.public.registry import Accession
from cup_assets.public.samples import LeftOut, Offer, RemoteFile
from cup_assets.public.web import Web

_OF_SAMPLE = re.compile(r"(GSM\d+)[^0-9].+", re.IGNORECASE)
_COLOUR = re.compile(r"(Grn|Red|Green)\.idat(\.gz)?$", re.IGNORECASE)


def offer(
    web: Web, base: str, entry: Accession, folder: Path, told: Told = lambda *_: None
) -> Offer:
    """Ask what a series offers; nothing but descriptions is transferred.

    Parameters
    ----------
    web : Web
    base : str
        Address of GEO's file server, such as ``https://ftp.ncbi.nlm.nih.gov/geo``.
    entry : Accession
    folder : Path
        Gets the beginning of each series matrix.
    told : callable, optional
        Called with "reading descriptions", and bytes done and in all, where they are long.

    Raises
    ------
    PublicError
        If the series is not there, or has no archive of raw files.
    """
    place = series_folder(base, entry.accession)
    samples, described_by = described_samples(web, place, entry, folder, told)
    kept, left_out = [], []
    for sample in samples:
        if sample.array in entry.arrays:
            kept.append(sample)
        else:
            platform = sample.facts.get("platform_id", "an unknown platform")
            left_out.append(LeftOut(sample.sample_id, f"is on {platform}, which is not fetched"))
    archive, listed = _archive(web, base, entry.accession)
    warnings = []
    if listed is None:
        n_files = None
        warnings.append("the archive's content is not listed: pairs show only when it is unpacked")
    else:
        names = {sample.sample_id for sample in kept}
        files = files_by_sample(listed)
        n_files = sum(len(colours) for name, colours in files.items() if name in names)
        if not n_files:
            raise PublicError(
                f"{entry.accession}: its archive lists no IDAT file of a sample on"
                f" {', '.join(entry.arrays)}: it cannot be fetched as raw data"
            )
    return Offer(tuple(kept), (archive,), n_files, tuple(left_out), tuple(warnings), described_by)


def series_folder(base: str, accession: str) -> str:
    """Return the address of a series' folder.

    >>> series_folder("https://ftp.ncbi.nlm.nih.gov/geo", "GSE140686")
    'https://ftp.ncbi.nlm.nih.gov/geo/series/GSE140nnn/GSE140686'
    """
    thousand = accession.removeprefix("GSE")[:-3]
    return f"{base.rstrip('/')}/series/GSE{thousand}nnn/{accession}"


def files_by_sample(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Bring IDAT files together by the sample that their names begin with, and by colour.

    Returns
    -------
    dict
        ``GSM...`` -> colour -> name. A colour that a sample has twice is left out of both: nobody
        but the submitter knows which is right.
    """
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        sample, colour = _OF_SAMPLE.fullmatch(name), _COLOUR.search(name)
        if sample and colour and is_idat(name):
            shade = "Red" if colour[1].casefold() == "red" else "Grn"
            found[sample[1].upper()][shade].append(name)
    return {
        sample: {colour: files[0] for colour, files in colours.items() if len(files) == 1}
        for sample, colours in found.items()
    }


def _archive(web: Web, base: str, accession: str) -> tuple[RemoteFile, list[str] | None]:
    """Return the archive, and the names of what is in it where that is listed."""
    place = f"{series_folder(base, accession)}/suppl"
    name = f"{accession}_RAW.tar"
    text = web.text(f"{place}/filelist.txt")
    rows = [line.split("\t") for line in (text or "").splitlines()]
    if not rows or rows[0][:1] != ["#Archive/File"]:
        size = web.headers(f"{place}/{name}").get("Content-Length", "")
        return RemoteFile(f"{place}/{name}", name, int(size) if size.isdigit() else None), None
    size = next((row[3] for row in rows if len(row) > 3 and row[:2] == ["Archive", name]), "")
    if not size.isdigit():
        raise PublicError(f"{place}: has no archive {name}: the series has no raw files to fetch")
    listed = [row[1] for row in rows if len(row) > 3 and row[0] == "File"]
    return RemoteFile(f"{place}/{name}", name, int(size)), listed
