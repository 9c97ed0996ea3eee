"""What the page about the whole cohort says.

Belongs here: the content of the page, as plain values. Does not belong here: where they are stored
(`cup_assets.orchestration.cohort_report`), how they are said (`cohort_page`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

# A figure with its 95 % interval.
ESTIMATE = ("value", "low", "high")


@dataclass(frozen=True)
class Picture:
    """A stored picture: ``title`` (English, as it was drawn) and PNG bytes."""

    title: str
    png: bytes


@dataclass(frozen=True)
class Made:
    """A version of an asset that the page was made from."""

    asset: str
    data_version: str
    code_version: str
    run_id: str
    at: datetime


@dataclass(frozen=True, eq=False)
class CohortReport:
    """The cohort at one moment.

    Attributes
    ----------
    date
        When the newest of ``made`` was made.
    simulated
        Whether samples were simulated.
    counts
        Name -> number: ``batches``, ``samples``, ``patients``, ``reference`` (samples learnt from),
        ``reference_patients``, ``classes``, ``diagnostic``.
    composition
        (class, family, samples, patients, ffpe, frozen, sites, batches), the largest class first.
    excluded
        (kind, samples): members that are not learnt from, by the kind of the reason.
    quality
        (batch, arrays, samples, pass, warn, fail, unread).
    not_passed
        (sample_id, batch, verdict, reasons), failed ones first.
    boards
        Scheme -> (model, metric, value, low, high) of all classes together, calibrated.
    tested
        Scheme -> samples that it tested.
    released
        (release, model) in use, None before the first.
    ablations
        (a, b, metric, difference, low, high, p_holm).
    needed
        English sentences: patients that a lower error takes.
    curve
        (model, selector, size, metric, value, low, high).
    recommended
        CpGs of the recommended panel.
    agreement
        (kind, method, n, accuracy, low, high): classifiers, neighbours and clusters against the
        diagnoses.
    pictures
        Section -> its pictures; ``composition``, ``quality``, ``board``, ``ablations``, ``panels``
        or ``landscape``.
    made
        What all of it was read from.
    missing
        Assets that have not been made yet.
    """

    date: datetime
    simulated: bool
    counts: Mapping[str, int]
    composition: pl.DataFrame
    excluded: pl.DataFrame
    quality: pl.DataFrame
    not_passed: pl.DataFrame
    boards: Mapping[str, pl.DataFrame]
    tested: Mapping[str, int]
    released: tuple[str, str] | None
    ablations: pl.DataFrame
    needed: Sequence[str]
    curve: pl.DataFrame
    recommended: int | None
    agreement: pl.DataFrame
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    made: Sequence[Made] = ()
    missing: Sequence[str] = ()
