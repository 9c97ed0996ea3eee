"""The parts of a case's report, as plain values.

Belongs here: one dataclass a part of the page. Does not belong here: the report as a whole
(`case_report`), words and look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl


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
