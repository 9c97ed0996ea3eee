"""What stands in the cells of the cohort's page.

Belongs here: figures with their intervals, and names, as a language writes them. Does not belong
here: which of them are shown (`cohort_page`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from cup_assets.report.language import Language


def reason_cell(kind: str, language: Language) -> str:
    """Return why samples are not learnt from; what has no words here is said as it is stored."""
    known = language.texts["cohort"]["excluded_because"]
    return str(known.get(kind, kind))


def cell_name(cell: str, language: Language) -> str:
    """Return a cell of the ablations (``model · strategy · features``) in words."""
    return " · ".join(language.word(part).replace("_", " ") for part in cell.split(" · "))


def metric_cell(
    own: pl.DataFrame, metric: str, digits: int, share: bool, language: Language
) -> str:
    """Return a model's figure, a dash where it was not computed."""
    row = own.filter(pl.col("metric") == metric)
    return (
        estimate_cell(row.row(0, named=True), digits, language, share=share) if row.height else "–"
    )


def selector_cell(at: pl.DataFrame, selector: Any, language: Language) -> str:
    """Return the error of a selector's panels at one size."""
    row = at.filter(pl.col("selector") == selector)
    return estimate_cell(row.row(0, named=True), 1, language, share=True) if row.height else "–"


def estimate_cell(
    row: Mapping[str, Any],
    digits: int,
    language: Language,
    *,
    share: bool = False,
    sign: bool = False,
) -> str:
    """Return ``2.3%`` and below it ``[1.0–3.6]``, without brackets where there is no interval."""
    if share:
        said = language.percent(row["value"], digits)
        ends = [None if row[end] is None else 100 * row[end] for end in ("low", "high")]
    else:
        said = language.number(row["value"], digits, sign=sign)
        ends = [row["low"], row["high"]]
    if None in ends:
        return said
    low, high = (language.number(end, digits, sign=sign) for end in ends)
    return f"{said}\n[{low}; {high}]" if sign else f"{said}\n[{low}–{high}]"
