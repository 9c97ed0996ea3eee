"""What a SOFT family file says about the samples of a series.

Belongs here: the layout of the file. Does not belong here: which description is read (`described`),
unpacking and passing over its tables (`streams`), what the words mean (`labels`).

The layout, as NCBI's "SOFT" page (https://www.ncbi.nlm.nih.gov/geo/info/soft.html) and the readers
of others (Bioconductor's GEOquery, GEOparse) have it; it could be tested here against a stand-in
only. The file is text, packed with gzip. ``^SAMPLE = GSM...`` begins a sample (``^DATABASE``,
``^SERIES``, ``^PLATFORM`` come before), ``!Sample_<field> = <text>`` says something about it, a
field that has several texts has a line for each. The tables of platforms and samples stand between
``!sample_table_begin`` and ``!sample_table_end``; ``!Series_sample_id`` lists the samples.
"""

from __future__ import annotations

from collections.abc import Iterable

from cup_assets.public.errors import PublicError
from cup_assets.public.streams import lines_outside_tables
from cup_assets.public.words import Said, Words

_LONGEST = 2**20  # bytes of a line; protocols in one paragraph have some thousand
_SAMPLE = "^sample"
_FIELD = "!Sample_"
_LISTED = "!Series_sample_id"


def read_soft(url: str, pieces: Iterable[bytes]) -> list[Said]:
    """Return what is said of each sample.

    Parameters
    ----------
    url : str
        For messages.
    pieces : iterable of bytes
        The unpacked file; it is read to its end, since samples stand behind gigabytes of others'
        tables, and held nowhere.

    Raises
    ------
    PublicError
        If it is damaged, names no samples, or not those that the series lists.
    """
    words = Words(url)
    listed: set[str] = set()
    sample = False
    for raw in lines_outside_tables(url, pieces, _LONGEST):
        if raw[:1] not in (b"^", b"!"):
            continue
        name, _, text = _decoded(raw).partition("=")
        name, text = name.strip(), text.strip()
        if name.startswith("^"):
            if sample := name.casefold() == _SAMPLE:
                words.begin(text)
        elif sample and name.startswith(_FIELD):
            words.add(name.removeprefix(_FIELD), text)
        elif name == _LISTED:
            listed.add(text.upper())
    found = words.samples()
    if lost := sorted(listed - {said.name for said in found}):
        raise PublicError(
            f"{url}: lists {len(lost):,} samples that it does not describe ({lost[0][:50]!r}):"
            " it is incomplete, try again"
        )
    return found


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:  # free text of submitters, as old as the array
        return line.decode("cp1252", "replace")
