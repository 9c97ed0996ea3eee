"""What a source says about its samples, before anything is interpreted or downloaded.

Belongs here: the plain records that the sources (`geo`, `gdc`) hand to the rest. Does not belong
here: how a source is asked, what its words mean (`labels`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes
    ----------
    url
        Where it is.
    name
        Under which name it is kept.
    size
        Bytes, or None where the source does not say.
    md5
        Its digest, or None where the source does not say.
    """

    url: str
    name: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class SourceSample:
    """One sample of a source.

    Attributes
    ----------
    sample_id
        The source's name: ``GSM...``, or the barcode of an aliquot.
    array
        Array as the source names its platform, of `registry.ARRAYS`, or None where that is none.
    facts
        What the source says: column -> text.
    files
        Colour (``Grn``, ``Red``) -> name of the file; empty where an archive holds them.
    """

    sample_id: str
    array: str | None
    facts: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """Something of a cohort that does not land, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class DescribedBy:
    """From where it is known what a source says about its samples.

    Attributes
    ----------
    layout
        One of `registry.DESCRIPTIONS`.
    why
        Why this one was read.
    files
        Address -> SHA-256 of what was read: of a series matrix the lines above its table, of a SOFT
        file the packed file, of a MINiML archive the XML in it.
    """

    layout: str
    why: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Offer:
    """What a source offers under an accession.

    Attributes
    ----------
    samples
        Samples whose files are offered, by name.
    downloads
        What must be downloaded to have them.
    n_files
        IDAT files among or inside of them, or None where that shows only in the archive.
    left_out
        Samples and files that will not land.
    warnings
        What a person should know beforehand.
    described_by
        Which of several descriptions was read, or None where the source has but one.
    """

    samples: tuple[SourceSample, ...]
    downloads: tuple[RemoteFile, ...]
    n_files: int | None
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    described_by: DescribedBy | None = None

    @property
    def n_bytes(self) -> int | None:
        """Bytes to download, or None where a size is not known."""
        sizes = [file.size for file in self.downloads]
        return None if None in sizes else sum(size or 0 for size in sizes)
