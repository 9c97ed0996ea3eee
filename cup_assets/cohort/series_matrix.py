"""What GEO says about the samples of a series, as columns.

Belongs here: titles, sources and characteristics as columns, from the lines above the table of a
series matrix or from elsewhere. Does not belong here: the table of betas (`beta_table`), and the
meaning of the labels, which are free text and want a look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.text_tables import head_lines

PLAIN = ("title", "source_name_ch1", "geo_accession")
CHARACTERISTICS = "characteristics_ch1"
UNNAMED = "characteristics"  # the column of what was written without a name and a colon before it
# Series have a few dozen. Free text with a colon in it would make a column of every cell.
_MAX_CHARACTERISTICS = 500
_MAX_JOINED = 2**16  # characters

Columns = dict[str, list[str | None]]


def read_sample_columns(path: Path, also: Collection[str] = ()) -> pl.DataFrame | None:
    """Return a frame with a row for each sample, or None where the file is no series matrix.

    ``!Sample_title`` and ``!Sample_source_name_ch1`` become ``title`` and ``source_name_ch1``; a
    characteristic such as ``subgroup: SHH`` becomes the column ``subgroup``, whichever line it
    stands in, and one without a name is kept in the column ``characteristics``. The column
    ``geo_accession`` names the samples. Other fields, such as ``platform_id``, are columns where
    they are asked for in ``also``.
    """
    return sample_columns(path.name, _fields(path), also)


def sample_columns(
    file: str, fields: Iterable[tuple[str, Sequence[str]]], also: Collection[str] = ()
) -> pl.DataFrame | None:
    """Return the frame of `read_sample_columns` from its lines, wherever they stood.

    What a sample says twice under one name is kept, with ``; `` between.

    Parameters
    ----------
    file : str
        For messages.
    fields : iterable of (str, sequence of str)
        Name of a field (``title``, ``characteristics_ch1``), a cell for each sample.
    also : collection of str
        Fields that are columns, besides `PLAIN`.

    Raises
    ------
    MatrixError
        If the samples have more different characteristics than people write.
    """
    columns: Columns = {}
    plain = {*PLAIN, *also}
    for field, written in fields:
        cells = [_cleaned(cell) for cell in written]
        if field in plain:
            _add(file, columns, field, enumerate(cells), len(cells))
        elif field == CHARACTERISTICS:
            _add_characteristics(file, columns, cells, plain)
    if "geo_accession" not in columns:
        return None
    n = len(columns["geo_accession"])
    return pl.DataFrame(
        [pl.Series(name, cells, pl.String) for name, cells in columns.items() if len(cells) == n]
    )


def _fields(path: Path) -> Iterator[tuple[str, list[str]]]:
    for line in head_lines(path):
        name, *cells = line.split("\t")
        name = _cleaned(name)
        if name.startswith("!Sample_") and cells:
            yield name.removeprefix("!Sample_"), cells


def _add_characteristics(
    file: str, columns: Columns, cells: Sequence[str], plain: Collection[str]
) -> None:
    for place, cell in enumerate(cells):
        if not cell:
            continue
        key, _, value = cell.partition(":") if ":" in cell else (UNNAMED, "", cell)
        # A characteristic of this name must not rename the samples.
        name = key.strip() if key.strip() not in plain else f"{key.strip()} (characteristic)"
        if name not in columns and len(columns) > _MAX_CHARACTERISTICS:
            raise MatrixError(
                f"{file}: its samples have over {_MAX_CHARACTERISTICS:,} different"
                " characteristics: give what is known about them as a table with --labels"
            )
        _add(file, columns, name, [(place, value.strip())], len(cells))


def _add(file: str, columns: Columns, name: str, cells: Iterable[tuple[int, str]], n: int) -> None:
    own = columns.setdefault(name, [None] * n)
    for place, text in cells:
        if text and place < len(own):
            before = own[place]
            own[place] = text if before in (None, text) else f"{before}; {text}"
            if before and len(own[place] or "") > _MAX_JOINED:
                raise MatrixError(
                    f"{file}: says over {_MAX_JOINED:,} characters about one sample under one name"
                )


def _cleaned(cell: str) -> str:
    return " ".join(cell.strip().strip('"').split())
