"""What a MINiML family archive says about the samples of a series.

Belongs here: the layout of the XML. Does not belong here: which description is read (`described`),
finding the XML in its archive (`streams`), what the words mean (`labels`).

The layout, as NCBI's "MINiML" page and its schema (https://www.ncbi.nlm.nih.gov/geo/info/MINiML.
html) and files that others have published show it; it could be tested here against a stand-in only.
The archive (``.xml.tgz``) holds ``<accession>_family.xml`` and the tables as files of their own
(``GSM...-tbl-1.txt``), which are not read. In the XML, ``Sample`` has ``Title``, ``Accession``,
``Platform-Ref ref``, and a ``Channel`` for each dye with ``Source`` and ``Characteristics tag``;
text stands between line breaks.

Expat reads the file piece by piece. GEO's files have no document type; one that has is refused, so
that no entity is ever declared, expanded or fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn
from xml.parsers import expat

from cup_assets.cohort.series_matrix import CHARACTERISTICS
from cup_assets.public.errors import PublicError
from cup_assets.public.words import PLATFORM, Said, Words

MOST_XML = 2**28  # bytes; 10,000 samples with their protocols are a third of it
_LONGEST = 2**20  # bytes of one tag, and of the text of one element
_DEEPEST = 64
_SAMPLE, _CHANNEL = ("MINiML", "Sample"), ("MINiML", "Sample", "Channel")
_TEXTS = {
    (*_SAMPLE, "Title"): "title",
    (*_SAMPLE, "Accession"): "geo_accession",
    (*_CHANNEL, "Source"): "source_name_ch1",
    (*_CHANNEL, "Characteristics"): CHARACTERISTICS,
}
# What the parser and Python's codecs raise where the file is no XML, or not in its encoding.
_FAULTS = (expat.ExpatError, LookupError, ValueError)


def read_miniml(url: str, pieces: Iterable[bytes]) -> list[Said]:
    """Return what is said of each sample.

    Parameters
    ----------
    url : str
        For messages.
    pieces : iterable of bytes
        The XML; it is held nowhere.

    Raises
    ------
    PublicError
        If it is no well-formed MINiML, has a document type, or names no samples.
    """
    reader = _Reader(url)
    n_bytes = 0
    try:
        for piece in pieces:
            reader.parser.Parse(piece, False)
            n_bytes += len(piece)
            # What has not led to an event yet is held by the parser: a tag without an end.
            if n_bytes - max(reader.parser.CurrentByteIndex, 0) > _LONGEST:
                reader.refuse("has a tag that does not end")
        reader.parser.Parse(b"", True)
    except PublicError:
        raise
    except _FAULTS as error:
        line = " ".join(str(error).split())[:200]
        raise PublicError(f"{url}: is no well-formed XML ({line}): try again") from error
    return reader.words.samples()


class _Reader:
    """Follows the elements; keeps the text of those that are asked for."""

    def __init__(self, url: str) -> None:
        self.url, self.words = url, Words(url)
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._path: tuple[str, ...] = ()
        self._channels = 0
        self._tag: str | None = None
        self._kept: list[str] | None = None
        self._n_kept = 0

    def refuse(self, what: str) -> NoReturn:
        raise PublicError(f"{self.url}: {what}: not read, report it to GEO")

    def _doctype(self, *_: object) -> None:
        self.refuse("has a document type, by which entities can be declared")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path = (*self._path, name.rpartition(" ")[2])
        if len(self._path) > _DEEPEST:
            self.refuse(f"has elements more than {_DEEPEST} deep")
        if self._path[:1] != ("MINiML",):
            self.refuse(f"is no MINiML, it begins with {self._path[0][:40]!r}")
        if self._path == _SAMPLE:
            self.words.begin(attributes.get("iid", ""))
            self._channels = 0
        elif self._path == _CHANNEL:
            self._channels += 1
        elif self._path == (*_SAMPLE, "Platform-Ref"):
            self.words.add(PLATFORM, attributes.get("ref", ""))
        field = _TEXTS.get(self._path)
        if field and (self._path[:3] != _CHANNEL or self._channels == 1):
            self._tag = attributes.get("tag")
            self._kept, self._n_kept = [], 0

    def _text(self, text: str) -> None:
        if self._kept is not None:
            self._n_kept += len(text)
            if self._n_kept > _LONGEST:
                self.refuse(f"says over {_LONGEST:,} characters in one element")
            self._kept.append(text)

    def _end(self, _: str) -> None:
        if self._kept is not None and (field := _TEXTS.get(self._path)):
            text = "".join(self._kept).strip()
            # As SOFT and the series matrix write it.
            self.words.add(field, text if self._tag is None else f"{self._tag}: {text}")
            self._kept = None
        self._path = self._path[:-1]
