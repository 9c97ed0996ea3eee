"""What a GEO series matrix says about its samples, in the lines above its table.

Belongs here: titles, sources and characteristics as columns. Does not belong here: the table of
betas (`beta_table`), and the meaning of the labels, which are free text and want a look.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from cup_assets.cohort.text_tables import head_lines

_PLAIN = ("title", "source_name_ch1", "geo_accession")


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
            _add_characteristics(columns, cells)
    if "geo_accession" not in columns:
        return None
    n = len(columns["geo_accession"])
    return pl.DataFrame(
        {name: cells for name, cells in columns.items() if len(cells) == n},
        schema_overrides=dict.fromkeys(columns, pl.String),
    )


def _add_characteristics(columns: dict[str, list[str | None]], cells: list[str]) -> None:
    for place, cell in enumerate(cells):
        key, found, value = cell.partition(":")
        if found:
            own = columns.setdefault(key.strip(), [None] * len(cells))
            if place < len(own):
                own[place] = value.strip() or None
