"""Which array an IDAT file comes from: the manifest that covers its bead addresses.

Belongs here: the match between addresses and manifests. Does not belong here: reading either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import UnknownArrayError

# Scans and manifests of one array differ a little, because probes are withdrawn over the years.
# Both directions count: Illumina draws the addresses of all its arrays from one pool, so that a
# genotyping array holds half of HumanMethylation27's addresses by chance.
MIN_MANIFEST_COVERAGE = 0.9
MIN_IDAT_COVERAGE = 0.8


class Addressed(Protocol):
    """An array type that knows its name and its distinct ascending bead addresses."""

    @property
    def name(self) -> str:
        """The array's full name."""

    @property
    def addresses(self) -> NDArray[np.int32]:
        """Distinct ascending addresses."""


AnyArray = TypeVar("AnyArray", bound=Addressed)


def recognise_array(addresses: NDArray[np.int32], manifests: Iterable[AnyArray]) -> AnyArray:
    """Return the manifest that describes an IDAT file's bead addresses.

    Of the manifests of which at least 90 % of the addresses are on the array, and which explain
    at least 80 % of the array's addresses, the one that explains most; between equals the last
    by name, so that B5 wins over B4.

    Parameters
    ----------
    addresses : int32[n]
        Distinct bead addresses of one file.
    manifests : iterable of Manifest
        The candidates.

    Raises
    ------
    UnknownArrayError
        If none fits; the message gives the best coverage found.
    """
    best: AnyArray | None = None
    best_shared = -1
    nearest = "no manifest is installed"
    nearest_shared = -1
    for manifest in sorted(manifests, key=lambda each: each.name):
        known = manifest.addresses
        shared = int(np.isin(addresses, known, assume_unique=True).sum())
        of_manifest, of_file = shared / len(known), shared / len(addresses)
        if shared > nearest_shared:
            nearest_shared = shared
            nearest = (
                f"the nearest, {manifest.name}, has {of_manifest:.1%} of its addresses there "
                f"and explains {of_file:.1%} of the file's"
            )
        fits = of_manifest >= MIN_MANIFEST_COVERAGE and of_file >= MIN_IDAT_COVERAGE
        if fits and shared >= best_shared:
            best, best_shared = manifest, shared
    if best is None:
        raise UnknownArrayError(
            f"no manifest describes these {len(addresses):,} bead addresses ({nearest}); "
            "put the array's Illumina manifest CSV into the manifests folder, "
            "or remove the file if it is not of a methylation array"
        )
    return best
