"""What a source's description says, sample by sample, before it is a table.

Belongs here: collecting the few fields that are used, within bounds, and the table that they make.
Does not belong here: the layouts that they stand in (`soft`, `miniml`), what they mean (`labels`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import polars as pl

from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.series_matrix import CHARACTERISTICS, PLAIN, sample_columns
from cup_assets.public.errors import PublicError

PLATFORM = "platform_id"
USED = frozenset({*PLAIN, PLATFORM, CHARACTERISTICS})
_MOST_SAMPLES = 100_000
_MOST_TEXT = 2**27  # characters of all that is kept
_MOST_TEXTS = 500  # of one field of a sample


@dataclass
class Said:
    """What is said of one sample.

    Attributes
    ----------
    name
        Its accession; until that is read, what it goes by in the file.
    fields
        Field, as a series matrix names it, -> its texts in their order.
    """

    name: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class Words:
    """Collects what a description says; refuses what no memory should hold."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._samples: list[Said] = []
        self._n_characters = 0

    def begin(self, name: str) -> None:
        """Begin the next sample."""
        if len(self._samples) >= _MOST_SAMPLES:
            raise PublicError(f"{self.url}: names over {_MOST_SAMPLES:,} samples: not read")
        self._samples.append(Said(name.upper()))

    def add(self, name: str, text: str) -> None:
        """Keep what a field of this sample says, if it is one that is used."""
        if name in USED:
            texts = self._samples[-1].fields.setdefault(name, [])
            texts.append(text)
            self._n_characters += len(text)
            if self._n_characters > _MOST_TEXT or len(texts) > _MOST_TEXTS:
                raise PublicError(
                    f"{self.url}: says more about its samples than people write: not read"
                )

    def samples(self) -> list[Said]:
        """Return the samples, each under one name.

        Raises
        ------
        PublicError
            If there are none, or one goes by two accessions.
        """
        if not self._samples:
            raise PublicError(f"{self.url}: names no samples")
        for said in self._samples:
            accessions = {text.upper() for text in said.fields.get("geo_accession", [said.name])}
            if len(accessions) > 1:
                names = " and ".join(repr(name[:50]) for name in sorted(accessions)[:3])
                raise PublicError(f"{self.url}: one sample is {names}")
            (said.name,) = accessions
            said.fields["geo_accession"] = [said.name]
        return self._samples


def table_of(url: str, samples: Sequence[Said]) -> pl.DataFrame:
    """Return the frame that `cup_assets.cohort.series_matrix` makes of a series matrix.

    What is said is written as a matrix has it, a line for each field and each of its texts, and
    read by the same rules: the same series gives the same frame, whichever description was read.

    Raises
    ------
    PublicError
        If there are more characteristics than people write.
    """
    try:
        table = sample_columns(url, _lines(samples), also=(PLATFORM,))
    except MatrixError as error:
        raise PublicError(str(error)) from error
    if table is None:
        raise PublicError(f"{url}: names no samples")
    return table


def _lines(samples: Sequence[Said]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(USED):
        texts = [said.fields.get(name, []) for said in samples]
        for cells in zip_longest(*texts, fillvalue=""):
            yield name, list(cells)


def facts_of(row: Mapping[str, str | None]) -> dict[str, str]:
    """Return what a row says, in one order: the sheet must not depend on the description's."""
    first = [
        name for name in ("title", "geo_accession", PLATFORM, "source_name_ch1") if name in row
    ]
    others = sorted(row.keys() - set(first))
    return {name: text for name in (*first, *others) if (text := row[name]) is not None}
