"""What a GEO series matrix says about its samples, in the lines above its table.

Belongs here: titles, sources and characteristics as columns. Does not belong here: the table of
betas (`beta_table`), and the meaning of the labels, which are free text and want a look.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import MatrixError
from cup_assets.cohort.text_tables import head_lines

_PLAIN = ("title", "source_name_ch1", "geo_accession")
# Series have a few dozen. Free text with a colon in it would make a column of every cell.
_MAX_CHARACTERISTICS = 500


def read_sample_columns(path: Path, also: Collection[str] = ()) -> pl.DataFrame | None:
    """Return a frame with a row for each sample, or None where the file is no series matrix.

    ``!Sample_title`` and ``!Sample_source_name_ch1`` become ``title`` and ``source_name_ch1``; a
    characteristic such as ``subgroup: SHH`` becomes the column ``subgroup``, whichever line it
    stands in. The column ``geo_accession`` names the samples. Other fields, such as
    ``platform_id``, are columns where they are asked for in ``also``.
    """
    columns: dict[str, list[str | None]] = {}
    for line in head_lines(path):
        name, *cells = (cell.strip().strip('"') for cell in line.split("\t"))
        if not name.startswith("!Sample_") or not cells:
            continue
        field = name.removeprefix("!Sample_")
        if field in _PLAIN or field in also:
            columns[field] = [cell or None for cell in cells]
        elif field == "characteristics_ch1":
            _add_characteristics(path.name, columns, cells)
    if "geo_accession" not in columns:
        return None
    n = len(columns["geo_accession"])
    return pl.DataFrame(
        [pl.Series(name, cells, pl.String) for name, cells in columns.items() if len(cells) == n]
    )


def _add_characteristics(file: str, columns: dict[str, list[str | None]], cells: list[str]) -> None:
    for place, cell in enumerate(cells):
        key, found, value = cell.partition(":")
        if found:
            # A characteristic of this name must not rename the samples.
            name = key.strip() if key.strip() not in _PLAIN else f"{key.strip()} (characteristic)"
            if name not in columns and len(columns) > _MAX_CHARACTERISTICS:
                raise MatrixError(
                    f"{file}: its samples have over {_MAX_CHARACTERISTICS:,} different"
                    " characteristics: give what is known about them as a table with --labels"
                )
            own = columns.setdefault(name, [None] * len(cells))
            if place < len(own):
                own[place] = value.strip() or None
