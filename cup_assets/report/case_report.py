"""What the page about one diagnostic case says.

Belongs here: the content of the page, as plain values. Does not belong here: where they are stored
(`cup_assets.orchestration.case_report`), how they are said (`case_page`).

The only name of a patient's sample on the page is its pseudonym: there is no field for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

import polars as pl

FAILED_QUALITY = "not scored: failed quality control"
"""How the note begins on a case that failed quality control when it would have been scored."""
UNLIKE = "unlike its class"
"""How the note begins that takes a match back."""


@dataclass(frozen=True)
class Limits:
    """The thresholds of the release that scored the case: shares and calibrated scores, 0 to 1."""

    match: float
    family: float
    typicality: float
    missing: float


@dataclass(frozen=True)
class Override:
    """A verdict that a person changed."""

    verdict: str
    measured: str
    by: str
    date: str
    reason: str


@dataclass(frozen=True)
class Quality:
    """Whether the measurement can be used.

    Attributes
    ----------
    verdict
        ``pass``, ``warn`` or ``fail``: the one that counts.
    reasons
        What was found, in English.
    measures
        Name -> value, None where not measured: ``failed_fraction``, ``bisulfite_conversion``
        (shares), ``median_m``, ``median_u`` (log2 intensity), ``signal_to_background`` (ratio),
        ``median_beads``.
    """

    verdict: str
    reasons: Sequence[str]
    measures: Mapping[str, float | None]
    predicted_sex: str | None
    recorded_sex: str | None
    override: Override | None = None


@dataclass(frozen=True)
class Score:
    """The calibrated score of a class (or family)."""

    name: str
    family: str | None
    score: float


@dataclass(frozen=True)
class Prediction:
    """What the release says.

    Attributes
    ----------
    call
        ``match``, ``family_only`` or ``no_match``.
    name, score, family, family_score
        Best class and family; None where the case was not scored.
    typicality
        Share of held-out reference samples that lie at least as far from their class.
    missing
        Share of the release's probes that the sample lacks.
    notes
        What is remarked, in English.
    scores
        All classes, highest first.
    families
        All families, highest first.
    """

    call: str
    name: str | None
    score: float | None
    family: str | None
    family_score: float | None
    typicality: float | None
    missing: float | None
    notes: Sequence[str] = ()
    scores: Sequence[Score] = ()
    families: Sequence[Score] = ()

    @property
    def runner_up(self) -> Score | None:
        """The best class but for the one named."""
        others = (score for score in self.scores if score.name != self.name)
        return next(others, None) if self.name is not None else None


@dataclass(frozen=True)
class Neighbour:
    """A reference sample near the case; ``distance`` is in the space of principal components."""

    place: int
    sample_id: str
    name: str | None
    family: str | None
    distance: float


@dataclass(frozen=True)
class Anomaly:
    """A called gain or loss; shares where it is typical of the class that is named."""

    kind: str
    region: str
    call: str
    log2: float | None
    confidence: float | None
    class_share: float | None = None
    other_share: float | None = None


@dataclass(frozen=True)
class CopyNumber:
    """The copy-number profile, or ``reason``: why there is none."""

    reason: str | None
    build: str | None = None
    n_controls: int | None = None
    noise: float | None = None
    altered_fraction: float | None = None
    purity: float | None = None
    purity_low: float | None = None
    purity_high: float | None = None
    purity_reason: str | None = None
    warnings: Sequence[str] = ()
    pool_version: str | None = None
    anomalies: Sequence[Anomaly] = ()
    n_not_called: int = 0


@dataclass(frozen=True)
class Driver:
    """A CpG and what it adds to the score of the class that is named."""

    rank: int
    feature: str
    gene: str | None
    value: float | None
    contribution: float


@dataclass(frozen=True)
class Drivers:
    """The CpGs that the score is made of; ``base`` plus all contributions are the ``output``."""

    quantity: str
    base: float
    output: float
    cpgs: Sequence[Driver]


@dataclass(frozen=True)
class Opposed:
    """A CpG and what it adds to the class named and to the runner-up."""

    rank: int
    feature: str
    gene: str | None
    value: float | None
    contribution: float
    contribution_against: float
    difference: float


@dataclass(frozen=True)
class Step:
    """A recorded version of an asset that the page rests on."""

    asset: str
    data_version: str
    code_version: str
    run_id: str
    made_at: datetime


@dataclass(frozen=True)
class Provenance:
    """Where it all comes from.

    Attributes
    ----------
    files
        Name and SHA-256 of each raw file.
    normalisation
        Parameter -> value.
    steps
        The versions behind the page.
    """

    files: Sequence[tuple[str, str]]
    normalisation: Mapping[str, Any]
    steps: Sequence[Step]
    release: str | None = None
    release_digest: str | None = None
    model: str | None = None
    is_current: bool = True


@dataclass(frozen=True, eq=False)
class ReferenceMap:
    """A map of the reference samples with the case in it.

    Attributes
    ----------
    method
        ``tsne``, ``umap`` or ``pca``.
    points : pl.DataFrame
        ``x``, ``y``, ``class`` of the reference samples.
    case
        Where the case lies.
    """

    method: str
    points: pl.DataFrame
    case: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Genome:
    """What is drawn along the genome.

    Attributes
    ----------
    bins : pl.DataFrame
        ``chrom``, ``start``, ``end``, ``log2``.
    segments : pl.DataFrame
        The same, with ``call``.
    genes : pl.DataFrame
        ``region``, ``chrom``, ``start``, ``end`` of genes.
    """

    bins: pl.DataFrame
    segments: pl.DataFrame
    genes: pl.DataFrame


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
