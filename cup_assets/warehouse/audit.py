"""Walking the input manifests from a result back to the raw files.

Belongs here: the chain of versions behind an asset. Does not belong here: printing it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.provenance import AssetVersion


@dataclass(frozen=True)
class Trace:
    """One version of an input, with what it was made from.

    Attributes
    ----------
    name, version
        As recorded in ``input_manifest``.
    record
        Code version, parameters, run and time; None for a raw file, a manifest or a control pool,
        whose version is the content itself.
    inputs
        What it was made from. An input that was already shown elsewhere in the same trace is
        repeated without its own inputs (``repeated``).
    """

    name: str
    version: str
    record: AssetVersion | None
    inputs: tuple[Trace, ...]
    repeated: bool = False

    def walk(self, visit: Callable[[Trace, int], None], depth: int = 0) -> None:
        """Call ``visit(trace, depth)`` for this trace and all below it, inputs after their user."""
        visit(self, depth)
        for trace in self.inputs:
            trace.walk(visit, depth + 1)


def trace(catalogue: Catalogue, name: str, version: str) -> Trace:
    """Return the chain behind a version of an asset.

    Parameters
    ----------
    catalogue
        Where the versions are recorded.
    name
        As in ``input_manifest``, such as ``diagnosis/predictions[batch_1]``.
    version
        Its data version.
    """
    seen: set[tuple[str, str]] = set()

    def follow(name: str, version: str) -> Trace:
        asset, _, partition = name.removesuffix("]").partition("[")
        if (name, version) in seen:
            return Trace(name, version, None, (), repeated=True)
        seen.add((name, version))
        found = catalogue.versions(asset, partition, version)
        if not found:
            makers = _makers_of_pool(catalogue, name, version)
            return Trace(name, version, None, tuple(follow(*maker) for maker in makers))
        inputs = tuple(follow(*item) for item in found[0].inputs.items())
        return Trace(name, version, found[0], inputs)

    return follow(name, version)


def _makers_of_pool(catalogue: Catalogue, name: str, version: str) -> list[tuple[str, str]]:
    """Return the asset version that made a pool of controls; its version is its own content."""
    asset, _, array = name.rpartition("/")
    if asset != "cnv/controls":
        return []
    rows = catalogue.query(
        'SELECT DISTINCT made_by FROM cnv_pools WHERE "array" = ? AND pool_version = ?',
        [array, version],
    )
    return [(asset, made_by) for made_by in rows["made_by"]]
