"""Walking the input manifests from a result back to the raw files.

Belongs here: the chain of versions behind an asset. Does not belong here: printing it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.provenance import AssetVersion, asset_name


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


def results_of_sample(catalogue: Catalogue, sample_id: str) -> list[tuple[str, str]]:
    """Return (name, data version) of the assets that hold scores of a sample, sorted.

    Predictions of earlier releases are among them, with the version that made each.
    """
    found = catalogue.query(
        "SELECT DISTINCT 'diagnosis/predictions[' || batch || ']' AS name, data_version"
        " FROM predictions WHERE sample_id = ?"
        " UNION SELECT DISTINCT CASE study WHEN 'leaderboard' THEN 'evaluation/cv/' || model"
        " ELSE 'evaluation/' || study END, data_version FROM cv_scores WHERE sample_id = ?",
        [sample_id, sample_id],
    )
    return sorted(found.iter_rows())


History = Mapping[tuple[str, str], AssetVersion]


def history(catalogue: Catalogue) -> dict[tuple[str, str], AssetVersion]:
    """Return (name, data version) -> every version that was ever recorded, read at once."""
    manifest = catalogue.query("SELECT * FROM input_manifest ORDER BY input")
    inputs: dict[tuple[str, str], dict[str, str]] = {}
    for name, version, given, of_version in manifest.select(
        "asset", "asset_version", "input", "input_version"
    ).iter_rows():
        inputs.setdefault((name, version), {})[given] = of_version
    found = {}
    for row in catalogue.query("SELECT * FROM asset_versions").iter_rows(named=True):
        name = asset_name(row["asset"], row["partition"])
        found[name, row["data_version"]] = AssetVersion(
            row["asset"], row["partition"], row["data_version"], row["fingerprint"],
            row["code_version"], json.loads(row["parameters"]), row["run_id"],
            row["materialised_at"], inputs.get((name, row["data_version"]), {}),
            json.loads(row["summary"]), row["started_at"],
        )  # fmt: skip
    return found


def trace(catalogue: Catalogue, name: str, version: str, recorded: History | None = None) -> Trace:
    """Return the chain behind a version of an asset.

    Parameters
    ----------
    catalogue
        Where the versions are recorded.
    name
        As in ``input_manifest``, such as ``diagnosis/predictions[batch_1]``.
    version
        Its data version.
    recorded
        What `history` returned, where it was read already.
    """
    known = history(catalogue) if recorded is None else recorded
    seen: set[tuple[str, str]] = set()

    def follow(name: str, version: str) -> Trace:
        if (name, version) in seen:
            return Trace(name, version, None, (), repeated=True)
        seen.add((name, version))
        found = known.get((name, version))
        if found is None:
            makers = _makers_of_pool(catalogue, name, version)
            return Trace(name, version, None, tuple(follow(*maker) for maker in makers))
        inputs = tuple(follow(*item) for item in found.inputs.items())
        return Trace(name, version, found, inputs)

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
