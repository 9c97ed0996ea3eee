"""What would come of a public cohort.

Belongs here: the request, and the plan made from the source's descriptions alone. Does not belong
here: bringing it (`fetch`), how a source is asked (`geo`, `gdc`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cup_assets.public import gdc, geo
from cup_assets.public.batches import DEFAULT_SIZE
from cup_assets.public.described import Told
from cup_assets.public.errors import PublicError
from cup_assets.public.labels import Labelled, label
from cup_assets.public.registry import Accession
from cup_assets.public.samples import Offer
from cup_assets.public.web import Web


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    entry
        The cohort.
    base_url
        Address of its source.
    landing, downloads
        Where batches appear, and where files lie until then.
    batch_size
        Most samples of a batch.
    accept_unverified, accept_changed
        Whether an entry that was not held against its source may land, and files that are no longer
        those of an earlier fetch.
    """

    entry: Accession
    base_url: str
    landing: Path
    downloads: Path
    batch_size: int = DEFAULT_SIZE
    accept_unverified: bool = False
    accept_changed: bool = False

    @property
    def folder(self) -> Path:
        """Where this cohort's downloads lie."""
        return self.downloads / self.entry.accession


@dataclass(frozen=True)
class Plan:
    """What would come.

    Attributes
    ----------
    offer
        Samples and files.
    labels
        What the sheets would say of ``offer.samples``.
    warnings
        What a person should know beforehand.
    """

    offer: Offer
    labels: tuple[Labelled, ...]
    warnings: tuple[str, ...]

    @property
    def n_diagnosed(self) -> int:
        """Samples that have a diagnosis."""
        return sum(said.diagnosis is not None for said in self.labels)


def make_plan(web: Web, request: Request, told: Told = lambda *_: None) -> Plan:
    """Ask the source what it offers, and apply the label map; transfers descriptions only.

    ``told`` is called with "reading descriptions", and bytes done and in all, where they are long.

    Raises
    ------
    PublicError
        If the source does not answer, or has no such cohort.
    """
    entry = request.entry
    request.folder.mkdir(parents=True, exist_ok=True)
    if entry.source == "geo":
        offer = geo.offer(web, request.base_url, entry, request.folder, told)
    else:
        offer = gdc.offer(web, request.base_url, entry)
    if not offer.samples:
        raise PublicError(
            f"{entry.accession}: offers no sample on {', '.join(entry.arrays)}: "
            + (offer.left_out[0].why if offer.left_out else "correct its entry in the registry")
        )
    warnings = list(offer.warnings)
    if entry.samples not in (None, len(offer.samples)):
        warnings.append(
            f"{len(offer.samples):,} samples are offered and the registry expects {entry.samples:,}"
        )
    if not entry.verified:
        warnings.append(f"not verified: {entry.unverified}")
    labels = tuple(label(entry, sample) for sample in offer.samples)
    return Plan(offer, labels, tuple(warnings))
