"""What the page about one diagnostic case says.

Belongs here: the content of the page as a whole. Does not belong here: its parts
(`case_sections`), where they are stored (`cup_assets.orchestration.case_report`), how they are
said (`case_page`).

The only name of a patient's sample on the page is its pseudonym: there is no field for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

import polars as pl

from cup_assets.report.case_sections import (
    CopyNumber,
    Drivers,
    Genome,
    Limits,
    Neighbour,
    Opposed,
    Prediction,
    Provenance,
    Quality,
    ReferenceMap,
)

FAILED_QUALITY = "not scored: failed quality control"
"""How the note begins on a case that failed quality control when it would have been scored."""
UNLIKE = "unlike its class"
"""How the note begins that takes a match back."""


@dataclass(frozen=True, eq=False)
class CaseReport:
    """All that the page about a case holds.

    Attributes
    ----------
    date
        When the run ended that made the call (of a file that cannot be read: that read it).
    error
        Why the files could not be read; there is nothing else then.
    limits, prediction
        None where the case has not been scored by the release.
    """

    sample_id: str
    batch: str
    array: str | None
    material: str | None
    simulated: bool
    date: datetime
    provenance: Provenance
    quality: Quality | None = None
    limits: Limits | None = None
    prediction: Prediction | None = None
    neighbours: Sequence[Neighbour] = ()
    copy_number: CopyNumber | None = None
    drivers: Drivers | None = None
    differential: Sequence[Opposed] = ()
    error: str | None = None
    reference_map: ReferenceMap | None = None
    genome: Genome | None = None

    @property
    def state(self) -> str:
        """Name of the sentence that says what came out.

        ``unreadable``, ``not_scored`` (yet), ``failed_quality``, ``missing_probes``,
        ``refused`` (for what the notes say), or the call: ``match``, ``family_only``,
        ``family_only_unlike``, ``no_match``, ``no_match_unlike``.
        """
        if self.error is not None:
            return "unreadable"
        if self.prediction is None or self.limits is None:
            return "not_scored"
        found = self.prediction
        if found.score is None:
            if any(note.startswith(FAILED_QUALITY) for note in found.notes):
                return "failed_quality"
            lacks = found.missing is not None and found.missing > self.limits.missing
            return "missing_probes" if lacks else "refused"
        reached = found.score >= self.limits.match
        return f"{found.call}_unlike" if reached and found.call != "match" else found.call


def content(case: CaseReport) -> dict[str, Any]:
    """Return what a page says as JSON-able values, without when and by which run it was found.

    Pages of the same content say the same of a case: the versions of all data are in it.
    """
    found: dict[str, Any] = _plain(case)
    del found["date"]
    for step in found["provenance"]["steps"]:
        del step["run_id"], step["made_at"]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, pl.DataFrame):
        return [value.columns, [_plain(row) for row in value.rows()]]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value
